"""A small host that keeps VMs in a list, and a client and a server to reach it."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import requests
from pydantic import BaseModel, Field, RootModel

from slackvm.api.base import Inputs, Level, MemoryGib, Vcpus, VmName, memory_mib
from slackvm.api.endpoint import Endpoint, Lane, ReplyKind
from slackvm.api.errors import RestError
from slackvm.api.prototype import Done, NoProgress, NotDone, Progress
from slackvm.http.app import RestApp
from slackvm.http.auth import Tokens
from slackvm.http.engine.limits import LaneLimits, Limits
from slackvm.http.metrics import Metrics
from slackvm.http.routes import AnyRoute, Request, Response, Route
from slackvm.http.server import RestServer
from slackvm.model.codes import Code

CPUS = 64
TOKENS = Tokens(full="full-token", read="read-token")
FULL = {"Authorization": "Bearer full-token"}
READ = {"Authorization": "Bearer read-token"}


Handler = Callable[[Any], Response]


class Named(Inputs):
    name: VmName


class NewVM(Inputs):
    name: VmName
    vcpus: Vcpus
    memory_gib: MemoryGib
    level: Level
    clone: bool = False
    tags: list[str] = Field(default=[], max_length=5)


class Deploy(Inputs):
    name: VmName
    cpu: Vcpus
    mem: MemoryGib
    oc: Level


class Size(Inputs):
    cpu: Vcpus
    mem: MemoryGib
    oc: Level


class Vm(BaseModel):
    name: str
    vcpus: int
    memory_mib: int
    level: float


class Vms(BaseModel):
    vms: list[Vm]


class Host(BaseModel):
    generation: int
    cpus_free: int


class Health(BaseModel):
    version: str


class Names(RootModel[list[str]]):
    pass


class Toy:
    """The host. `go_on` lets waiting requests go on, `waiting` counts those that came so far."""

    def __init__(self) -> None:
        self.vms: dict[str, Vm] = {}
        self.generation = 0
        self.go_on = threading.Event()
        self.waiting = threading.Semaphore(0)
        self._lock = threading.Lock()

    def deploy(self, vm: Vm) -> bool:
        """Return whether it is new."""
        with self._lock:
            if vm.name in self.vms:
                if self.vms[vm.name] == vm:
                    return False
                raise RestError(Code.NAME_TAKEN, f"there is a VM {vm.name}")
            free = CPUS - sum(other.vcpus for other in self.vms.values())
            if vm.vcpus > free:
                message = f"{vm.vcpus} CPUs needed, {free} free"
                raise RestError(Code.NO_CPU, message, needed=vm.vcpus, free=free)
            self.vms[vm.name] = vm
            self.generation += 1
            return True

    def find(self, name: str) -> Vm:
        if name not in self.vms:
            raise RestError(Code.VM_NOT_FOUND, f"there is no VM {name}")
        return self.vms[name]

    def routes(self) -> list[AnyRoute]:
        unknown = [Code.VM_NOT_FOUND]
        refused = [Code.NO_CPU, Code.NAME_TAKEN]
        return [
            *(get(path, handler, kind) for path, handler, kind in self._simple()),
            get(
                "/healthz",
                lambda _: Response(200, Health(version="1.2.3")),
                Health,
                open=True,
                lane=Lane.PROBE,
            ),
            get("/v1/host", self._host, replies={200: Host, 304: None}),
            get(
                "/progress",
                self._progress,
                Progress,
                input=Size,
                codes=refused,
                failure=NoProgress,
            ),
            get(
                "/deploy",
                self._deploy,
                Done,
                input=Deploy,
                codes=refused,
                failure=NotDone,
                changes=True,
            ),
            get(
                "/remove",
                lambda request: self._remove(request.input.name, Response(200, Done())),
                Done,
                input=Named,
                codes=unknown,
                failure=NotDone,
                changes=True,
            ),
            Route(
                Endpoint[None, NewVM](
                    method="POST",
                    path="/v1/vms",
                    summary="Deploy a VM",
                    input=NewVM,
                    replies={200: Vm, 201: Vm},
                    codes=refused,
                    changes=True,
                ),
                self._create,
            ),
            get(
                "/v1/vms/{name}",
                lambda request: Response(200, self.find(request.path.name)),
                Vm,
                parameters=Named,
                codes=unknown,
            ),
            Route(
                Endpoint[Named, None](
                    method="DELETE",
                    path="/v1/vms/{name}",
                    summary="Remove a VM",
                    parameters=Named,
                    replies={204: None},
                    codes=unknown,
                    changes=True,
                ),
                lambda request: self._remove(request.path.name, Response(204)),
            ),
        ]

    def troublesome_routes(self) -> list[AnyRoute]:
        """Routes that wait, fail, or answer too much."""

        def fail(_request: Request[None, None]) -> Response:
            raise RuntimeError("a secret of the daemon")

        return [
            get("/wait", self._wait, Done),
            get("/change", self._wait, Done, changes=True),
            get("/slow", self._wait, Done, lane=Lane.SLOW),
            get("/fail", fail, Done),
            get("/undeclared", lambda _: Response(200, Health(version="no Done")), Done),
            get("/large", lambda _: Response(200, b"x" * (64 << 20)), "text/plain"),
        ]

    def _simple(self) -> list[tuple[str, Handler, ReplyKind]]:
        return [
            ("/", lambda _: Response(200, "a toy"), "text/plain; charset=utf-8"),
            ("/listvm", lambda _: Response(200, Names(list(self.vms))), Names),
            ("/v1/vms", lambda _: Response(200, Vms(vms=list(self.vms.values()))), Vms),
        ]

    def _create(self, request: Request[None, NewVM]) -> Response:
        given = request.input
        memory = memory_mib(given.memory_gib)
        vm = Vm(name=given.name, vcpus=given.vcpus, memory_mib=memory, level=given.level)
        return Response(201 if self.deploy(vm) else 200, vm)

    def _deploy(self, request: Request[None, Deploy]) -> Response:
        given = request.input
        memory = memory_mib(given.mem)
        self.deploy(Vm(name=given.name, vcpus=given.cpu, memory_mib=memory, level=given.oc))
        return Response(200, Done())

    def _remove(self, name: str, answer: Response) -> Response:
        with self._lock:
            self.find(name)
            del self.vms[name]
            self.generation += 1
        return answer

    def _host(self, _request: Request[None, None]) -> Response:
        free = CPUS - sum(vm.vcpus for vm in self.vms.values())
        body = Host(generation=self.generation, cpus_free=free)
        return Response(200, body, etag=str(self.generation))

    def _progress(self, request: Request[None, Size]) -> Response:
        if request.input.cpu > CPUS:
            raise RestError(Code.TOO_LARGE, "too large", needed=request.input.cpu, free=CPUS)
        return Response(200, Progress(progress=request.input.cpu / CPUS))

    def _wait(self, _request: Request[None, None]) -> Response:
        self.waiting.release()
        self.go_on.wait(30)
        return Response(200, Done())


def get(
    path: str, handler: Handler, kind: ReplyKind = None, *, changes: bool = False, **more: Any
) -> AnyRoute:
    """Return a route of GET."""
    more.setdefault("replies", {200: kind})
    return Route(Endpoint(method="GET", path=path, summary="-", changes=changes, **more), handler)


@contextmanager
def serving(
    toy: Toy,
    tokens: Tokens = TOKENS,
    *,
    tls: Any = None,
    threads: int | None = None,
    queue: int = 64,
    **limits: Any,
) -> Iterator[RestServer]:
    """Serve the toy on a free port.

    Args:
        toy: what is served.
        tokens: its tokens.
        tls: serve HTTPS.
        threads: threads of each lane; None: as many as a daemon has.
        queue: requests of each lane that may wait for them.
        limits: other limits.
    """
    if threads is not None:
        limits["lanes"] = dict.fromkeys(Lane, LaneLimits(threads, queue))
    app = RestApp(
        [*toy.routes(), *toy.troublesome_routes()],
        title="Toy",
        version="1.2.3",
        tokens=tokens,
        metrics=Metrics(),
    )
    server = RestServer(app, "127.0.0.1", 0, tls=tls, limits=Limits(**limits))
    with server:
        try:
            yield server
        finally:
            toy.go_on.set()


def raw(server: RestServer, request: bytes, seconds: float = 5) -> bytes:
    """Send bytes; return all that is answered until the server ends the connection."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=seconds) as connection:
        connection.sendall(request)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
        return answer


def error(answer: requests.Response, status: int) -> dict[str, Any]:
    """Return the error in an answer, which must have this status and be JSON."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    found: dict[str, Any] = answer.json()["error"]
    return found
