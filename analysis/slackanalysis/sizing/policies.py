"""A placement policy by the name that a command is given."""

import re
import sys
from pathlib import Path

from slackvm import plugins
from slackvm.model import POLICIES, DeclaredPolicy, Policy
from slackvm.model.policies import random_fit

HELP = (
    f"Placement policy: {', '.join(POLICIES)}, random:SEED, one that a package adds, or a function "
    "of your own as module:function, also looked for in the current folder."
)

_RANDOM = re.compile(r"random:([0-9]{1,9})")


def find_policy(name: str) -> Policy:
    """Return the policy of that name: `random:SEED`, or see `slackvm.plugins.find`.

    Raises:
        LookupError: no policy has this name, or it cannot be loaded; the message says why.
    """
    if name.partition(":")[0] == "random":
        return _random(name)
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    policy = plugins.find(name, POLICIES, plugins.POLICY_GROUP)
    if not callable(policy):
        raise LookupError(f"{name!r} is not a function: a policy scores hosts for a VM")
    return policy


def policy_file(name: str) -> Path | None:
    """Return the Python file that defines a policy; None if it is not defined in a file.

    Raises:
        LookupError: as `find_policy`.
    """
    policy = find_policy(name)
    function = policy.score if isinstance(policy, DeclaredPolicy) else policy
    module = sys.modules.get(getattr(function, "__module__", None) or "")
    file = getattr(module, "__file__", None)
    return Path(file) if file else None


def _random(name: str) -> Policy:
    found = _RANDOM.fullmatch(name)
    if not found:
        raise LookupError(
            f"policy {name!r} is not allowed: random:SEED, with a whole number as in random:1"
        )
    return random_fit(int(found[1]))
