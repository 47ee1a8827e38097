"""The host that the REST endpoints act on, and its responses."""

from collections.abc import Callable
from dataclasses import dataclass

from schedulerlocal.agent.host_agent import HostAgent
from schedulerlocal.agent.view import View
from schedulerlocal.api.replies import Identity, host_reply, summary_reply, vm_reply
from schedulerlocal.hypervisor import ObservedVM
from slackvm.api.base import Reply, extend
from slackvm.api.vms import ChangedReply, VMReply
from slackvm.http.routes import Response


@dataclass(frozen=True)
class LocalHost:
    """The host that the endpoints act on.

    Attributes:
        identity: what stays the same while the daemon runs.
        agent: decides, and changes the host.
        addresses: returns the network addresses of a VM by its name, if known.
    """

    identity: Identity
    agent: HostAgent
    addresses: Callable[[str], list[str]]

    def vm(self, view: View, vm: ObservedVM) -> VMReply:
        """Return the reply for a VM."""
        return vm_reply(view, vm, self.identity.name, self.addresses(vm.name))

    def changed(self, status: int, view: View, name: str) -> Response:
        """Return the response with a VM that was changed, and the host right after that."""
        vm = self.vm(view, view.vms[name])
        reply = extend(ChangedReply, vm, summary=summary_reply(view, self.identity))
        return self.respond(view, reply, status)

    def summary(self) -> Response:
        """Return the response with the host in numbers."""
        view = self.agent.view
        return self.respond(view, summary_reply(view, self.identity))

    def state(self) -> Response:
        """Return the response with the whole host."""
        view = self.agent.view
        return self.respond(view, host_reply(view, self.identity))

    def respond(self, view: View, reply: Reply, status: int = 200) -> Response:
        """Return a response whose ETag is the generation of the host."""
        return Response(status, reply, etag=f"{self.identity.boot_id}-{view.generation}")
