"""A web page of static files; the page itself uses the REST interface of its daemon."""

import hashlib
import re
from importlib.resources.abc import Traversable
from pathlib import PurePath
from typing import Annotated

from pydantic import Field

from slackvm.api.base import Inputs
from slackvm.api.endpoint import Endpoint
from slackvm.api.errors import RestError
from slackvm.http.routes import AnyRoute, Request, Response, Route
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
"""Types of the files of a page, by the ending of the name."""

_TEXT = "text/plain; charset=utf-8"

_HEADERS = {
    # The browser loads and runs only files of this daemon, never takes text for HTML, and never
    # shows this page in a frame of another.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    # Browsers keep the files and check each time: another release has other files.
    "Cache-Control": "no-cache",
}


class FilePath(Inputs):
    """A file of the page."""

    file: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]


INDEX_PAGE: Endpoint[None, None] = Endpoint(
    method="GET",
    path="/",
    summary="The page for a browser; for other clients a line of text.",
    replies={200: (_TEXT, MEDIA_TYPES[".html"]), 304: None},
    open=True,
    tags=("page",),
)

PAGE_FILE: Endpoint[FilePath, None] = Endpoint(
    method="GET",
    path="/page/{file}",
    summary="A file of the page.",
    replies={200: tuple(dict.fromkeys(MEDIA_TYPES.values())), 304: None},
    codes=(Code.NOT_FOUND,),
    parameters=FilePath,
    open=True,
    tags=("page",),
)


def routes(folder: Traversable, line: str) -> list[AnyRoute]:
    """Return the routes of a page. They need no token, and their content is public.

    Args:
        folder: its files, of the types in `MEDIA_TYPES`; one is `index.html`. They are read once.
        line: the answer of `/` to clients that do not accept HTML.
    """
    files = {
        file.name: _response(file) for file in folder.iterdir() if _ending(file) in MEDIA_TYPES
    }
    text = Response(200, line, {"Content-Type": _TEXT, "Vary": "Accept"})

    def index(request: Request[None, None]) -> Response:
        return files[INDEX] if wants_html(request.accept) else text

    def one_file(request: Request[FilePath, None]) -> Response:
        if request.path.file not in files:
            raise RestError(Code.NOT_FOUND, "the page has no such file")
        return files[request.path.file]

    return [Route(INDEX_PAGE, index), Route(PAGE_FILE, one_file)]


def wants_html(accept: str) -> bool:
    """Return whether an `Accept` header names HTML, as browsers do, and not only `*/*`."""
    for part in accept.lower().split(","):
        media, *parameters = (word.strip() for word in part.split(";"))
        refused = any(re.fullmatch(r"q\s*=\s*0(\.0{1,3})?", word) for word in parameters)
        if media == "text/html" and not refused:
            return True
    return False


def _response(file: Traversable) -> Response:
    content = file.read_bytes()
    headers = {**_HEADERS, "Content-Type": MEDIA_TYPES[_ending(file)]}
    if file.name == INDEX:
        headers["Vary"] = "Accept"
    return Response(200, content, headers, etag=hashlib.sha256(content).hexdigest()[:32])


def _ending(file: Traversable) -> str:
    return PurePath(file.name).suffix
