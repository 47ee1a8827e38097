"""Errors in replies, and the exception that ends a request with one."""

from collections.abc import Mapping
from typing import Annotated, Any, Self, TypeVar

from pydantic import BaseModel, Field, ValidationError, ValidatorFunctionWrapHandler, WrapValidator

from slackvm.model.codes import Code

T = TypeVar("T")


def _none_if_unusable(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
    """A later release may give a field another type; code and message say enough without it."""
    try:
        return validate(value)
    except ValidationError:
        return None


Detail = Annotated[
    T | None,
    WrapValidator(_none_if_unusable),
    Field(default=None, exclude_if=lambda value: value is None),
]


class ErrorDetail(BaseModel):
    """An error.

    Attributes:
        code: for programs: a `Code`, or the word of a peer of another release.
        message: for people.
        field: the parameter or field at fault, `mix.0.level` for one inside another.
        needed: the amount that is needed, if the error is about an amount.
        free: the amount that is free.
    """

    code: str
    message: str
    field: Detail[str] = None
    needed: Detail[int] = None
    free: Detail[int] = None


class ErrorReply(BaseModel):
    """A reply that is an error. Subclasses add the prototype's fields."""

    error: ErrorDetail

    @classmethod
    def of(cls, error: ErrorDetail) -> Self:
        """Return the reply with `error`; a subclass also sets its own fields."""
        return cls(error=error)


class RestError(Exception):
    """Ends a request with an error.

    Args:
        code: a `Code`, or the word of a peer of another release.
        message: for people.
        status: HTTP status, where it is not the code's own.
        field: the parameter or field at fault, where it is not the code's own.
        needed: an amount.
        free: an amount.
        headers: further headers of the answer.
    """

    def __init__(
        self,
        code: Code | str,
        message: str,
        *,
        status: int | None = None,
        field: str | None = None,
        needed: int | None = None,
        free: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        known = Code.parse(code)
        self.status = status or (known.status if known else Code.INTERNAL.status)
        self.headers = dict(headers or {})
        field = field or (known.field if known else None)
        self.detail = ErrorDetail(
            code=str(code), message=message, field=field, needed=needed, free=free
        )


def overloaded(what: str) -> RestError:
    """Return the error of a request that the daemon has no capacity for now."""
    return RestError(Code.OVERLOADED, f"{what}; try again", headers={"Retry-After": "1"})


def malformed(message: str, field: str | None = None) -> RestError:
    """Return the error of a request that is malformed."""
    return RestError(Code.MALFORMED, message, field=field)
