"""What all replies have in common, and those about the daemon itself."""

from pydantic import BaseModel, ConfigDict


class Reply(BaseModel):
    """An answer; it has these fields and no other."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class HealthReply(Reply):
    """How a daemon is.

    Attributes:
        status: `ok`, or the state of what it keeps.
        version: the daemon's.
        reason: what is wrong; empty where nothing is.
    """

    status: str
    version: str
    reason: str
