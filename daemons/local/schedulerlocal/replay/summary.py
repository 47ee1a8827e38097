"""The summary of a replay, for people and for programs."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass

import click

from slackvm.formats.operations import ACCEPTED, Operation
from slackvm.model.host import Host


@dataclass(frozen=True)
class LevelResult:
    """One level's vNode: its largest and its last size in CPUs, its VMs at the end."""

    peak_cpus: int
    final_cpus: int
    final_vms: int


@dataclass(frozen=True)
class Summary:
    """Numbers of one replay.

    Attributes:
        source: the file that was replayed.
        cpus: CPUs of the host.
        memory_mib: MiB of the host.
        placed: deploys that were accepted.
        removed: removals that were accepted.
        refused: refusals by code.
        skipped: VMs that the recording itself shows as refused, which were not tried.
        levels: per level, as text, the sizes of its vNode.
    """

    source: str
    cpus: int
    memory_mib: int
    placed: int
    removed: int
    refused: dict[str, int]
    skipped: list[str]
    levels: dict[str, LevelResult]

    def as_json(self) -> dict[str, object]:
        """Return it as plain values."""
        return asdict(self)

    def show(self) -> None:
        """Print it for a person."""
        click.echo(f"Replayed {self.source} on {self.cpus} CPUs, {self.memory_mib} MiB")
        codes = ", ".join(f"{count} {code}" for code, count in sorted(self.refused.items()))
        refused = f"{sum(self.refused.values())}" + (f" ({codes})" if codes else "")
        click.echo(f"VMs placed {self.placed}, removed {self.removed}, refused {refused}")
        if self.skipped:
            click.echo(
                f"{len(self.skipped)} VMs skipped: the recording has memory rows of them only, so "
                f"they were refused when it was made"
            )
        width = max(map(len, ("level", *self.levels)))
        row = f"  {{:<{width}}}   {{:<9}}   {{:<10}}   {{}}".format
        click.echo(
            f"\n{row('level', 'peak CPUs', 'final CPUs', 'final VMs')}\n {'-' * (width + 39)}"
        )
        for level, result in self.levels.items():
            click.echo(row(level, result.peak_cpus, result.final_cpus, result.final_vms))
        click.echo()


def summarise(
    source: str,
    host: Host,
    operations: Iterable[Operation],
    skipped: Iterable[str] = (),
) -> Summary:
    """Return the summary of operations that led to the host's present state."""
    outcomes: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    owned: Counter[str] = Counter()
    peaks: dict[str, int] = {}
    for operation in operations:
        if operation.outcome == ACCEPTED:
            outcomes[operation.op] += 1
        else:
            refused[operation.code or "?"] += 1
        for level, cpu_ids in operation.gains.items():
            owned[level] += len(cpu_ids)
        for level, cpu_ids in operation.loses.items():
            owned[level] -= len(cpu_ids)
        for level in operation.gains:
            peaks[level] = max(peaks.get(level, 0), owned[level])
    levels = {
        str(level): LevelResult(peaks.get(str(level), 0), vnode.owned, len(vnode.vms))
        for level, vnode in sorted(host.vnodes.items())
    }
    return Summary(
        source,
        len(host.topology),
        host.topology.memory_mib,
        outcomes["deploy"],
        outcomes["remove"],
        dict(refused),
        list(skipped),
        levels,
    )
