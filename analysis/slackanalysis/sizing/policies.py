"""A placement policy by the name that a command is given."""

import re
import sys
from pathlib import Path

from slackvm import plugins
from slackvm.model import POLICIES, Policy
from slackvm.model.policies import random_fit

HELP = (
    f"Placement policy: {', '.join(POLICIES)}, random:SEED, one that a package adds, or your "
    "own as module:name, also searched in the current folder."
)

_RANDOM = re.compile(r"random:([0-9]{1,9})")


def find_policy(name: str) -> Policy:
    """Return the policy of that name: `random:SEED`, or see `slackvm.plugins.find_policy`.

    Raises:
        LookupError: no policy has this name, or it cannot be loaded; the message says why.
    """
    if name.partition(":")[0] == "random":
        return _random(name)
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    return plugins.find_policy(name)


def policy_file(name: str) -> Path | None:
    """Return the Python file that defines a policy; None if it is not defined in a file.

    Raises:
        LookupError: as `find_policy`.
    """
    score = find_policy(name).score
    module = sys.modules.get(getattr(score, "__module__", None) or "")
    file = getattr(module, "__file__", None)
    return Path(file) if file else None


def _random(name: str) -> Policy:
    found = _RANDOM.fullmatch(name)
    if not found:
        raise LookupError(
            f"policy {name!r} is not allowed: random:SEED, with a whole number as in random:1"
        )
    return random_fit(int(found[1]))
