"""A placement policy by the name that a command is given."""

import sys
from pathlib import Path

from slackvm import plugins
from slackvm.model import POLICIES, Policy

HELP = (
    f"Placement policy: {', '.join(POLICIES)}, one that a package adds, or a function of your own "
    "as module:function, looked for in this folder, too."
)


def find_policy(name: str) -> Policy:
    """Return the policy that `name` stands for (see `slackvm.plugins.find`).

    Raises:
        LookupError: there is none, or it cannot be loaded; the message says why.
    """
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    policy = plugins.find(name, POLICIES, plugins.POLICY_GROUP)
    if not callable(policy):
        raise LookupError(f"{name!r} is no function: a policy scores hosts for a VM")
    return policy


def policy_file(name: str) -> Path | None:
    """Return the file of Python that defines a policy; None where there is none.

    Raises:
        LookupError: as `find_policy`.
    """
    module = sys.modules.get(getattr(find_policy(name), "__module__", None) or "")
    file = getattr(module, "__file__", None)
    return Path(file) if file else None
