"""What is taken of a trace: window, sample, levels."""

import pytest

import public_traces as made
from slackanalysis.workload.request_file import read_requests

TABLE = """\
before,s,d,0,150,9,1,4,Unknown,1,2
across,s,d,50,950,9,1,4,Unknown,1,2
inside,s,d,200,300,9,1,4,Unknown,1,2
late,s,d,400,950,9,1,4,Unknown,1,2
after,s,d,500,950,9,1,4,Unknown,1,2
gone,s,d,0,100,9,1,4,Unknown,1,2
"""


def test_what_lives_before_the_window_is_there_at_its_start(tmp_path, imported):
    path = tmp_path / "vmtable.csv"
    path.write_text(TABLE)
    table = imported("azure-2017", path, "--window", "100:500")
    assert table["start_s"].to_dict() == {"before": 100, "across": 100, "inside": 200, "late": 400}
    assert table["lifetime_s"].to_dict() == {
        "before": 50,
        "across": 400,
        "inside": 100,
        "late": 100,
    }
    assert table.attrs["changed"] == {
        "dropped: outside the window": 2,
        "clipped: started before 100 s: starts at 100 s": 2,
        "clipped: ended after 500 s: ends at 500 s": 2,
    }


def test_a_larger_sample_contains_the_smaller_one(tmp_path, imported):
    path = made.azure(tmp_path / "vmtable.csv", 2000)
    small, large, other = (
        set(imported("azure-2017", path, "--sample", share, "--seed", seed).index)
        for share, seed in ((0.1, 1), (0.3, 1), (0.1, 2))
    )
    assert small < large
    assert 150 < len(small) < 250
    assert small != other


def test_a_vm_keeps_its_level_in_every_window_and_sample(tmp_path, imported):
    path = made.azure(tmp_path / "vmtable.csv", 2000)
    options = "--mix", "50-25-25"
    whole = imported("azure-2017", path, *options)
    part = imported("azure-2017", path, *options, "--sample", 0.2, "--window", "500000:1000000")
    assert (whole.loc[part.index, "level"] == part["level"]).all()
    shares = whole["level"].value_counts(normalize=True)
    assert shares.to_dict() == pytest.approx({1.0: 0.5, 2.0: 0.25, 3.0: 0.25}, abs=0.04)
    assert set(whole["mix"]) == {"50-25-25"}


def test_what_is_written_is_a_request_list_and_always_the_same(tmp_path, imported):
    path = made.packing(tmp_path / "packing.sqlite", 500)
    imported("azure-packing-2020", path, "--mix", "1.0=.5,1.5=.5")
    output = tmp_path / "requests.csv"
    before = output.read_bytes()
    (requests,) = read_requests(output)
    assert requests.levels == [1.0, 1.5]
    assert requests.keys == {"provider": "azure-packing-2020", "mix": "1.0=0.5,1.5=0.5"}
    imported("azure-packing-2020", path, "--mix", "1.0=.5,1.5=.5")
    assert output.read_bytes() == before
