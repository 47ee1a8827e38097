"""VMs from the command line: on a cluster, and on a host alone."""

import json

import pytest

from client.running import output_of, reply, rows, run, table
from clusters.processes import Controller
from command import slackvm
from live.daemons import Daemon, Served

SIZE = ("--vcpus=2", "--memory=1.5", "--image=/images/any.qcow2")


class TestTheLifeOfAVM:
    """Deployed, looked at, stopped, started, removed."""

    def test_as_people_see_it(self, controller: Controller) -> None:
        def said(*arguments: str) -> str:
            """Run a process of its own, as people do."""
            return slackvm(*arguments, SLACKVM_URL=controller.url).stdout

        deployed = said("deploy", "web", *SIZE, "--level=2")
        place = controller.get("/v1/vms/web")["host"]
        assert f"web is running on {place}: 2 vCPUs of level 2.0" in deployed
        [row] = table(said("list").splitlines())
        assert row == {
            "NAME": "web",
            "STATE": "running",
            "HOST": place,
            "VCPUS": "2",
            "GIB": "1.5",
            "LEVEL": "2.0",
            "ADDRESSES": "-",
        }
        shown = said("show", "web")
        # Its VMs are simulated.
        assert "console:    -" in shown
        assert "/images/any.qcow2" in shown
        assert said("stop", "web") == f"web is stopped on {place}\n"
        assert rows(controller, "list")[0]["STATE"] == "stopped"
        assert said("start", "web") == f"web is running on {place}\n"
        assert said("restart", "web") == f"web is running on {place}\n"
        assert said("remove", "web") == "web is removed\n"
        assert rows(controller, "list") == []

    def test_as_programs_see_it(self, either: Served) -> None:
        created = reply(either, "deploy", "web", *SIZE, "--level=2", "--clone")
        vm = either.get("/v1/vms/web")
        assert created == {**vm, "summary": created["summary"]}
        assert vm["memory_mib"] == 1536
        assert vm["clone"] is True
        assert reply(either, "show", "web") == vm
        assert reply(either, "list") == either.get("/v1/vms")
        assert reply(either, "stop", "web")["state"] == "stopped"
        assert reply(either, "remove", "web")["cpus_free"] == 8
        assert reply(either, "show", "web", expect=1)["error"]["code"] == "vm_not_found"

    def test_the_same_again_changes_nothing(self, host: Daemon) -> None:
        output_of(host, "deploy", "web", *SIZE)
        assert "it existed already" in output_of(host, "deploy", "web", *SIZE)
        printed = output_of(host, "deploy", "web", *SIZE, "--level=3", expect=1)
        assert "web: a VM of this name exists (name_taken)" in printed


class TestMany:
    """One command, several VMs."""

    def test_as_many_as_fit(self, controller: Controller) -> None:
        printed = output_of(controller, "deploy", "n", *SIZE, "--vcpus=7", "--count=4", expect=1)
        assert "n-3 is running" in printed
        assert "n-4, 3 of 4 deployed: " in printed
        assert "7 CPUs needed, 1 free (no_cpu)" in printed
        names = [vm["name"] for vm in controller.get("/v1/vms")["vms"]]
        assert names == ["n-1", "n-2", "n-3"]

    def test_a_name_that_would_be_too_long_is_refused_before_the_first(self, host: Daemon) -> None:
        assert "is not allowed" in output_of(host, "deploy", "x" * 62, *SIZE, "--count=3", expect=2)
        assert host.get("/v1/vms")["vms"] == []

    def test_a_failure_for_one_vm_does_not_stop_the_others(self, host: Daemon) -> None:
        output_of(host, "deploy", "n", *SIZE, "--count=2")
        printed = output_of(host, "remove", "n-1", "n-9", "n-2", expect=1)
        assert "n-9: no VM of this name exists (vm_not_found)" in printed
        assert host.get("/v1/vms")["vms"] == []

    def test_programs_get_a_line_for_each(self, host: Daemon) -> None:
        lines = run(host.url, "deploy", "n", *SIZE, "--count=2", "--json")[0].splitlines()
        assert [json.loads(line)["name"] for line in lines] == ["n-1", "n-2"]


class TestLists:
    """Which VMs are listed."""

    @pytest.fixture
    def filled(self, either: Served) -> Served:
        for name, level in (("web-1", 1.0), ("web-2", 2.0), ("db", 2.0)):
            assert either.deploy(name, 1, level).status_code == 201
        return either

    def test_by_host_level_and_text(self, filled: Served) -> None:
        place = filled.get("/v1/vms/db")["host"]
        assert {row["NAME"] for row in rows(filled, "list", "--level=2")} == {"web-2", "db"}
        found = reply(filled, "list", "--search=WEB", "--level=2")
        assert [vm["name"] for vm in found["vms"]] == ["web-2"]
        assert {row["HOST"] for row in rows(filled, "list", f"--host={place}")} == {place}
        assert "No VM matches." in output_of(filled, "list", "--host=elsewhere")


class TestHostileNames:
    """Invalid names never reach a server."""

    @pytest.mark.parametrize(
        "name", ["../hosts", "a b", "", ".", "ü", "a%2fb", "a/b", "a?b", "x" * 64, "-x", "\x1b[31m"]
    )
    @pytest.mark.parametrize("command", ["show", "remove"])
    def test_they_are_bad_usage(self, command: str, name: str) -> None:
        errors = run("http://127.0.0.1:1", command, "--", name, expect=2)[1]
        assert "is not allowed" in errors
        assert "\x1b" not in errors
