"""Options of `slackvm deploy` and `plan` about the host of a VM, and its level."""

import json
import re
from typing import Any

import pytest

from client.impostor import answering, http, ok
from client.running import output_of, reply, run
from client.test_failures import VM
from clusters.processes import Controller
from live.daemons import Daemon

SIZE = ("--vcpus=2", "--memory=1", "--image=/any")


def bodies(requests: list[str]) -> list[Any]:
    return [json.loads(each.partition("\r\n\r\n")[2]) for each in requests if "\r\n\r\n{" in each]


def refusal(field: str, message: str) -> bytes:
    detail = {"code": "invalid", "message": message, "field": field}
    return http("400 Bad Request", json.dumps({"error": detail}))


class TestLevels:
    def test_without_a_level_the_server_chooses(self) -> None:
        with answering(ok(VM)) as server:
            run(server.url, "deploy", "web", *SIZE)
            [body] = bodies(server.requests)
        assert "level" not in body

    def test_a_server_that_demands_a_level_gets_level_1(self) -> None:
        with answering(refusal("level", "level is missing"), ok(VM)) as server:
            run(server.url, "deploy", "web", *SIZE)
            assert [body.get("level") for body in bodies(server.requests)] == [None, 1.0]

    def test_a_level_that_is_refused_is_not_replaced(self) -> None:
        with answering(refusal("level", "level: 7 is not allowed")) as server:
            errors = run(server.url, "deploy", "web", *SIZE, "--level=7", expect=2)[1]
            assert len(server.requests) == 1
        assert "level: 7 is not allowed" in errors

    def test_a_host_and_a_controller_without_a_default_give_a_cpu_for_each_vcpu(
        self, controller: Controller, host: Daemon
    ) -> None:
        for served in (controller, host):
            assert "2 vCPUs of level 1.0 " in output_of(served, "deploy", "web", *SIZE)


class TestHosts:
    def test_a_vm_goes_to_the_host_that_is_named(self, controller: Controller) -> None:
        assert "on host2:" in output_of(controller, "deploy", "web", *SIZE, "--host=host2")
        size = ("--vcpus=1", "--memory=1")
        printed = output_of(controller, "plan", *size, "--host=host1")
        assert "host1 is the best" in printed
        assert printed.count("the request is for host host1 (not_requested)") == 2
        output_of(controller, "cordon", "host1")
        errors = output_of(controller, "deploy", "db", *SIZE, "--host=host1", expect=1)
        assert "host host1 does not take it: the host is cordoned (cordoned)" in errors

    def test_an_unknown_host_is_bad_input(self, controller: Controller) -> None:
        errors = output_of(controller, "deploy", "web", *SIZE, "--host=nowhere", expect=2)
        assert "there is no host nowhere in the cluster (host_not_found)" in errors


class TestGroups:
    def test_vms_of_a_group_are_apart(self, controller: Controller) -> None:
        apart = ("--anti-affinity=db", "--count=4")
        errors = output_of(controller, "deploy", "db", *SIZE, *apart, expect=1)
        assert "db-4, 3 of 4 deployed: no host takes it: db-1 of the same group is on " in errors
        assert len({vm["host"] for vm in controller.vms().values()}) == 3
        assert re.search("^anti-affinity: +db$", output_of(controller, "show", "db-1"), re.M)
        assert reply(controller, "show", "db-1")["anti_affinity"] == "db"

    @pytest.mark.parametrize(
        ("option", "field"), [("--host=host1", "host"), ("--anti-affinity=db", "anti_affinity")]
    )
    def test_an_earlier_release_is_named(self, option: str, field: str) -> None:
        health = ok({"status": "ok", "version": "0.2.0", "reason": ""})
        unknown = refusal(field, f"{field} is unknown; allowed: x")
        with answering(unknown, health) as server:
            errors = run(server.url, "deploy", "web", *SIZE, option, expect=2)[1]
        assert f"runs SlackVM 0.2.0 and does not accept {field}: a controller of 0.3.0" in errors

    def test_a_host_does_not_choose_a_host(self, host: Daemon) -> None:
        errors = run(host.url, "deploy", "web", *SIZE, "--host=testhost", expect=2)[1]
        assert "does not accept host: a controller of 0.3.0 or later does" in errors
