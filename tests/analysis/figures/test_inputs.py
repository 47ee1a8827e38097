"""What figures leave out is made for them, once."""

from pathlib import Path

import pandas as pd
import pytest

from slackanalysis.figures.inputs import Inputs, host_size, swept
from slackanalysis.sweep.gains import read_sizings

SMALL = {"seeds": 2, "mixes": ["50-0-50"], "sizes": [10], "policies": ["first-fit"]}


def test_a_sweep_is_run_and_kept(tmp_path: Path) -> None:
    message: list[tuple[str, int]] = []
    steps: list[int] = []

    def track(what: str, count: int):
        message.append((what, count))
        return steps.append

    path = swept("", tmp_path, **SMALL, track=track)
    table = read_sizings(path)
    assert message == [("sizing 4 clusters", 4)]
    assert sum(steps) == 4
    assert table[["provider", "seed"]].to_numpy().tolist() == [
        *(["ovhcloud2023", 1], ["ovhcloud2023", 2]),
        *(["azure2017", 1], ["azure2017", 2]),
    ]
    assert set(table["vms"]) == {10}
    steps.clear()
    again = swept("", tmp_path, **SMALL, track=track)
    assert again == path
    assert steps == [4]
    assert swept("", tmp_path, **SMALL | {"seeds": 1}) != path


def test_what_two_figures_need_is_made_once(tmp_path: Path, monitoring: Path) -> None:
    message: list[str] = []

    def track(what: str, _: int):
        message.append(what)
        return lambda _: None

    inputs = Inputs(tmp_path, track)
    values = {"sweep": "", "policy": "first-fit", "seeds": 1, "mixes": ["50-0-50"], "sizes": [10]}
    first = inputs.complete(values)
    assert inputs.complete(values) == first
    assert inputs.complete({**values, "policy": "progress"}) != first
    assert message == ["sizing 2 clusters", "sizing 2 clusters"]
    replay = {"monitoring": "", "trace": str(monitoring), "topology": "i7-1185g7", "seed": 1}
    made = inputs.complete(replay)
    written = Path(made["monitoring"]).stat().st_mtime_ns
    assert inputs.complete({**replay, "output": "other"})["monitoring"] == made["monitoring"]
    assert Path(made["monitoring"]).stat().st_mtime_ns == written


def test_what_is_given_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("x")
    values = {"sweep": str(tmp_path / "t.csv"), "policy": "first-fit", "seeds": 1, "output": "o"}
    assert Inputs(tmp_path).complete(values) == values


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"seeds": 0}, "seeds: 1 or more is needed"),
        ({"policies": []}, "policies: 1 or more is needed"),
        ({"mixes": []}, "mixes: 1 or more is needed"),
        ({"mixes": ["50-50"]}, "mix '50-50' is not allowed"),
        ({"sizes": []}, "sizes: 1 or more is needed"),
        ({"sizes": [0]}, "number of VMs 0 is not allowed"),
        ({"table": "nope.parquet"}, "nope.parquet: no such file"),
    ],
)
def test_a_sweep_that_cannot_be_is_refused(tmp_path: Path, given, reason) -> None:
    with pytest.raises(ValueError, match=reason):
        swept(**{"table": "", "folder": tmp_path, **SMALL, **given})
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_policy_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LookupError, match="'best' is unknown"):
        swept("", tmp_path, **SMALL | {"policies": ["best"]})


def test_hosts_offer_something() -> None:
    with pytest.raises(ValueError, match="host_cpus 0 is not allowed"):
        host_size(0, 1)


def test_the_same_sweep_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = (swept("", tmp_path / name, **SMALL) for name in ("a", "b"))
    assert first.read_bytes() == second.read_bytes()
    assert not pd.read_parquet(first).empty
