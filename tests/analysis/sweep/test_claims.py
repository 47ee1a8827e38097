"""Claims: asserted for the inputs that they belong to, and the documents tell the same."""

import gzip
from hashlib import sha256
from pathlib import Path

import pytest

from sizings import sizings
from slackanalysis.sizing.hosts import HostSize
from slackanalysis.sweep import claims
from slackanalysis.sweep.cells import PAPER_MIXES, cells_of, sweep
from slackanalysis.sweep.claims import Claim, Verdict, check, require
from slackanalysis.sweep.gains import read_sizings
from slackanalysis.sweep.published import lists_digest
from slackanalysis.sweep.reproduced import check_fig_3, check_gains, check_lists
from slackanalysis.sweep.reproduction import reproduction
from slackanalysis.workload.catalogue import CATALOGUES
from slackanalysis.workload.demand import Demand, request_list
from slackanalysis.workload.mix import parse_mix
from slackanalysis.workload.request_file import write_requests
from slackanalysis.workload.temporality import Temporality

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


def test_a_claim_that_the_report_says_does_not_hold_is_reported_and_is_no_error():
    known = (Claim("a", 10, 1, "hosts", is_known_to_fail=True),)
    table = check(known, {"a": 8}, is_published_input=True)
    assert table["verdict"].tolist() == [Verdict.FAILS]
    assert table["reason"].tolist() == ["as the report says"]
    require(table)


def test_the_report_holds_every_claim_with_its_tolerance():
    message = set()
    for line in REPORT.read_text().splitlines():
        fields = [field.strip() for field in line.split("|")[1:-1]]
        if len(fields) == 7 and fields[1].replace(".", "").isdigit():
            name, value, tolerance, unit, _, verdict, _ = fields
            fails = verdict == "does not hold"
            message.add(Claim(name, float(value), float(tolerance), unit, fails))
    assert message == {*claims.FIG_3, *claims.GAINS, *claims.LISTS}


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
    assert checked["ours"].tolist() == [*found.groups["ours"], found.correlation]


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """The first of the twenty seeds, and the folder of its cells."""
    folder = tmp_path_factory.mktemp("cells")
    catalogues, mixes = list(CATALOGUES.values()), [parse_mix(mix) for mix in PAPER_MIXES]
    cells = cells_of(
        catalogues, mixes, [500], [1], ["first-fit"], Temporality(), HostSize(32, 131_072)
    )
    return sweep(cells, folder, jobs=1), folder


@pytest.fixture
def one_seed(swept, monkeypatch):
    """Let the first seed play the part of all twenty."""
    table, folder = swept
    keys = ["provider", "mix", "vms", "temporality", "seed", "list_sha256"]
    known = lists_digest(table[keys].itertuples(index=False, name=None))
    monkeypatch.setattr(claims, "OUR_SEEDS", range(1, 2))
    monkeypatch.setattr(claims, "OUR_LISTS_SHA256", known)
    return table, folder


def test_a_sweep_of_our_lists_is_judged(one_seed, tmp_path):
    table, folder = one_seed
    checked = check_gains(table, reproduction(table), folder)
    assert Verdict.OTHER_INPUT not in set(checked["verdict"])
    (tmp_path / "table.csv").write_text(table.to_csv(index=False))
    written = read_sizings(tmp_path / "table.csv")
    assert check_gains(written, reproduction(written), folder).equals(checked)


def forged(table, what):
    """Return a table as a user might have edited it, and a part of the reported reason."""
    match what:
        case "one number":
            return table.assign(hosts_shared=table["hosts_shared"] - (table.index == 7)), (
                "hosts_shared of"
            )
        case "all numbers":
            return table.assign(
                hosts_shared=(0.961 * table["hosts_shared"]).round().astype(int)
            ), "made again, it is"
        case "a bound":
            return table.assign(hosts_bound=table["hosts_bound"] + 1), "hosts_bound of"
        case "larger hosts":
            return table.assign(host_cpus=64), "host_cpus is 64, published is 32"
        case "another generator":
            return table.assign(generator="mine 3"), "generator mine 3"
        case "other lists":
            return table.assign(list_sha256="0" * 64), "its request lists are not the"
        case "another policy":
            return table.assign(policy="progress"), "policy progress, claimed is first-fit"
        case "no origin":
            return table[list(table)[:20]], "the table has no column"
        case "fewer rows":
            return table.iloc[:-1], "its request lists are not the"


@pytest.mark.parametrize(
    "what",
    [
        *("one number", "all numbers", "a bound", "larger hosts", "another generator"),
        *("other lists", "another policy", "no origin", "fewer rows"),
    ],
)
def test_a_forged_or_foreign_table_is_not_the_published_input(one_seed, what):
    table, folder = one_seed
    changed, reason = forged(table, what)
    judged = reproduction(table if what in ("larger hosts", "no origin") else changed)
    checked = check_gains(changed, judged, folder)
    assert set(checked["verdict"]) == {Verdict.OTHER_INPUT}
    assert reason in checked["reason"][0]
    require(checked)


def test_what_was_computed_before_is_not_needed(one_seed):
    table, _ = one_seed
    changed, reason = forged(table, "one number")
    assert reason in check_gains(changed, reproduction(changed))["reason"][0]


def lists(seed: int):
    catalogue = CATALOGUES["azure2017"]
    return [request_list(Demand(catalogue, parse_mix("50-0-50"), 20, seed=seed))]


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


def test_the_authors_lists_are_identified_by_their_requests(reference_data, tmp_path):
    content = gzip.decompress((reference_data / "workloads" / "seed1.csv.gz").read_bytes())
    path = tmp_path / "part.csv"
    path.write_bytes(content)
    assert set(check_lists(path)["verdict"]) == {Verdict.HOLDS}, "packed otherwise"
    path.write_bytes(b"\n".join(content.splitlines()[:50]) + b"\n")
    assert set(check_lists(path)["verdict"]) == {Verdict.OTHER_INPUT}, "a part of them"
