"""Reading VMs and the host out of a recording."""

import numpy as np
import pandas as pd
import pytest

from slackanalysis.recordings.host import read_host
from slackanalysis.recordings.vms import read_levels, read_vm_use
from slackanalysis.workload.host import Workload
from slackanalysis.workload.trace import write_trace

LEVELS_CSV = """\
time_s,level,vms,vcpus,used_cpus,memory_mib,used_mib
0,1.0,1,2,0.75,1024,512.0
0,3.0,1,1,0.25,1024,512.0
15,1.0,0,0,0.0,0,0.0
15,3.0,2,3,0.5,2048,1024.0
"""

HOST_CSV = """\
time_s,cpus,owned_cpus,used_cpus,memory_mib,allocated_mib,used_mib
0,8,3,1.0,4096,2048,409.6
15,8,2,0.5,4096,2048,409.6
"""

USE_CSV = """\
vm_uuid,level,vcpus,first_s,last_s,mean_use,busy_use
uuid-a,1.0,2,0,0,0.375,0.375
uuid-b,3.0,1,0,15,0.25,0.25
uuid-c,3.0,2,15,15,0.125,0.125
"""


@pytest.mark.parametrize(
    ("read", "expected"),
    [(read_levels, LEVELS_CSV), (read_host, HOST_CSV), (read_vm_use, USE_CSV)],
)
def test_tables_hold_what_the_rows_say(monitoring, read, expected):
    assert read(monitoring).round(9).to_csv(index=False) == expected


def test_the_busy_use_of_a_vm_is_its_95th_percentile(tmp_path):
    path = tmp_path / "t.csv"
    write_trace(path, Workload(cpus=8, memory_mib=32_768, duration_s=6000))
    rows = [line.split("\t") for line in path.read_text().splitlines()[1:]]
    for vm in read_vm_use(path).itertuples():
        uses = [float(row[3]) for row in rows if row[6] == vm.vm_uuid and row[2] == "cpu"]
        assert vm.mean_use == pytest.approx(sum(uses) / len(uses))
        assert vm.busy_use == pytest.approx(np.percentile(uses, 95))


@pytest.mark.parametrize("ending", [".csv.gz", ".parquet"])
def test_the_format_does_not_matter(tmp_path, ending):
    workload = Workload(cpus=16, memory_mib=65_536, duration_s=1500)
    for name in ("t.csv", f"t{ending}"):
        write_trace(tmp_path / name, workload)
    for read in (read_levels, read_host, read_vm_use):
        pd.testing.assert_frame_equal(
            read(tmp_path / "t.csv"), read(tmp_path / f"t{ending}"), rtol=1e-12
        )


def test_vms_of_which_there_is_no_cpu_row_do_not_count(monitoring):
    """Recordings of the prototype hold whole objects, and memory rows of VMs that it refused."""
    refused = "15 vm mem 0.5 1024 subset-1 uuid-r r 1 None None\n".replace(" ", "\t")
    verbose = monitoring.read_text().replace("{}", '{"consumer_list":[{"name":"a"}]}', 1)
    monitoring.write_text(verbose + refused)
    assert read_levels(monitoring).to_csv(index=False) == LEVELS_CSV
    assert len(read_vm_use(monitoring)) == 3


def without(path, text):
    lines = [line for line in path.read_text().splitlines() if text not in line]
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("read", [read_levels, read_vm_use])
def test_a_recording_without_vms_is_reported(monitoring, read):
    without(monitoring, "\tvm\t")
    with pytest.raises(ValueError, match="no VM in it"):
        read(monitoring)


@pytest.mark.parametrize("gone", ["global\tcpu", "global\tmem", "15\tglobal\tmem"])
def test_a_recording_that_lacks_the_host_is_reported(monitoring, gone):
    without(monitoring, gone)
    with pytest.raises(ValueError, match="rec=global"):
        read_host(monitoring)


def test_two_rows_of_a_host_at_one_time_are_reported(monitoring):
    lines = monitoring.read_text().splitlines()
    monitoring.write_text("\n".join([lines[0], lines[1], *lines[1:]]) + "\n")
    with pytest.raises(ValueError, match="a second row about the same thing"):
        read_host(monitoring)
