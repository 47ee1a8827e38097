"""How a command of SlackVM starts, and what it says where a library is missing."""

import os
import sys
from pkgutil import resolve_name

_PACKAGES = ("slackvm", "schedulerlocal", "schedulerglobal", "schedulerclient", "slackanalysis")


def run_command(name: str, place: str, extra: str) -> None:
    """Run a command; where a library is missing, say which extra brings it and exit with 1.

    Libraries are imported by the part of the command that needs them, so one can turn out to be
    missing at any time.

    Args:
        name: of the command.
        place: of its click command, `module:attribute`.
        extra: of the package `slackvm`, with the command's libraries.
    """
    # pydantic would look for plugins in every installed package, which takes longer than a request.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    try:
        resolve_name(place)(prog_name=name)
    except ModuleNotFoundError as error:
        library = (error.name or "").partition(".")[0]
        if not library or library in _PACKAGES:
            raise
        sys.exit(f"{name}: {library} is not installed: pip install 'slackvm[{extra}]'")
