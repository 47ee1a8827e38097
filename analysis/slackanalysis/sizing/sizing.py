"""How many hosts a list of requests takes: one shared cluster against one cluster per level."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import pandas as pd

from slackanalysis.sizing.authors_rule import (
    AUTHORS,
    PAPER,
    check_question,
    serve_by_authors_rule,
)
from slackanalysis.sizing.hosts import Hosts, HostSize
from slackanalysis.sizing.placement_run import fewest, volume_bound
from slackanalysis.sizing.power import PowerCurve
from slackanalysis.sizing.refusals import CODES, RefusedVM
from slackanalysis.sizing.trials import OnRefusal, PlacementRun, Trial, run_trials
from slackanalysis.sizing.utilization import HOUR_S, AllocationTimeline, Utilization
from slackanalysis.workload.requests import RequestList
from slackvm.model import VM, Policy, PolicyError


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
        may_refuse: the number of hosts was given, so that VMs may have been refused.
        size_rule: how large vNodes are, see `authors_rule.SIZE_RULES`.
    """

    keys: Mapping[str, str]
    list_sha256: str
    policy: str
    hosts_bound: int
    hosts: Mapping[str, int]
    shared: Utilization
    separate: Utilization
    may_refuse: bool = False
    size_rule: str = PAPER


@dataclass(frozen=True)
class Question:
    """What is asked about each list.

    Attributes:
        hosts: what each host offers.
        count: number of hosts of the shared cluster, and of the separate clusters together (see
            `shared_out`); None: the smallest that refuses nobody, of each cluster.
        hour_s: seconds of a list that are an hour, for host-hours and energy.
        power: what hosts draw; None: no energy is worked out.
        size_rule: how large vNodes are, see `authors_rule.SIZE_RULES`.
    """

    hosts: Hosts
    count: int | None = None
    hour_s: float = HOUR_S
    power: PowerCurve | None = None
    size_rule: str = PAPER


@dataclass(frozen=True)
class SizedList:
    """What became of a list: its sizing, and by cluster, `shared` and `separate`, how.

    Attributes:
        requests: the list.
        sizing: its figures.
        timelines: what is allocated over time.
        refused: each VM that no host took, and the number of hosts that it was refused by.
    """

    requests: RequestList
    sizing: Sizing
    timelines: Mapping[str, AllocationTimeline]
    refused: Mapping[str, Sequence[tuple[VM, float, RefusedVM, int]]]


def size_lists(
    lists: Sequence[RequestList],
    question: Question,
    policy: Policy,
    policy_name: str,
    progress: Callable[[int], object] = lambda _: None,
) -> list[SizedList]:
    """Return what each list takes, on one cluster and on one cluster for each level.

    Args:
        lists: the lists.
        question: what is asked about each.
        policy: places the VMs.
        policy_name: its name.
        progress: called with the number of clusters that are done since the call before; there
            are `clusters_of` a list.

    Raises:
        ValueError: a VM is larger than every host where none may be refused; there are fewer hosts
            than levels; the policy fails, and the message names it; or the size rule does not go
            with the rest of the question.
    """
    check_question(question.size_rule, question.hosts, policy_name, question.count)
    trials: list[Trial] = []
    for requests in lists:
        parts = [requests.of_level(level) for level in requests.levels]
        # A list of one level has a cluster of its own already.
        trials += _trials([requests], question)
        trials += _trials(parts, question) if len(parts) > 1 else []
    try:
        runs = iter(_runs(trials, question, policy, progress))
    except PolicyError as error:
        raise PolicyError(f"policy {policy_name}: {error}") from error
    sized = []
    for requests in lists:
        shared = next(runs)
        levels = requests.levels
        separate = {level: next(runs) if len(levels) > 1 else shared for level in levels}
        sized.append(_sized(requests, question, policy_name, shared, separate))
    return sized


def _runs(
    trials: Sequence[Trial],
    question: Question,
    policy: Policy,
    progress: Callable[[int], object],
) -> list[PlacementRun]:
    if question.size_rule == AUTHORS and isinstance(question.hosts, HostSize):
        return serve_by_authors_rule([trial.requests for trial in trials], question.hosts, progress)
    return run_trials(trials, policy, progress=progress)


def clusters_of(requests: RequestList) -> int:
    """Return how many clusters are worked out for a list: one for all levels, one for each."""
    levels = len(requests.levels)
    return 1 + (levels if levels > 1 else 0)


def shared_out(count: int, bounds: Sequence[int]) -> list[int]:
    """Share hosts out among the clusters of the levels, in proportion to their volume bounds.

    Each gets one host at least; what is left over goes to the largest remainders (Hamilton's
    method), of equal ones to the lowest level.

    Raises:
        ValueError: there are fewer hosts than levels.
    """
    if count < len(bounds):
        raise ValueError(
            f"too few hosts, {count}: a cluster for each of {len(bounds)} levels needs "
            f"{len(bounds)} or more"
        )
    left = count - len(bounds)
    quotas = [left * bound / sum(bounds) for bound in bounds]
    hosts = [1 + int(quota) for quota in quotas]
    by_remainder = sorted(range(len(bounds)), key=lambda level: int(quotas[level]) - quotas[level])
    for level in by_remainder[: count - sum(hosts)]:
        hosts[level] += 1
    return hosts


def _trials(parts: Sequence[RequestList], question: Question) -> list[Trial]:
    if question.count is None:
        return [fewest(part, question.hosts) for part in parts]
    if len(parts) == 1:
        counts = [question.count]
    else:
        bounds = [volume_bound(part, question.hosts) for part in parts]
        counts = shared_out(question.count, bounds)
    return [
        Trial(part, question.hosts, count, OnRefusal.RECORD)
        for part, count in zip(parts, counts, strict=True)
    ]


def _sized(
    requests: RequestList,
    question: Question,
    policy_name: str,
    shared: PlacementRun,
    separate: Mapping[float, PlacementRun],
) -> SizedList:
    served = {
        "shared": [(requests.levels, shared)],
        "separate": [([level], run) for level, run in separate.items()],
    }
    timelines = {of: AllocationTimeline(requests, runs) for of, runs in served.items()}
    figures = {
        of: timeline.utilization(question.hosts, question.hour_s, question.power)
        for of, timeline in timelines.items()
    }
    if question.size_rule == AUTHORS:
        # CPUs that 2:1 and 3:1 share belong to neither.
        figures = {of: replace(each, oversubscription={}) for of, each in figures.items()}
    sizing = Sizing(
        keys=requests.keys,
        list_sha256=requests.sha256,
        policy=policy_name,
        hosts_bound=volume_bound(requests, question.hosts),
        hosts={str(level): run.hosts for level, run in separate.items()},
        shared=figures["shared"],
        separate=figures["separate"],
        may_refuse=question.count is not None,
        size_rule=question.size_rule,
    )
    refused = {
        of: [
            (part.vms[vm.vm], float(part.start_s[vm.vm]), vm, run.hosts)
            for levels, run in runs
            if run.refused
            for part in [requests if len(levels) > 1 else requests.of_level(levels[0])]
            for vm in run.refused
        ]
        for of, runs in served.items()
    }
    return SizedList(requests, sizing, timelines, refused)


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
        refuse_results_as_keys(sizing.keys, figures)
        table.append({**sizing.keys, **figures})
    return pd.DataFrame(table)


def refuse_results_as_keys(keys: Iterable[str], results: Iterable[str]) -> None:
    """Refuse lists that a column tells apart which has the name of a result.

    Raises:
        ValueError: names the column.
    """
    if clash := sorted(set(keys) & set(results)):
        raise ValueError(f"column {clash[0]} cannot tell lists apart: it is a result")


def _figures(sizing: Sizing, levels: list[str]) -> dict[str, Any]:
    clusters = {"shared": asdict(sizing.shared), "separate": asdict(sizing.separate)}
    for numbers in clusters.values():
        refused = numbers.pop("refused")
        if sizing.may_refuse:
            numbers["refused"] = sum(refused.values())
            numbers |= {f"refused_{code}": refused.get(code, 0) for code in CODES}
    figures = [
        name
        for name, value in clusters["shared"].items()
        if name not in ("hosts", "oversubscription") and value is not None
    ]
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
        "size_rule": sizing.size_rule,
        "list_sha256": sizing.list_sha256,
    }


def refusals_table(lists: Iterable[SizedList]) -> pd.DataFrame:
    """Return a row for each VM that no host took, in the order in which they were refused.

    Columns: the keys of its list, `policy`, `cluster` (`shared` or `separate`), `vm`, `vcpus`,
    `memory_mib`, `level`, `time_s` (of the request), `code` (see
    `slackanalysis.sizing.refusals.RefusedVM`, as for the next two), `hosts_with_cpus`,
    `hosts_with_memory`, and `hosts`: how many hosts refused it.

    Raises:
        ValueError: a key has the name of another column.
    """
    lists = list(lists)
    for sized in lists:
        refuse_results_as_keys(sized.requests.keys, _OF_REFUSALS)
    rows = [
        {
            **sized.requests.keys,
            "policy": sized.sizing.policy,
            "cluster": cluster,
            "vm": vm.name,
            "vcpus": vm.vcpus,
            "memory_mib": vm.memory_mib,
            "level": vm.level,
            "time_s": time_s,
            "code": refused.code,
            "hosts_with_cpus": refused.hosts_with_cpus,
            "hosts_with_memory": refused.hosts_with_memory,
            "hosts": hosts,
        }
        for sized in lists
        for cluster, all_refused in sized.refused.items()
        for vm, time_s, refused, hosts in all_refused
    ]
    return pd.DataFrame(rows, columns=None if rows else list(_OF_REFUSALS))


_OF_REFUSALS = (
    *("policy", "cluster", "vm", "vcpus", "memory_mib", "level", "time_s", "code"),
    *("hosts_with_cpus", "hosts_with_memory", "hosts"),
)
