"""Operations logs of a live cluster, decided anew on hosts that are given."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from slackvm.model import Host, Policy
from slackvm.model.topology import Topology
from slackvm.operations import HOST_OPERATIONS, Operation, OperationsError, read_operations
from slackvm.verification import ClusterVerification, Rules, verify, verify_cluster


class DifferenceError(Exception):
    """A log says otherwise than is decided now, or than another one; the message says where."""


@dataclass(frozen=True)
class DecidedLog:
    """A log, and its operations as decided now."""

    path: Path
    operations: list[Operation]


def decide_logs(
    paths: Sequence[Path], topologies: Sequence[Topology], policy: Policy | None, rules: Rules
) -> list[DecidedLog]:
    """Decide logs anew: the controller's host by host, those of hosts CPU by CPU.

    Args:
        paths: at most one controller's, and any number of its hosts'.
        topologies: of the hosts, in the controller's order; without a controller, of the logs'.
        policy: places VMs; None: that of the controller's log.
        rules: how hosts choose CPUs.

    Raises:
        DifferenceError: a decision is not what the log says, or hosts have other VMs at the end of
            their own log than at that of the controller's.
        OperationsError: a log cannot be read, or does not go with the others or the topologies.
        LookupError: there is no policy of the log's name.
    """
    # A host that was never asked for anything has an empty one.
    firsts = [next(read_operations(path)) if path.stat().st_size else None for path in paths]
    is_of_host = [first is None or first.op in HOST_OPERATIONS for first in firsts]
    decided: list[DecidedLog] = []
    cluster: ClusterVerification | None = None
    for path, own in zip(paths, is_of_host, strict=True):
        if own:
            continue
        if cluster:
            raise OperationsError(f"{path}: a second log of a controller")
        cluster = verify_cluster(path, topologies, policy, rules)
        _check(path, cluster.difference)
        decided.append(DecidedLog(path, cluster.decided))
    if cluster is None and policy:
        raise OperationsError("a policy places VMs, and no log of a controller is given")
    if cluster is None and len(topologies) != len(paths):
        raise OperationsError(
            f"logs are given of {len(paths)} hosts, topologies of {len(topologies)}"
        )
    for number, (path, first) in enumerate(zip(paths, firsts, strict=True)):
        if first is None or not is_of_host[number]:
            continue
        if cluster and first.host not in cluster.hosts:
            known = ", ".join(cluster.hosts)
            raise OperationsError(f"{path}: host {first.host!r} is none of the cluster's: {known}")
        like = cluster.hosts[first.host] if cluster else Host(topologies[number])
        host = _empty(like, rules)
        operations, difference = verify(path, host)
        _check(path, difference)
        if cluster and (only := cluster.vms[first.host] ^ set(host.vms)):
            raise DifferenceError(
                f"{path}: only here or only in the controller's: {', '.join(sorted(only))}"
            )
        decided.append(DecidedLog(path, operations))
    return decided


def decisions_table(logs: Sequence[DecidedLog]) -> pd.DataFrame:
    """Return a row per operation of each log, in order; CPUs per vNode as JSON."""
    return pd.DataFrame(
        [
            {
                "log": str(log.path),
                **{name: getattr(operation, name) for name in _COLUMNS},
                "gains": json.dumps(operation.gains),
                "loses": json.dumps(operation.loses),
            }
            for log in logs
            for operation in log.operations
        ]
    ).astype({"vcpus": "Int64", "memory_mib": "Int64"})


def _empty(host: Host, rules: Rules) -> Host:
    return Host(
        host.topology,
        selection=rules.selection,
        critical_size=rules.critical_size,
        levels=host.levels,
    )


def _check(path: Path, difference: object) -> None:
    if difference:
        raise DifferenceError(f"{path}: decided otherwise: {difference}")


_COLUMNS = ["seq", "time", "op", "name", "vcpus", "memory_mib", "level", "host", "outcome", "code"]
