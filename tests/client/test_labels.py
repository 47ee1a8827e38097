"""Labels on the command line, with servers of this release and of others."""

import json
from typing import Any

import pytest

from client.impostor import answering, error, http, ok
from client.running import output_of, reply, rows, run, table
from client.test_failures import VM
from clusters.processes import Controller
from live.daemons import Daemon

SIZE = ("--vcpus=2", "--memory=1", "--image=/any")
LABELLED = {**VM, "labels": {"app": "shop", "tier": "web"}}


def body(request: str) -> Any:
    return json.loads(request.partition("\r\n\r\n")[2])


def refusal(field: str) -> bytes:
    """Return how release 0.1.0 refuses a field that it does not know."""
    detail = {"code": "invalid", "message": f"{field} is unknown; allowed: x", "field": field}
    return http("400 Bad Request", json.dumps({"error": detail}))


class TestRequests:
    """What is sent."""

    def test_labels_and_requirements_are_sent(self) -> None:
        labels = ("--label=app=shop", "--label", "tier=web,zone=", "--require=rack=b")
        with answering(ok(LABELLED)) as server:
            run(server.url, "deploy", "web", *SIZE, *labels)
            sent = body(server.requests[0])
        assert sent["labels"] == {"app": "shop", "tier": "web", "zone": ""}
        assert sent["require"] == {"rack": "b"}

    @pytest.mark.parametrize(
        ("command", "answer"),
        [
            (("deploy", "web", *SIZE), VM),
            (("plan", "web", "--vcpus=2", "--memory=1"), {"accepted": True, "hosts": []}),
        ],
    )
    def test_an_earlier_release_gets_no_new_field_without_labels(
        self, command: tuple[str, ...], answer: Any
    ) -> None:
        with answering(ok(answer)) as server:
            run(server.url, *command, "--json", expect=0 if command[0] == "deploy" else 1)
            sent = body(server.requests[0])
        assert set(sent) == {"name", "vcpus", "memory_gib", "image"}

    def test_a_controller_filters_by_labels(self) -> None:
        with answering(ok({"total": 1, "vms": [LABELLED], "after": None})) as server:
            run(server.url, "list", "--label=tier=web", "--label=app=shop")
            [line, *_] = server.requests[0].splitlines()
        assert line == "GET /v1/vms?label=app%3Dshop%2Ctier%3Dweb HTTP/1.1"

    def test_overrides_of_a_hosts_labels_are_set_and_ended(self, controller: Controller) -> None:
        host = {**controller.get("/v1/hosts")["hosts"][0], "labels": {"rack": "b", "zone": "a"}}
        with answering(ok(host)) as server:
            printed = run(server.url, "hosts", "label", "host0", "rack=b", "zone-")[0]
            assert server.requests[0].startswith("PATCH /v1/hosts/host0 ")
            assert body(server.requests[0]) == {"labels": {"rack": "b", "zone": None}}
        assert printed == "host0 has the labels rack=b,zone=a\n"


class TestOtherReleases:
    """Servers that know less, or more."""

    @pytest.mark.parametrize(
        ("command", "field"),
        [
            (("deploy", "web", *SIZE, "--label=a=b"), "labels"),
            (("plan", "--vcpus=2", "--memory=1", "--require=a=b"), "require"),
        ],
    )
    def test_a_server_without_labels_is_named_with_its_release(
        self, command: tuple[str, ...], field: str
    ) -> None:
        health = ok({"status": "ok", "version": "0.1.0", "reason": ""})
        with answering(refusal(field), health) as server:
            errors = run(server.url, *command, expect=2)[1]
        assert f"{server.url} runs SlackVM 0.1.0 and does not accept {field}: " in errors
        assert "of 0.2.0 or later" in errors

    def test_a_controller_without_overrides_is_named_with_its_release(self) -> None:
        answer = error("405 Method Not Allowed", "method_not_allowed", "DELETE, OPTIONS")
        with answering(answer, ok({"version": "0.1.0"})) as server:
            errors = run(server.url, "hosts", "label", "host1", "rack=b", expect=2)[1]
        assert "runs SlackVM 0.1.0 and does not accept labels of hosts: a controller of" in errors

    def test_a_controller_without_digests_lists_its_hosts(self, controller: Controller) -> None:
        listed = ok(controller.get("/v1/hosts"))
        with answering(refusal("topologies"), listed) as server:
            assert len(rows_of(server.url, "hosts")) == len(controller.hosts())

    def test_a_controller_without_labels_is_named_with_its_release(self) -> None:
        page = ok({"total": 0, "vms": [], "after": None})
        health = ok({"status": "ok", "version": "0.1.0", "reason": ""})
        with answering(refusal("label"), page, health) as server:
            errors = run(server.url, "list", "--label=a=b", expect=2)[1]
        assert "runs SlackVM 0.1.0 and does not accept label" in errors

    def test_words_and_fields_of_a_later_release_are_shown(self, controller: Controller) -> None:
        vm = {**LABELLED, "state": "migrating", "progress_percent": 40}
        with answering(ok({"total": 1, "vms": [vm], "after": None, "news": 1})) as server:
            [row] = rows_of(server.url, "list", "--wide")
            assert (row["STATE"], row["LABELS"]) == ("migrating", "app=shop,tier=web")
        hosts = controller.get("/v1/hosts")
        hosts["hosts"][0] |= {"state": "draining", "hypervisor": "firecracker", "mood": 1}
        with answering(ok(hosts)) as server:
            assert {row["STATE"] for row in rows_of(server.url, "hosts")} == {"draining", "ready"}

    def test_codes_of_a_later_release_are_shown(self) -> None:
        with answering(error("409 Conflict", "too_warm", "the host is too warm")) as server:
            errors = run(server.url, "deploy", "web", *SIZE, expect=1)[1]
        assert "web: the host is too warm (too_warm)" in errors


class TestPlans:
    """What a policy and the hosts say."""

    def test_any_policys_parts_and_each_refusal_are_shown(self) -> None:
        verdict = {"needed": None, "free": None}
        reason = "the labels rack=b are required; this host has rack=a"
        hosts = [
            {
                **verdict,
                "host": "host0",
                "accepted": True,
                "code": None,
                "message": None,
                "score": 2.5,
                "parts": {"watts": 40.0, "distance": 3.0},
            },
            {
                **verdict,
                "host": "host1",
                "accepted": False,
                "code": "labels_not_matched",
                "message": reason,
                "score": None,
                "parts": {},
            },
        ]
        plan = {"accepted": True, "code": None, "message": None, "host": "host0"}
        with answering(ok({**plan, "policy": "green", "hosts": hosts})) as server:
            printed = run(server.url, "plan", "--vcpus=2", "--memory=1", "--require=rack=b")[0]
        scores, refusals, last = printed.strip().split("\n\n")
        head, first = scores.splitlines()
        assert head.split() == ["HOST", "SCORE", "WATTS", "DISTANCE"]
        assert first.split() == ["*", "host0", "2.5", "40", "3"]
        assert refusals.splitlines() == [
            "HOST   REFUSED",
            f"host1  {reason} (labels_not_matched)",
        ]
        assert last == "host0 is the best, by the policy green"


class TestHost:
    """The daemon of one host."""

    def test_labels_are_kept_shown_and_filtered_by(self, host: Daemon) -> None:
        output_of(host, "deploy", "web", *SIZE, "--label=app=shop", "--label=tier=web")
        output_of(host, "deploy", "db", *SIZE, "--label=app=shop")
        assert reply(host, "show", "web")["labels"] == {"app": "shop", "tier": "web"}
        assert "labels:     app=shop,tier=web\n" in output_of(host, "show", "web")
        names = [row["NAME"] for row in rows(host, "list", "--label=app=shop,tier=web")]
        assert names == ["web"]
        assert len(reply(host, "list", "--label=app=shop")["vms"]) == 2
        assert "No VM matches." in output_of(host, "list", "--label=app=other")
        assert [row["NAME"] for row in rows(host, "list", "--search=TIER=")] == ["web"]

    def test_a_host_does_not_choose_a_host(self, host: Daemon) -> None:
        errors = run(host.url, "deploy", "web", *SIZE, "--require=rack=b", expect=2)[1]
        assert "does not accept require: a controller of 0.2.0 or later does" in errors


class TestCluster:
    """A controller and its hosts."""

    def test_a_hosts_label_is_overridden_required_and_given_back(
        self, controller: Controller
    ) -> None:
        output_of(controller, "hosts", "label", "host1", "rack=b")
        try:
            labels = {row["HOST"]: row["LABELS"] for row in rows(controller, "hosts", "--wide")}
            assert labels == {"host0": "-", "host1": "rack=b", "host2": "-"}
            required = ("--require=rack=b", "--label=app=shop")
            printed = output_of(controller, "plan", "--vcpus=1", "--memory=1", *required)
            assert "host1 is the best" in printed
            assert printed.count("(labels_not_matched)") == 2
            output_of(controller, "deploy", "n", *SIZE, *required, "--count=3")
            assert {row["HOST"] for row in rows(controller, "list")} == {"host1"}
        finally:
            printed = output_of(controller, "hosts", "label", "host1", "rack-")
        assert printed == "host1 has no labels\n"
        errors = output_of(controller, "deploy", "m", *SIZE, *required, expect=1)
        assert "(labels_not_matched)" in errors

    def test_vms_are_listed_by_label(self, controller: Controller) -> None:
        output_of(controller, "deploy", "web", *SIZE, "--label=app=shop", "--label=tier=web")
        output_of(controller, "deploy", "db", *SIZE, "--label=app=shop")
        assert len(rows(controller, "list", "--label=app=shop")) == 2
        [row] = rows(controller, "list", "--label=tier=web", "--wide")
        assert (row["NAME"], row["LABELS"]) == ("web", "app=shop,tier=web")
        assert [row["NAME"] for row in rows(controller, "list", "--search=tier")] == ["web"]
        printed = output_of(controller, "deploy", "web", *SIZE, "--label=app=other", expect=1)
        assert "(name_taken)" in printed


def rows_of(url: str, *arguments: str) -> list[dict[str, str]]:
    return table(run(url, *arguments)[0].splitlines())
