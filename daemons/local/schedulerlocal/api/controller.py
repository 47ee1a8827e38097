"""The controller that the host obeys, over REST."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from schedulerlocal.agent.obedience import Claim, Obedience
from schedulerlocal.api.errors import rest_errors
from slackvm.api import host_api
from slackvm.api.controllers import ObeyReply, ObeyRequest, parse_claim
from slackvm.http.routes import AnyRoute, Request, Response, Route


def routes(obedience: Obedience) -> list[AnyRoute]:
    """Return the routes."""

    def obey(request: Request[None, ObeyRequest]) -> Response:
        given = request.input
        with rest_errors():
            obedience.obey(Claim(given.id, given.epoch), take_over=given.take_over)
        return _response(obedience)

    def release(request: Request[None, None]) -> Response:
        with rest_errors():
            obedience.release(_claim(request))
        return _response(obedience)

    return [Route(host_api.OBEY, obey), Route(host_api.RELEASE, release)]


def guarded(offered: Sequence[AnyRoute], obedience: Obedience) -> list[AnyRoute]:
    """Return routes whose changes are refused where another controller sends them."""
    return [
        replace(route, handler=_guarded(route.handler, obedience))
        if route.endpoint.changes
        else route
        for route in offered
    ]


def _guarded(handler: Callable[..., Response], obedience: Obedience) -> Callable[..., Response]:
    def guarded_handler(request: Request[Any, Any]) -> Response:
        with rest_errors(), obedience.admitted(_claim(request)):
            return handler(request)

    return guarded_handler


def _claim(request: Request[Any, Any]) -> Claim | None:
    claim = parse_claim(request.controller)
    return None if claim is None else Claim(*claim)


def _response(obedience: Obedience) -> Response:
    current = obedience.current or Claim("", 0)
    return Response(200, ObeyReply(id=current.id, epoch=current.epoch))
