"""A small host that keeps VMs in a list, and a client and a server to reach it."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import requests
from pydantic import BaseModel, Field, RootModel

from slackvm.api.base import Inputs
from slackvm.api.errors import RestError
from slackvm.api.fields import Level, MemoryGib, Vcpus, VmName, memory_mib
from slackvm.api.prototype import Done, NoProgress, NotDone, Progress
from slackvm.http.app import RestApp
from slackvm.http.auth import Tokens
from slackvm.http.endpoints import AnyEndpoint, Endpoint, Request, Response, ResponseKind
from slackvm.http.metrics import Metrics
from slackvm.http.server import Limits, RestServer
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

    def endpoints(self) -> list[AnyEndpoint]:
        unknown = {404: "There is no such VM."}
        refused = {409: "There is no room, or there is a VM of this name."}
        return [
            *(get(path, handler, kind) for path, handler, kind in self._simple()),
            get("/healthz", lambda _: Response(200, Health(version="1.2.3")), Health, open=True),
            get("/v1/host", self._host, answers={200: Host, 304: None}),
            get(
                "/progress",
                self._progress,
                Progress,
                input=Size,
                errors=refused,
                failure=NoProgress,
            ),
            get(
                "/deploy",
                self._deploy,
                Done,
                input=Deploy,
                errors=refused,
                failure=NotDone,
                changes=True,
            ),
            get(
                "/remove",
                lambda call: self._remove(call.input.name, Response(200, Done())),
                Done,
                input=Named,
                errors=unknown,
                failure=NotDone,
                changes=True,
            ),
            Endpoint(
                method="POST",
                path="/v1/vms",
                summary="Deploy a VM",
                handler=self._create,
                input=NewVM,
                answers={200: Vm, 201: Vm},
                errors=refused,
                changes=True,
            ),
            get(
                "/v1/vms/{name}",
                lambda call: Response(200, self.find(call.path.name)),
                Vm,
                parameters=Named,
                errors=unknown,
            ),
            Endpoint[Named, None](
                method="DELETE",
                path="/v1/vms/{name}",
                summary="Remove a VM",
                handler=lambda call: self._remove(call.path.name, Response(204)),
                parameters=Named,
                answers={204: None},
                errors=unknown,
                changes=True,
            ),
        ]

    def troublesome_endpoints(self) -> list[AnyEndpoint]:
        """Endpoints that wait, fail, or answer too much."""

        def fail(_call: Request[None, None]) -> Response:
            raise RuntimeError("a secret of the daemon")

        return [
            get("/wait", self._wait, Done),
            get("/change", self._wait, Done, changes=True),
            get("/fail", fail, Done),
            get("/undeclared", lambda _: Response(200, Health(version="no Done")), Done),
            get("/large", lambda _: Response(200, b"x" * (64 << 20)), "text/plain"),
        ]

    def _simple(self) -> list[tuple[str, Handler, ResponseKind]]:
        return [
            ("/", lambda _: Response(200, "a toy"), "text/plain; charset=utf-8"),
            ("/listvm", lambda _: Response(200, Names(list(self.vms))), Names),
            ("/v1/vms", lambda _: Response(200, Vms(vms=list(self.vms.values()))), Vms),
        ]

    def _create(self, call: Request[None, NewVM]) -> Response:
        given = call.input
        memory = memory_mib(given.memory_gib)
        vm = Vm(name=given.name, vcpus=given.vcpus, memory_mib=memory, level=given.level)
        return Response(201 if self.deploy(vm) else 200, vm)

    def _deploy(self, call: Request[None, Deploy]) -> Response:
        given = call.input
        memory = memory_mib(given.mem)
        self.deploy(Vm(name=given.name, vcpus=given.cpu, memory_mib=memory, level=given.oc))
        return Response(200, Done())

    def _remove(self, name: str, answer: Response) -> Response:
        with self._lock:
            self.find(name)
            del self.vms[name]
            self.generation += 1
        return answer

    def _host(self, _call: Request[None, None]) -> Response:
        free = CPUS - sum(vm.vcpus for vm in self.vms.values())
        body = Host(generation=self.generation, cpus_free=free)
        return Response(200, body, etag=str(self.generation))

    def _progress(self, call: Request[None, Size]) -> Response:
        if call.input.cpu > CPUS:
            raise RestError(Code.TOO_LARGE, "too large", needed=call.input.cpu, free=CPUS)
        return Response(200, Progress(progress=call.input.cpu / CPUS))

    def _wait(self, _call: Request[None, None]) -> Response:
        self.waiting.release()
        self.go_on.wait(30)
        return Response(200, Done())


def get(
    path: str, handler: Handler, kind: ResponseKind = None, *, changes: bool = False, **more: Any
) -> AnyEndpoint:
    """Return an endpoint of GET."""
    more.setdefault("answers", {200: kind})
    return Endpoint(method="GET", path=path, summary="-", handler=handler, changes=changes, **more)


@contextmanager
def serving(
    toy: Toy,
    tokens: Tokens = TOKENS,
    *,
    tls: Any = None,
    changes_at_once: int = 8,
    **limits: Any,
) -> Iterator[RestServer]:
    """Serve the toy on a free port; by default without waiting long for anything."""
    app = RestApp(
        [*toy.endpoints(), *toy.troublesome_endpoints()],
        title="Toy",
        version="1.2.3",
        tokens=tokens,
        metrics=Metrics(),
        changes_at_once=changes_at_once,
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
