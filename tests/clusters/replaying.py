"""A controller's operations log decided again, from the log alone."""

from pathlib import Path

from slackvm.verification import ClusterVerification, verify_cluster


def replayed(log: Path) -> ClusterVerification:
    """Return what becomes of a log; every placement in it must be what is decided now."""
    verification = verify_cluster(log)
    assert verification.difference is None, str(verification.difference)
    return verification


def hosts_of_vms(log: Path) -> dict[str, list[str]]:
    """Return the hosts of each VM at the end of a log, after deciding each placement again."""
    return {name: [host] for host, names in replayed(log).vms.items() for name in names}
