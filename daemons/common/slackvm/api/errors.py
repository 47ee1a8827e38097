"""Errors as a REST client sees them."""

from collections.abc import Mapping
from typing import Self

from pydantic import BaseModel, Field


class ErrorDetail(BaseModel):
    """What went wrong.

    Attributes:
        code: for programs: the code of a refusal, or what is wrong with the request.
        message: for people.
        field: the parameter or field at fault, `mix.0.level` for one inside another.
        needed: how much it takes, where the error is about an amount.
        free: how much of it there is.
    """

    code: str
    message: str
    field: str | None = Field(default=None, exclude_if=lambda value: value is None)
    needed: int | None = Field(default=None, exclude_if=lambda value: value is None)
    free: int | None = Field(default=None, exclude_if=lambda value: value is None)


class ErrorReply(BaseModel):
    """The body of an answer that is an error. Subclasses add the prototype's fields."""

    error: ErrorDetail

    @classmethod
    def of(cls, error: ErrorDetail) -> Self:
        """Return the reply that tells `error`; a subclass fills its own fields here."""
        return cls(error=error)


class RestError(Exception):
    """Ends a request with an error.

    Args:
        status: of HTTP.
        code: see `ErrorDetail`; the next ones likewise.
        message: for people.
        field: the parameter or field at fault.
        needed: an amount.
        free: an amount.
        headers: further headers of the answer.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        field: str | None = None,
        needed: int | None = None,
        free: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = dict(headers or {})
        self.detail = ErrorDetail(code=code, message=message, field=field, needed=needed, free=free)


def overloaded(what: str) -> RestError:
    """Return the error of a request for which there is no room at this moment."""
    return RestError(503, "overloaded", f"{what}; try again", headers={"Retry-After": "1"})


def malformed(message: str, field: str | None = None) -> RestError:
    """Return the error of a request that is none."""
    return RestError(400, "malformed", message, field=field)
