"""Finding a selection or a policy by name: SlackVM's own, an installed package's, or a module's."""

from collections.abc import Mapping
from importlib.metadata import entry_points
from pkgutil import resolve_name
from typing import TYPE_CHECKING, TypeVar, cast

if TYPE_CHECKING:
    from slackvm.model.placement import Policy

Thing = TypeVar("Thing")

SELECTION_GROUP = "slackvm.selections"
POLICY_GROUP = "slackvm.policies"


def find(name: str, built_in: Mapping[str, Thing], group: str) -> Thing:
    """Return what `name` stands for.

    Args:
        name: of a built-in one, of an entry point of `group`, or where it is: `module:attribute`.
        built_in: those that come with SlackVM.
        group: the group of entry points.

    Raises:
        LookupError: there is no such name, and the message lists those that there are; or it
            cannot be loaded, and the message says why.
    """
    if name in built_in:
        return built_in[name]
    others = {point.name: point for point in entry_points(group=group)}
    if name not in others and ":" not in name:
        known = ", ".join([*built_in, *others])
        raise LookupError(f"{name!r} is unknown; known: {known}; or module:attribute")
    try:
        return cast("Thing", others[name].load() if name in others else resolve_name(name))
    except (Exception, SystemExit) as error:
        raise LookupError(f"{name!r} cannot be loaded ({type(error).__name__}: {error})") from error


def find_policy(name: str) -> "Policy":
    """Return the placement policy of a name; see `find`.

    Raises:
        LookupError: as `find`, or what has this name is not a policy.
    """
    from slackvm.model.placement import Policy
    from slackvm.model.policies import POLICIES

    try:
        return Policy.of(find(name, POLICIES, POLICY_GROUP), name)
    except LookupError:
        raise
    except Exception as error:
        raise LookupError(f"{name}: {error}") from error
