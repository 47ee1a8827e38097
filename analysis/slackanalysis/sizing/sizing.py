"""How many hosts a list of requests takes: one shared cluster against one cluster per level."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from slackanalysis.sizing.placement_run import HostSize, serve_on_fewest, volume_bound
from slackanalysis.sizing.utilization import AllocationTimeline, Utilization
from slackanalysis.workload.requests import RequestList
from slackvm.model import Policy, PolicyError


@dataclass(frozen=True)
class Sizing:
    """What a list of requests takes.

    Attributes:
        keys: what tells the list from others, as text by column.
        list_sha256: of the list, see `RequestList.sha256`.
        policy: name of the policy.
        hosts_bound: hosts that no placement can stay below (see `placement_run.volume_bound`).
        hosts: hosts of each level's own cluster, by level as text.
        shared: one cluster for all levels.
        separate: the clusters of the levels, together.
    """

    keys: Mapping[str, str]
    list_sha256: str
    policy: str
    hosts_bound: int
    hosts: Mapping[str, int]
    shared: Utilization
    separate: Utilization


def size_clusters(
    requests: RequestList, size: HostSize, policy: Policy, policy_name: str
) -> tuple[Sizing, Mapping[str, AllocationTimeline]]:
    """Return what a list takes on hosts of that size, and the timelines `shared` and `separate`.

    Raises:
        ValueError: a VM is larger than a host, or the policy fails.
    """
    levels = requests.levels
    try:
        shared = serve_on_fewest(requests, size, policy)
        separate = {
            # A list of one level has a cluster of its own already.
            level: shared if len(levels) == 1 else serve_on_fewest(part, size, policy)
            for level, part in ((level, requests.of_level(level)) for level in levels)
        }
    except PolicyError as error:
        raise PolicyError(f"policy {policy_name}: {error}") from error
    timelines = {
        "shared": AllocationTimeline(requests, [(levels, shared)]),
        "separate": AllocationTimeline(
            requests, [([level], run) for level, run in separate.items()]
        ),
    }
    sizing = Sizing(
        keys=requests.keys,
        list_sha256=requests.sha256,
        policy=policy_name,
        hosts_bound=volume_bound(requests, size),
        hosts={str(level): run.hosts for level, run in separate.items()},
        shared=timelines["shared"].occupancy(size),
        separate=timelines["separate"].occupancy(size),
    )
    return sizing, timelines


def sizing_table(sizings: Iterable[Sizing]) -> pd.DataFrame:
    """Return a row per sizing: keys, policy, hosts, figures of `Utilization`, `list_sha256`.

    Figures end in `_shared` and `_separate`; those of a level, in the level: `hosts_2.0`,
    `oversubscription_shared_2.0`. A level that a list lacks has 0 hosts and no oversubscription.

    Raises:
        ValueError: a key has the name of a figure.
    """
    rows = list(sizings)
    levels = sorted({level for sizing in rows for level in sizing.hosts}, key=float)
    table = []
    for sizing in rows:
        figures = _figures(sizing, levels)
        if clash := figures.keys() & sizing.keys.keys():
            raise ValueError(f"column {clash.pop()} cannot tell lists apart: it is a result")
        table.append({**sizing.keys, **figures})
    return pd.DataFrame(table)


def _figures(sizing: Sizing, levels: list[str]) -> dict[str, Any]:
    clusters = {"shared": asdict(sizing.shared), "separate": asdict(sizing.separate)}
    figures = [name for name in clusters["shared"] if name not in ("hosts", "oversubscription")]
    return {
        "policy": sizing.policy,
        "hosts_shared": sizing.shared.hosts,
        "hosts_separate": sizing.separate.hosts,
        "hosts_bound": sizing.hosts_bound,
        **{f"hosts_{level}": sizing.hosts.get(level, 0) for level in levels},
        **{f"{name}_{of}": numbers[name] for name in figures for of, numbers in clusters.items()},
        **{
            f"oversubscription_{of}_{level}": numbers["oversubscription"].get(level)
            for of, numbers in clusters.items()
            for level in levels
        },
        "list_sha256": sizing.list_sha256,
    }
