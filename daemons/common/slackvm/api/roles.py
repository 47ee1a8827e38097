"""Who calls, and what they may do."""

from dataclasses import dataclass
from enum import IntEnum


class Role(IntEnum):
    """What a token allows; each role includes those before it."""

    NONE = 0
    READ = 1
    """Reading everything."""
    DEPLOY = 2
    """VMs: deployed, removed, started, stopped."""
    OPERATE = 3
    """Hosts as they are: cordoned, labelled, moved, evacuated; VMs of everybody."""
    ADMIN = 4
    """Which hosts and tokens there are."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request.

    Attributes:
        role: what they may do.
        name: name of their token; empty: it has none, or no token is needed.
        address: IP address that the request came from; empty: not known.
    """

    role: Role = Role.NONE
    name: str = ""
    address: str = ""
