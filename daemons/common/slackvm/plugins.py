"""Finding a selection or a policy by name: SlackVM's own, or one that an installed package adds."""

from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import TypeVar, cast

Thing = TypeVar("Thing")

SELECTION_GROUP = "slackvm.selections"
POLICY_GROUP = "slackvm.policies"


def find(name: str, built_in: Mapping[str, Thing], group: str) -> Thing:
    """Return what `name` stands for: a built-in one, or an entry point of `group`.

    Raises:
        LookupError: there is no such name; the message lists those that there are.
    """
    if name in built_in:
        return built_in[name]
    others = {point.name: point for point in entry_points(group=group)}
    if name in others:
        return cast("Thing", others[name].load())
    raise LookupError(f"{name!r} is not known; known: {', '.join([*built_in, *others])}")
