"""A web page of files, served to browsers; it asks the daemon's own REST interface for the rest."""

import hashlib
import re
from collections.abc import Callable
from importlib.resources.abc import Traversable
from pathlib import PurePath
from typing import Annotated, Any

from pydantic import Field

from slackvm.api.base import Inputs
from slackvm.api.errors import RestError
from slackvm.http.endpoints import AnyEndpoint, Endpoint, Request, Response
from slackvm.model.codes import Code

INDEX = "index.html"

MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
"""What a page may be made of, by the ending of a file's name."""

_TEXT = "text/plain; charset=utf-8"

_HEADERS = {
    # Nothing but what comes from this daemon is loaded or run, no text is ever taken for HTML, and
    # no page may put this one in a frame.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    # Kept, and asked for again each time: a daemon of another version has other files.
    "Cache-Control": "no-cache",
}


class FilePath(Inputs):
    """A file of the page."""

    file: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]


def endpoints(folder: Traversable, line: str) -> list[AnyEndpoint]:
    """Return the endpoints of a page: `/` and `/page/FILE`. They need no token and tell nothing.

    Args:
        folder: its files, of the types in `MEDIA_TYPES`; one is `index.html`. They are read now.
        line: what `/` answers to whoever does not ask for HTML.
    """
    answers = {
        file.name: _answer(file) for file in folder.iterdir() if _ending(file) in MEDIA_TYPES
    }
    text = Response(200, line, {"Content-Type": _TEXT, "Vary": "Accept"})

    def index(call: Request[None, None]) -> Response:
        return answers[INDEX] if wants_html(call.accept) else text

    def one_file(call: Request[FilePath, None]) -> Response:
        if call.path.file not in answers:
            raise RestError(Code.NOT_FOUND, "the page has no such file")
        return answers[call.path.file]

    def endpoint(path: str, summary: str, handler: Callable[[Any], Response], **more: Any) -> Any:
        return Endpoint(
            method="GET",
            path=path,
            summary=summary,
            handler=handler,
            changes=False,
            open=True,
            tags=("page",),
            **more,
        )

    html = MEDIA_TYPES[".html"]
    return [
        endpoint(
            "/",
            "The page for a browser; for all others a line of text.",
            index,
            answers={200: (_TEXT, html), 304: None},
        ),
        endpoint(
            "/page/{file}",
            "A file of the page.",
            one_file,
            parameters=FilePath,
            answers={200: tuple(dict.fromkeys(MEDIA_TYPES.values())), 304: None},
            errors={404: "There is no such file."},
        ),
    ]


def wants_html(accept: str) -> bool:
    """Tell whether an `Accept` header names HTML, as browsers do, and not only anything."""
    for part in accept.lower().split(","):
        media, *parameters = (word.strip() for word in part.split(";"))
        refused = any(re.fullmatch(r"q\s*=\s*0(\.0{1,3})?", word) for word in parameters)
        if media == "text/html" and not refused:
            return True
    return False


def _answer(file: Traversable) -> Response:
    content = file.read_bytes()
    headers = {**_HEADERS, "Content-Type": MEDIA_TYPES[_ending(file)]}
    if file.name == INDEX:
        headers["Vary"] = "Accept"
    return Response(200, content, headers, etag=hashlib.sha256(content).hexdigest()[:32])


def _ending(file: Traversable) -> str:
    return PurePath(file.name).suffix
