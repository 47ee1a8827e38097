"""Operations logs are verified: of a host CPU by CPU, of a controller host by host."""

from slackvm.verification.cluster_log import ClusterVerification, Rules, verify_cluster
from slackvm.verification.difference import Difference
from slackvm.verification.host_log import verify

__all__ = ["ClusterVerification", "Difference", "Rules", "verify", "verify_cluster"]
