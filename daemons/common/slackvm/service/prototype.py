"""Replies of the prototype's endpoints, which keep their fields and tell errors beside them."""

from typing import Literal, Self

from pydantic import BaseModel

from slackvm.service.errors import ErrorDetail, ErrorReply


class Done(BaseModel):
    """A VM was deployed or removed."""

    success: Literal[True] = True
    reason: None = None


class NotDone(ErrorReply):
    """It was not."""

    success: Literal[False]
    reason: str

    @classmethod
    def of(cls, error: ErrorDetail) -> Self:
        """Return the reply that tells `error`."""
        return cls(success=False, reason=error.message, error=error)


class Progress(BaseModel):
    """How well a VM would suit a host."""

    progress: float


class NoProgress(ErrorReply):
    """The VM cannot be placed."""

    progress: None = None
