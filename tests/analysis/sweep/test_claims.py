"""Claims: asserted for the inputs that they belong to, and the documents tell the same."""

import gzip
from hashlib import sha256
from pathlib import Path

import pytest

from sizings import sizings
from slackanalysis.sweep import claims
from slackanalysis.sweep.claims import Claim, Verdict, check, require
from slackanalysis.sweep.reproduced import check_fig_3, check_gains, check_lists, digest
from slackanalysis.sweep.reproduction import reproduction
from slackanalysis.workload.catalogue import CATALOGUES
from slackanalysis.workload.demand import Demand, request_list
from slackanalysis.workload.mix import parse_mix
from slackanalysis.workload.request_file import write_requests

REPORT = Path(__file__).parents[3] / "docs" / "reproduction.md"
TWO = (Claim("a", 10, 1, "hosts"), Claim("b", 5, 0, "%"))


def test_a_claim_holds_within_its_tolerance():
    table = check(TWO, {"a": 11, "b": 5.001}, is_published_input=True)
    assert table["verdict"].tolist() == [Verdict.HOLDS, Verdict.FAILS]
    assert table["difference"].tolist() == pytest.approx([1, 0.001])
    with pytest.raises(AssertionError, match=r"do not hold: b: 5\.001 %, published 5 ± 0$"):
        require(table)


def test_a_number_that_is_not_there_fails():
    assert check(TWO, {"a": float("nan"), "b": 5}, True)["verdict"][0] == Verdict.FAILS


def test_nothing_is_asserted_of_another_input():
    table = check(TWO, {"a": 99, "b": 99}, is_published_input=False)
    assert set(table["verdict"]) == {"not the published input"}
    require(table)


def test_the_report_holds_every_claim_with_its_tolerance():
    told = set()
    for line in REPORT.read_text().splitlines():
        fields = [field.strip() for field in line.split("|")[1:-1]]
        if len(fields) == 6 and fields[1].replace(".", "").isdigit():
            name, value, tolerance, unit, *_ = fields
            told.add(Claim(name, float(value), float(tolerance), unit))
    assert told == {*claims.FIG_3, *claims.GAINS, *claims.LISTS}


def test_fig_3_is_checked_for_the_authors_trace_alone(monitoring):
    """With its own hash, any trace may play the authors' part."""
    known = sha256(monitoring.read_bytes()).hexdigest()
    other = check_fig_3(monitoring, str(monitoring), "")
    assert set(other["verdict"]) == {Verdict.OTHER_INPUT}
    assert other["ours"].tolist()[:3] == pytest.approx([0, float("nan"), 2], nan_ok=True)
    own = check_fig_3(monitoring, str(monitoring), known.upper())
    assert set(own["verdict"]) == {Verdict.FAILS}
    assert set(check_fig_3(monitoring, "", known)["verdict"]) == {Verdict.OTHER_INPUT}


def test_gains_of_made_up_hosts_are_not_those_of_our_request_lists():
    table = sizings()
    found = reproduction(table)
    checked = check_gains(table, found)
    assert set(checked["verdict"]) == {Verdict.OTHER_INPUT}
    assert checked["ours"].tolist() == [found.mean, found.correlation]


def lists(seed: int):
    catalogue = CATALOGUES["azure2017"]
    return [request_list(Demand(catalogue, parse_mix("50-0-50"), 20, seed=seed))]


def test_a_digest_tells_request_lists_apart():
    assert digest(lists(1)) == digest(lists(1))
    assert digest(lists(1)) != digest(lists(2))


def test_request_lists_of_ones_own_are_sized_and_not_judged(tmp_path):
    path = tmp_path / "mine.csv"
    write_requests(path, lists(1))
    checked = check_lists(path)
    assert set(checked["verdict"]) == {Verdict.OTHER_INPUT}
    assert (checked["ours"] > 0).all()


def test_the_authors_request_lists_need_the_hosts_that_are_known(reference_data):
    checked = check_lists(reference_data / "workloads" / "seed1.csv.gz")
    assert set(checked["verdict"]) == {Verdict.HOLDS}
    assert checked["ours"].tolist() == checked["published"].tolist()


def test_the_same_lists_packed_otherwise_are_another_input(reference_data, tmp_path):
    content = gzip.decompress((reference_data / "workloads" / "seed1.csv.gz").read_bytes())
    path = tmp_path / "part.csv"
    path.write_bytes(b"\n".join(content.splitlines()[:50]) + b"\n")
    assert set(check_lists(path)["verdict"]) == {Verdict.OTHER_INPUT}
