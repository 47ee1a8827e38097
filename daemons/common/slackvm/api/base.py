"""What requests have in common, and replies; and the reply about the daemon itself."""

from pydantic import BaseModel, ConfigDict

API_VERSION = 2
"""Version of the REST interface: counted up with what a peer must know before it asks for it.

1: release 0.1.0, which says no version, and refuses fields that it does not know.
2: labels; unknown fields of replies are ignored.
"""


class Inputs(BaseModel):
    """Base of everything that a client sends: nothing unknown, no number as text, no NaN."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Reply(BaseModel):
    """Base of everything that a daemon answers.

    A later release may answer more fields than this one knows. They are kept, so that whoever hands
    a reply on (a controller, for its hosts) hands on all of it.
    """

    model_config = ConfigDict(extra="allow", frozen=True)


class HealthReply(Reply):
    """The health of a daemon.

    Attributes:
        status: `ok`, or the state of what it keeps.
        version: the daemon's.
        reason: what is wrong; empty where nothing is.
    """

    status: str
    version: str
    reason: str
