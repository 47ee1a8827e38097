"""All operations on VMs, for the REST interface."""

from schedulerglobal.metrics import Counters
from schedulerglobal.operations.claims import Claims
from schedulerglobal.operations.deploy import Deployment
from schedulerglobal.operations.power import change_state
from schedulerglobal.operations.remove import remove
from schedulerglobal.state.vms import VMSpec
from slackvm.api.cluster import ClusterVMRequest
from slackvm.api.hosts import SummaryReply
from slackvm.api.vms import ChangedReply
from slackvm.model.placement import Policy


class VMOperations:
    """Deploys, removes, starts and stops VMs.

    Args:
        claims: the cluster and its hosts.
        policy: chooses hosts.
        counters: counts how deploys end.
    """

    def __init__(self, claims: Claims, policy: Policy, counters: Counters) -> None:
        self._claims = claims
        self._deployment = Deployment(claims, policy, counters)

    def deploy(self, request: ClusterVMRequest) -> tuple[ChangedReply, bool]:
        """Create a VM on the best host; where it exists already, return it.

        Returns:
            The VM, and whether it is new.

        Raises:
            RestError: no host takes it, or the outcome is unknown.
        """
        return self._deployment.deploy(VMSpec.from_request(request))

    def remove(self, name: str) -> SummaryReply:
        """Remove a VM; return its host in numbers.

        Raises:
            RestError: there is no such VM, or the outcome is unknown.
        """
        return remove(self._claims, name)

    def change_state(self, name: str, verb: str) -> ChangedReply:
        """Start, stop or restart a VM.

        Raises:
            RestError: there is no such VM, or the outcome is unknown.
        """
        return change_state(self._claims, name, verb)
