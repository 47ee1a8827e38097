"""Operations logs are verified: of a host CPU by CPU, of a controller host by host."""

from slackvm.verification.cluster_log import ClusterVerification, verify_cluster
from slackvm.verification.difference import Difference
from slackvm.verification.host_log import verify
from slackvm.verification.logged_host import Rules

__all__ = ["ClusterVerification", "Difference", "Rules", "verify", "verify_cluster"]
