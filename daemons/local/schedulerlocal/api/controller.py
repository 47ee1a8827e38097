"""The controller that the host obeys, over REST."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from schedulerlocal.agent.obedience import Claim, Obedience
from schedulerlocal.api.errors import rest_errors
from slackvm.api import host_api
from slackvm.api.controllers import HOLD, ObeyReply, ObeyRequest, parse_claim
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
    """Return routes that note the controller's requests, and refuse changes of another one."""
    return [
        replace(route, handler=wrap(route.handler, obedience))
        for route in offered
        for wrap in (_guarded if route.endpoint.changes else _noting,)
    ]


def _noting(handler: Callable[..., Response], obedience: Obedience) -> Callable[..., Response]:
    def noting_handler(request: Request[Any, Any]) -> Response:
        _note(request, obedience)
        return handler(request)

    return noting_handler


def _guarded(handler: Callable[..., Response], obedience: Obedience) -> Callable[..., Response]:
    def guarded_handler(request: Request[Any, Any]) -> Response:
        _note(request, obedience)
        with rest_errors(), obedience.admitted(_claim(request)):
            return handler(request)

    return guarded_handler


def _note(request: Request[Any, Any], obedience: Obedience) -> None:
    is_held = request.controller.endswith(HOLD)
    obedience.note(_claim(request), is_held=is_held)


def _claim(request: Request[Any, Any]) -> Claim | None:
    claim = parse_claim(request.controller.removesuffix(HOLD))
    return None if claim is None else Claim(*claim)


def _response(obedience: Obedience) -> Response:
    current = obedience.current or Claim("", 0)
    return Response(200, ObeyReply(id=current.id, epoch=current.epoch))
