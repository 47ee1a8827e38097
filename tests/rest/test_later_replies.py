"""Replies of a later release: unknown fields of any name, type and size."""

import json
from typing import Any

import pytest

from clusters import fake_host
from schedulerglobal.hosts.replies import HostReport
from schedulerglobal.hosts.url import parse_host_url
from schedulerglobal.state.host import HostRecord
from slackvm.api.base import MOST_UNKNOWN, HealthReply, extend, fields_of
from slackvm.api.errors import ErrorDetail
from slackvm.api.hosts import HostReply, SummaryReply
from slackvm.api.vms import VMsReply

HEALTH = {"status": "ok", "version": "9.0.0", "reason": ""}
SUMMARY = {**fake_host.SUMMARY, "name": "host0", "version": "9.0.0"}
HOST = {**SUMMARY, "topology": [], "vms": [], "foreign": [], "foreign_unpinned": 0}


def parsed(unknown: str) -> HealthReply:
    return HealthReply.model_validate_json(json.dumps(HEALTH)[:-1] + f", {unknown}}}")


@pytest.mark.parametrize("name", ["keys", "items", "self", "model_fields", "__class__", "copy"])
def test_an_unknown_field_may_have_any_name(name: str) -> None:
    """`dict(reply)` takes a reply with a field `keys` for a mapping."""
    reply = parsed(f'"{name}": [1]')
    assert fields_of(reply) == {**HEALTH, name: [1]}
    assert fields_of(extend(HealthReply, reply, status="odd"))[name] == [1]


@pytest.mark.parametrize(
    "value",
    [
        "[" * 150 + "]" * 150,
        json.dumps({str(number): None for number in range(MOST_UNKNOWN)}),
        json.dumps("x" * (MOST_UNKNOWN + 1)),
        json.dumps([{"a": ["x" * 1000] * 100}]),
    ],
    ids=["nested", "many", "long", "large"],
)
def test_an_unknown_field_that_is_too_large_is_dropped(value: str) -> None:
    reply = parsed(f'"kept": {{"a": [1]}}, "huge": {value}, "after": null')
    assert reply.model_extra == {"kept": {"a": [1]}, "after": None}


def test_many_unknown_fields_are_bounded_together() -> None:
    reply = parsed(", ".join(f'"x{number}": "{number}"' for number in range(50_000)))
    assert 1000 < len(reply.model_dump_json()) < 3 * MOST_UNKNOWN
    assert reply.status == "ok"


@pytest.mark.parametrize("field", ["topology", "labels", "vms", "foreign", "api_version", "keys"])
def test_a_summary_does_not_replace_what_only_a_whole_report_has(field: str) -> None:
    """A later release may have a field of that name there, of any type."""
    host = HostRecord(parse_host_url("127.0.0.1"), 1)
    host.take_report(HostReport("abcd-1", HostReply.model_validate(HOST), VMsReply(vms=[])), vms={})
    before: Any = fields_of(host.reply())
    summary = {**SUMMARY, "generation": 2, "cpus_free": 7, field: "other"}
    host.take_summary(SummaryReply.model_validate(summary), 1)
    after = fields_of(host.reply())
    assert (after["generation"], after["cpus_free"]) == (2, 7)
    if field in before:
        assert after[field] == before[field]


def test_an_error_counts_whatever_the_type_of_its_details() -> None:
    """A refusal that cannot be read would leave the outcome of a request unknown."""
    error = ErrorDetail.model_validate(
        {"code": "no_gpu", "message": "none", "needed": 0.5, "free": {"a": 1}, "field": ["x"]}
    )
    assert error == ErrorDetail(code="no_gpu", message="none")
