"""What a client sent, read strictly: query strings, JSON bodies, and their validation."""

import json
import reprlib
from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from slackvm.api.base import Inputs
from slackvm.api.errors import RestError, malformed
from slackvm.api.patterns import reason
from slackvm.model.codes import Code

Environ = dict[str, Any]
"""A request as WSGI gives it."""

Model = TypeVar("Model", bound=Inputs)

MAX_BODY = 1 << 20
"""Bytes of a request body; one that announces more is refused before it is read."""

_MAX_PARAMETERS = 64
_JSON = "application/json"

_short = reprlib.Repr()
_short.maxlevel = 2
_short.maxstring = _short.maxother = _short.maxlong = 40
_short.maxdict = _short.maxlist = 3


def from_query(model: type[Model], query: str) -> Model:
    """Return what a query string holds.

    Args:
        model: what is allowed.
        query: as WSGI gives it, every byte one character.

    Raises:
        RestError: it is not UTF-8, not made of `name=value`, repeats a parameter, or has one that
            is not allowed.
    """
    try:
        text = query.encode("latin-1").decode()
        pairs = parse_qsl(
            text,
            keep_blank_values=True,
            strict_parsing=bool(text),
            errors="strict",
            max_num_fields=_MAX_PARAMETERS,
        )
    except ValueError:
        raise malformed("the query string is not name=value&name=value in UTF-8") from None
    return from_text(model, _once(pairs))


def from_text(model: type[Model], given: dict[str, str]) -> Model:
    """Return fields that were given as text.

    Raises:
        RestError: names the first field that is not allowed.
    """
    return _validated(model, lambda: model.model_validate_strings(given, strict=False))


def from_body(model: type[Model], body: bytes) -> Model:
    """Return what a JSON body holds; no body is an empty object.

    Raises:
        RestError: it is no JSON object in UTF-8, repeats a field, or has one that is not allowed.
    """
    if not body:
        body = b"{}"
    _check_json(body)
    # Read once more by pydantic: strict about types as JSON knows them, not as Python does.
    return _validated(model, lambda: model.model_validate_json(body))


def read_body(environ: Environ) -> bytes:
    """Return the body of a request, which must be JSON where there is one.

    Raises:
        RestError: its length is not announced, or too large; it is cut, or of another type.
    """
    if "HTTP_TRANSFER_ENCODING" in environ:
        raise RestError(Code.LENGTH_REQUIRED, "a body needs a Content-Length")
    announced = environ.get("CONTENT_LENGTH") or "0"
    if not (announced.isascii() and announced.isdigit()):
        raise malformed("Content-Length is not a number of bytes")
    # Longer numbers are not converted: that could take long, or fail.
    if len(announced) > len(str(MAX_BODY)) or int(announced) > MAX_BODY:
        raise RestError(Code.BODY_TOO_LARGE, f"a body has at most {MAX_BODY} bytes")
    length = int(announced)
    if length == 0:
        return b""
    media_type, _, parameters = environ.get("CONTENT_TYPE", "").partition(";")
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    if media_type.strip().lower() != _JSON or charset not in ("", "utf-8"):
        raise RestError(Code.UNSUPPORTED_MEDIA_TYPE, f"a body must be {_JSON}, in UTF-8")
    body: bytes = environ["wsgi.input"].read(length)
    if len(body) < length:
        raise malformed("the body is shorter than Content-Length says")
    return body


def shown(value: object) -> str:
    """Return a value that a client sent for a message: short and printable."""
    return _short.repr(value)[:100]


def _check_json(body: bytes) -> None:
    try:
        # Invalid or too large numbers are checked by the field that has them.
        value = json.loads(body.decode(), object_pairs_hook=_once, parse_int=float)
    except UnicodeDecodeError:
        raise malformed("the body is not UTF-8") from None
    except RecursionError:
        raise malformed("the body is nested too deeply") from None
    except ValueError as error:
        where = f": {error}" if isinstance(error, json.JSONDecodeError) else ""
        raise malformed(f"the body is not JSON{where}") from None
    if not isinstance(value, dict):
        raise malformed(f"the body must be a JSON object, not {shown(value)}")


def _validated(model: type[Model], validate: Callable[[], Model]) -> Model:
    try:
        return validate()
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
    if detail["type"] == "json_invalid":
        raise malformed(f"the body is not JSON: {detail['ctx']['error']}")
    field = _field(".".join(map(str, detail["loc"])))
    raise RestError(Code.INVALID, _message(model, field, detail), field=field or None)


def _message(model: type[Inputs], field: str, detail: ErrorDetails) -> str:
    if detail["type"] == "missing":
        return f"{field} is missing"
    if detail["type"] == "extra_forbidden":
        allowed = ", ".join(model.model_fields) or "nothing"
        return f"{field} is unknown; allowed: {allowed}"
    # The answer may be logged or shown: it does not repeat a secret.
    value = "the value" if field.endswith("token") else shown(detail["input"])
    return f"{field or 'the request'}: {value} is not allowed: {reason(detail)}"


def _field(name: str) -> str:
    """Return a field's name as it can be answered: clients may send any."""
    return name[:100].encode("utf-8", "backslashreplace").decode()


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        [(name, _)] = Counter(name for name, _ in pairs).most_common(1)
        raise malformed(f"{shown(name)} is given more than once", _field(name))
    return members
