"""Replaying an operations log decision for decision."""

import json
import random
from pathlib import Path

import pytest

from command import slackvm_local
from traces import Guest, trace

LAPTOP = "--topology=i7-1185g7"


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The log of a replay with arrivals, departures and refusals."""
    folder = tmp_path_factory.mktemp("log")
    chance = random.Random(1)
    guests = []
    for number in range(60):
        first = chance.randrange(100)
        last = first + chance.randrange(40)
        vcpus = chance.choice([1, 2, 4])
        level = chance.choice([1.0, 1.5, 3.0])
        guests.append(Guest(f"vm{number}", vcpus, 512 * vcpus, level, first, last))
    (folder / "trace.csv").write_text(trace(guests, range(140)))
    slackvm_local(
        LAPTOP, f"--load={folder / 'trace.csv'}", f"--operations={folder / 'operations.jsonl'}"
    )
    return folder / "operations.jsonl"


def entries(log: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in log.read_text().splitlines()]


def altered(log: Path, folder: Path, seq: int, **fields: object) -> Path:
    """Return a copy of the log with one entry altered."""
    lines = entries(log)
    lines[seq - 1] |= fields
    copy = folder / "altered.jsonl"
    copy.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return copy


def first(log: Path, op: str, outcome: str) -> int:
    found = (e for e in entries(log) if (e["op"], e["outcome"]) == (op, outcome))
    return int(str(next(found)["seq"]))


def test_every_decision_is_made_again(log: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.jsonl"
    result = slackvm_local(LAPTOP, f"--load={log}", f"--operations={again}", "--json")
    assert f"{len(entries(log))} operations: every decision as in the log" in result.stderr
    assert again.read_bytes() == log.read_bytes()
    summary = json.loads(result.stdout)
    assert summary["refused"]["no_cpu"] > 0
    assert summary["removed"] > 0


def test_entries_hold_what_was_asked_and_decided(log: Path) -> None:
    entry = entries(log)[0]
    assert list(entry) == [
        *("seq", "time", "op", "name", "vcpus", "memory_mib", "level", "host", "outcome", "code"),
        *("gains", "loses"),
    ]
    assert entry["outcome"] == "accepted"
    assert len(entry["gains"]) == 1


@pytest.mark.parametrize("code", ["cordoned", ""])
def test_only_refusals_are_taken_over(code: str, log: Path, tmp_path: Path) -> None:
    copy = altered(log, tmp_path, 1, code=code)
    assert "decided otherwise: seq 1" in slackvm_local(LAPTOP, f"--load={copy}", expect=1).stderr


@pytest.mark.parametrize("field", ["gains", "outcome", "vcpus", "code"])
def test_an_altered_decision_is_found(field: str, log: Path, tmp_path: Path) -> None:
    seq = first(log, "deploy", "accepted" if field in ("gains", "vcpus") else "refused")
    value = {"gains": {"1.0": [7]}, "outcome": "accepted", "vcpus": 3, "code": "no_memory"}[field]
    copy = altered(log, tmp_path, seq, **{field: value})
    result = slackvm_local(LAPTOP, f"--load={copy}", expect=1)
    assert f"decided otherwise: seq {seq} (deploy " in result.stderr


def test_another_selection_decides_otherwise(log: Path) -> None:
    result = slackvm_local(LAPTOP, f"--load={log}", "--selection=compact", expect=1)
    assert "decided otherwise" in result.stderr


def test_a_refusal_for_reasons_outside_the_host_is_taken_over(log: Path, tmp_path: Path) -> None:
    """A cordon, say, of which the log tells nothing else."""
    seq = first(log, "deploy", "refused")
    copy = altered(log, tmp_path, seq, code="cordoned")
    result = slackvm_local(LAPTOP, f"--load={copy}", "--json")
    assert "every decision as in the log" in result.stderr
    assert json.loads(result.stdout)["refused"]["cordoned"] == 1


def test_a_log_of_a_later_release_is_read(log: Path, tmp_path: Path) -> None:
    """Unknown fields are ignored; operations and outcomes of an unknown kind are counted."""
    lines = [entry | {"colour": "red", "labels": {"rack": "a"}} for entry in entries(log)]
    removal = first(log, "remove", "accepted")
    unknown = {"op": "migrate", "room": {"new": 1}, "withheld": "all"}
    lines[removal:removal] = [
        lines[0] | unknown,
        lines[0] | {"name": "later", "outcome": "postponed", "code": "tomorrow"},
    ]
    later = tmp_path / "later.jsonl"
    later.write_text(
        "".join(json.dumps(line | {"seq": seq}) + "\n" for seq, line in enumerate(lines, start=1))
    )
    again = tmp_path / "again.jsonl"
    result = slackvm_local(LAPTOP, f"--load={later}", f"--operations={again}")
    assert f"{len(lines)} operations: every decision as in the log" in result.stderr
    assert "2 operations of a kind that this release does not know" in result.stderr
    assert entries(again)[0] == {**entries(log)[0], "labels": {"rack": "a"}}


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text[:0], ": the file is empty"),
        (lambda text: text[:-20], ": not a whole JSON object: the line is cut or damaged"),
        (lambda text: text.replace('"seq": 2,', '"seq": 5,'), ":2: seq is 5, expected 2"),
        (
            lambda text: text.replace('"op": "deploy"', '"op": "cordon"'),
            "cordon is not an operation",
        ),
        (lambda text: text.replace('"seq": 1,', '"seq": true,'), ":1: seq: True is not a whole"),
        (lambda text: text.replace('"name": "vm', '"nam": "vm'), ":1: name: None is not a text"),
        (lambda text: text.replace('"gains": {', '"gains": {"1.0": 3, '), ":1: gains: "),
        (lambda text: "[" * 100_000 + "\n" + text, ":1: not a whole JSON object"),
        (
            lambda text: text.replace('"outcome": "accepted"', '"outcome": 1'),
            ":1: outcome: 1 is not",
        ),
        (lambda text: text.replace('"vcpus": ', '"vcpus": -'), "seq 1: vcpus -"),
        (lambda text: text.replace('"level": 1', '"level": 1' + 400 * "0"), "is not allowed"),
    ],
)
def test_a_damaged_log_is_named_with_the_line(damage, message, log: Path, tmp_path: Path) -> None:
    copy = tmp_path / "damaged.jsonl"
    copy.write_text(damage(log.read_text()))
    result = slackvm_local(LAPTOP, f"--load={copy}", expect=2)
    assert str(copy) in result.stderr
    assert message in result.stderr


def test_a_log_has_no_recording_to_write(log: Path, tmp_path: Path) -> None:
    result = slackvm_local(LAPTOP, f"--load={log}", f"--output={tmp_path / 'x.csv'}", expect=2)
    assert "records no use" in result.stderr
