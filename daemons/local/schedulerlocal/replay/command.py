"""`slackvm-local --load`: replay a recording, or verify an operations log."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from schedulerlocal.replay.decisions import decide
from schedulerlocal.replay.recording import write_replay
from schedulerlocal.replay.summary import Summary, summarise
from slackvm import plugins
from slackvm.formats.contents import shown
from slackvm.formats.files import atomic_write, refuse_overwriting
from slackvm.formats.monitoring.trace import read_trace
from slackvm.formats.monitoring.writing import writing_recording
from slackvm.formats.operations import Operation
from slackvm.model.host import Host
from slackvm.model.selection import SELECTIONS
from slackvm.settings import DEFAULT_ENV_FILE, LocalSettings, load_settings
from slackvm.topologies import load_topology

Track = Callable[[str, int], Callable[[int], None]]
"""Starts a progress bar with a name and a total, and returns what advances it."""


@dataclass(frozen=True)
class Outputs:
    """What a replay writes.

    Attributes:
        recording: file of its recording; None: none is written.
        operations: file of its operations log; None: none is written.
        as_json: whether the summary is printed as JSON.
    """

    recording: Path | None
    operations: Path | None
    as_json: bool

    @property
    def files(self) -> list[Path]:
        """The files that are written."""
        return [path for path in (self.recording, self.operations) if path]

    @contextmanager
    def writing_operations(self, operations: list[Operation]) -> Iterator[None]:
        """Write the operations log, where one is wanted; it appears when the block ends well."""
        if self.operations is None:
            yield
            return
        with atomic_write(self.operations) as temporary:
            temporary.write_bytes(b"".join(operation.to_line() for operation in operations))
            yield

    def show(self, summary: Summary) -> None:
        """Print the summary, and which files there are."""
        if self.as_json:
            click.echo(json.dumps(summary.as_json()))
            return
        summary.show()
        for path in self.files:
            click.echo(f"wrote {path}")


def replay(
    load: Path,
    topology: str,
    outputs: Outputs,
    *,
    order: str,
    selection: str | None,
    env_file: Path | None,
) -> None:
    """Replay a recording or an operations log.

    Args:
        load: the recording, or the log (.jsonl).
        topology: file or preset of the host that it is replayed on.
        outputs: what is written.
        order: of what happens at one timestamp, one of `ORDERS`.
        selection: name of the CPU selection; None: the settings'.
        env_file: file of settings; None: `.env`.

    Raises:
        ValueError: an input or a setting cannot be used, or an output is an input.
        LookupError: a name is unknown.
        OSError: a file cannot be read or written.
        click.ClickException: a decision differs from the log.
    """
    sources = [load, Path(topology), *filter(None, [env_file]), DEFAULT_ENV_FILE]
    refuse_overwriting(outputs.files, sources)
    settings = load_settings(LocalSettings, env_file, scl_cpu_selection=selection)
    host = Host(
        load_topology(topology),
        selection=plugins.find(settings.scl_cpu_selection, SELECTIONS, plugins.SELECTION_GROUP),
        critical_size=settings.ovsb_critical_size,
    )
    if load.suffix == ".jsonl":
        _verify(load, host, outputs)
    else:
        _replay(load, host, order, outputs)


def _replay(load: Path, host: Host, order: str, outputs: Outputs) -> None:
    with _progress() as track:
        trace = read_trace(load)
        advance = track("deciding", 2 * len(trace.presences))
        decisions = decide(trace, host, order, advance)
        # The log appears after the recording, so that a full disk leaves neither.
        with outputs.writing_operations(decisions.operations):
            if outputs.recording is not None:
                with writing_recording(outputs.recording) as writer:
                    advance = track("writing", int(trace.rows.starts[-1]))
                    write_replay(trace, decisions, host.topology, writer, advance)
    for time, presence, refusal in decisions.refusals:
        vm = presence.vm
        click.echo(
            f"{time} s: {vm.name} ({vm.vcpus} vCPUs, {vm.memory_mib} MiB, level {vm.level}) "
            f"refused, {refusal.code}: {refusal.message}",
            err=True,
        )
    outputs.show(summarise(shown(load), host, decisions.operations, trace.skipped))


def _verify(load: Path, host: Host, outputs: Outputs) -> None:
    # Imported only here: a replay needs none of it.
    from slackvm.verification import verify

    if outputs.recording is not None:
        raise click.UsageError(
            f"{outputs.recording}: an operations log records no use, so there is no recording to "
            "write; --operations writes the decisions"
        )
    decided, difference = verify(load, host)
    with outputs.writing_operations(decided):
        pass
    outputs.show(summarise(str(load), host, decided))
    if difference is not None:
        raise click.ClickException(f"{load}: decided otherwise: {difference}")
    unknown = sum(not operation.is_known for operation in decided)
    click.echo(f"{len(decided)} operations: every decision as in the log", err=True)
    if unknown:
        click.echo(f"{unknown} operations of a kind that this release does not know", err=True)


@contextmanager
def _progress() -> Iterator[Track]:
    """Give what starts a progress bar, on a terminal only."""
    # `sys.stderr` is missing if stderr was closed when the command began.
    if sys.stderr is None or not sys.stderr.isatty():
        yield lambda _what, _total: lambda _count: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:

        def track(what: str, total: int) -> Callable[[int], None]:
            task = progress.add_task(what, total=total)
            return lambda count: progress.advance(task, count)

        yield track
