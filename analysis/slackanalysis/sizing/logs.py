"""Operations logs of a live cluster, decided again on hosts that are given."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from slackvm.formats.operations import Operation
from slackvm.formats.operations_reader import OperationsError, read_operations
from slackvm.model import Host, Policy
from slackvm.model.topology import Topology
from slackvm.verification import Difference, Rules, verify, verify_cluster


class DifferenceError(Exception):
    """A log differs from what is decided now, or from another log; the message says where."""


@dataclass(frozen=True)
class DecidedLog:
    """A log, its operations as decided now, and how many it has of an unknown kind."""

    path: Path
    operations: list[Operation]
    unknown: int


def decide_logs(
    paths: Sequence[Path], topologies: Sequence[Topology], policy: Policy | None, rules: Rules
) -> list[DecidedLog]:
    """Decide logs again: the controller's host by host, those of hosts CPU by CPU.

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
    firsts = {path: next(read_operations(path)) for path in paths if path.stat().st_size}
    of_hosts = {path: first.host for path, first in firsts.items() if first.is_of_host}
    of_controllers = [path for path in firsts if path not in of_hosts]
    if not of_controllers:
        if policy:
            raise OperationsError("a policy needs the log of a controller, and none is given")
        if len(topologies) != len(paths):
            raise OperationsError(
                f"logs of {len(paths)} hosts are given, topologies of {len(topologies)}"
            )
        pairs = zip(paths, topologies, strict=True)
        return [_decided(path, Host(each), rules) for path, each in pairs if path in of_hosts]
    path, *more = of_controllers
    if more:
        raise OperationsError(f"{more[0]}: a second log of a controller")
    cluster = verify_cluster(path, topologies, policy, rules)
    _check(path, cluster.difference)
    decided = [DecidedLog(path, cluster.decided, cluster.unknown)]
    for path, name in of_hosts.items():
        if name not in cluster.hosts:
            known = ", ".join(cluster.hosts)
            raise OperationsError(
                f"{path}: host {name!r} is not in the cluster; its hosts: {known}"
            )
        decided.append(_decided(path, cluster.hosts[name], rules, cluster.vms[name]))
    return decided


def _decided(path: Path, like: Host, rules: Rules, placed: set[str] | None = None) -> DecidedLog:
    """Decide the log of a host with this topology and levels, which ends with the placed VMs."""
    host = Host(
        like.topology,
        selection=rules.selection,
        critical_size=rules.critical_size,
        levels=like.levels,
    )
    operations, difference = verify(path, host)
    _check(path, difference)
    if placed is not None and (only := placed ^ set(host.vms)):
        raise DifferenceError(
            f"{path}: VMs only in this log or only in the controller's: {', '.join(sorted(only))}"
        )
    return DecidedLog(path, operations, sum(not each.is_known for each in operations))


def _check(path: Path, difference: Difference | None) -> None:
    if difference:
        raise DifferenceError(f"{path}: decided otherwise: {difference}")


def decisions_table(logs: Sequence[DecidedLog]) -> pd.DataFrame:
    """Return a row per operation of each log, in order; CPUs per vNode as JSON."""
    rows = [
        {
            "log": str(log.path),
            **{name: getattr(operation, name) for name in _COLUMNS},
            "gains": json.dumps(operation.gains),
            "loses": json.dumps(operation.loses),
        }
        for log in logs
        for operation in log.operations
    ]
    return pd.DataFrame(rows, columns=["log", *_COLUMNS, "gains", "loses"]).astype(
        {"vcpus": "Int64", "memory_mib": "Int64"}
    )


_COLUMNS = ["seq", "time", "op", "name", "vcpus", "memory_mib", "level", "host", "outcome", "code"]
