"""How long VMs waited for a CPU: recorded by a live host, kept by a replay, read by figures."""

from pathlib import Path

import pyarrow as pa
import pytest

from command import slackvm_local
from recordings import rows
from schedulerlocal.agent.view import view_of
from schedulerlocal.hypervisor import RUNNING, STOPPED, ObservedVM, VMSpec
from schedulerlocal.telemetry.recorder import Recorder
from schedulerlocal.telemetry.sampler import Sample, VMUse
from slackanalysis.contention.table import contention_of_recordings
from slackanalysis.contention.tenants import recorded_tenants
from slackanalysis.sizing.hosts import HostSize
from slackvm.formats.monitoring.record import TraceError
from slackvm.formats.monitoring.trace import read_trace
from slackvm.model import VM, Host
from slackvm.topologies import PRESETS

LAPTOP = "i7-1185g7"


def record(path: Path, waits: dict[str, float | None], stopped: tuple[str, ...] = ()) -> None:
    """Record two samples of VMs of two vCPUs at 2:1 that use a quarter of their time."""
    host = Host(PRESETS[LAPTOP].build())
    for name in waits:
        host.commit(host.plan_deploy(VM(name, 2, 1024, 2.0)))
    vms = {}
    for name, wait in waits.items():
        spec = VMSpec(VM(name, 2, 1024, 2.0), f"uuid-{name}", Path("/a.qcow2"), False, 0.0)
        state = STOPPED if name in stopped else RUNNING
        vm = ObservedVM(name, spec.uuid, 2, 1024, state, spec, None, None)
        vms[name] = VMUse(vm, 0.25, wait, 0.5)
    view = view_of(host, {name: use.vm for name, use in vms.items()})
    recorder = Recorder(path, 8, 31_000)
    for time in (1_700_000_000, 1_700_000_015):
        recorder.record(Sample(time, 0.5, 0.5, vms, view))
    recorder.close()


def recorded_waits(path: Path) -> dict[str, str]:
    of_vms = [row for row in rows(path) if (row["rec"], row["res"]) == ("vm", "cpu")]
    return {row["vm_cmn"]: row["sb_dsc"] for row in of_vms}


def demands(path: Path) -> list[float]:
    (block,) = recorded_tenants(path).blocks
    return sorted(set(block.cpu.tolist()))


def test_a_recording_says_how_long_running_vms_waited(tmp_path: Path) -> None:
    path = tmp_path / "recording.csv"
    record(path, {"a": 0.125, "b": None, "c": 0.5}, stopped=("c",))
    assert recorded_waits(path) == {"a": '{"wait":0.125}', "b": "None", "c": "None"}
    waits = read_trace(path).rows.waits
    assert waits is not None
    assert sorted(wait for wait in waits.tolist() if wait == wait) == [0.125, 0.125]


def test_demand_is_what_was_used_and_what_was_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "recording.csv"
    record(path, {"a": 0.125, "b": 0.0})
    assert demands(path) == [0.25, 0.375]
    table = contention_of_recordings([path], HostSize(8, 31_000), 6)
    assert set(table["provider"]) == {"recorded (use and waiting)"}
    assert set(table["demanded_cpu_s"]) == {30 * 2 * 0.625}


def test_figures_say_where_waiting_was_not_recorded(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("none.csv", "part.csv", "all.csv")]
    for path, waits in zip(paths, ((None, None), (0.5, None), (0.5, 0.5)), strict=True):
        record(path, dict(zip("ab", waits, strict=True)))
    names = [
        contention_of_recordings([path], HostSize(8, 31_000), 6)["provider"].iloc[0]
        for path in paths
    ]
    assert names == [
        "recorded (use; waiting not recorded)",
        "recorded (use; waiting in part)",
        "recorded (use and waiting)",
    ]
    assert demands(paths[0]) == [0.25]
    both = contention_of_recordings(paths, HostSize(8, 31_000), 6)
    assert set(both["provider"]) == {"recorded (use; waiting in part)"}


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_replay_keeps_what_is_known_of_waiting(tmp_path: Path, ending: str) -> None:
    path, between, output = (tmp_path / name for name in ("a.csv", f"b.{ending}", "c.csv"))
    record(path, {"a": 0.125, "b": 0.25, "wait": None})
    slackvm_local(f"--topology={LAPTOP}", f"--load={path}", f"--output={between}")
    slackvm_local(f"--topology={LAPTOP}", f"--load={between}", f"--output={output}")
    assert recorded_waits(output) == {"a": '{"wait":0.125}', "b": '{"wait":0.25}', "wait": "None"}


def test_a_replay_keeps_it_in_rows_that_it_writes_in_its_own_way(tmp_path: Path) -> None:
    """As of other programs, whose sizes are `2.0`."""
    path, output = tmp_path / "a.csv", tmp_path / "b.csv"
    record(path, {"a": 0.125, "b": None})
    path.write_text(path.read_text().replace("\t2\tsubset", "\t2.0\tsubset"))
    slackvm_local(f"--topology={LAPTOP}", f"--load={path}", f"--output={output}")
    assert {row["config"] for row in rows(output) if row["rec"] == "vm"} == {"2", "1024"}
    assert recorded_waits(output) == {"a": '{"wait":0.125}', "b": "None"}


@pytest.mark.parametrize("wrong", ["1.5", "-0.1", "true", '"much"'])
def test_a_wait_that_is_no_share_is_refused(tmp_path: Path, wrong: str) -> None:
    path = tmp_path / "recording.csv"
    record(path, {"a": 0.125})
    path.write_text(path.read_text().replace("0.125", wrong))
    with pytest.raises(TraceError, match=r"column 11 \(sb_dsc\).*wait is the share"):
        read_trace(path)


def test_parquet_has_a_column_of_text(tmp_path: Path) -> None:
    """So that what reads recordings of before reads these."""
    path, output = tmp_path / "a.csv", tmp_path / "b.parquet"
    record(path, {"a": 0.125})
    slackvm_local(f"--topology={LAPTOP}", f"--load={path}", f"--output={output}")
    assert '{"wait":0.125}' in pa.parquet.read_table(output).column("sb_dsc").to_pylist()
