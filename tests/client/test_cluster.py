"""Hosts, and commands about the whole cluster."""

import json

import pytest

from client.impostor import answering, ok
from client.running import output_of, reply, rows, run, table, wait_until
from clusters.processes import Controller
from live.daemons import Daemon

DEPLOY = ("--memory=4", "--image=/images/any.qcow2")


class TestHosts:
    """Hosts of the cluster, and which of them get VMs."""

    def test_they_are_listed(self, controller: Controller, hosts: list[Daemon]) -> None:
        found = rows(controller, "hosts")
        assert {row["URL"] for row in found} == {host.url for host in hosts}
        assert {row["STATE"] for row in found} == {"ready"}
        names = {host["name"] for host in reply(controller, "hosts")["hosts"]}
        assert names == {"host0", "host1", "host2"}

    def test_a_cordoned_host_gets_no_vms(self, controller: Controller) -> None:
        for name in ("host0", "host2"):
            assert output_of(controller, "cordon", name) == f"{name} is cordoned; 0 VMs on it\n"
        output_of(controller, "deploy", "n", "--vcpus=1", *DEPLOY, "--count=3")
        assert {row["HOST"] for row in rows(controller, "list")} == {"host1"}
        states = {row["HOST"]: row["STATE"] for row in rows_of_hosts(controller)}
        assert states == {"host0": "ready,cordoned", "host1": "ready", "host2": "ready,cordoned"}
        assert "host0 is not cordoned" in output_of(controller, "uncordon", "host0")
        assert reply(controller, "uncordon", "host2")["cordoned"] is False

    def test_one_is_forgotten_and_added_again(
        self, controller: Controller, hosts: list[Daemon]
    ) -> None:
        hosts[1].deploy("own", 1, 1.0)
        wait_until(lambda: controller.get("/v1/vms")["total"] == 1)
        assert "host1: the host has 1 VMs" in output_of(
            controller, "hosts", "forget", "host1", expect=1
        )
        shown = output_of(controller, "hosts", "forget", "host1", "--force").splitlines()
        assert shown[1].split() == ["own", "running", "/images/any.qcow2", "-"]
        assert shown[-1] == "host1 is forgotten, with 1 VM"
        assert {row["HOST"] for row in rows(controller, "hosts")} == {"host0", "host2"}
        assert "host1, ready" in output_of(controller, "hosts", "add", hosts[1].url)
        assert len(rows(controller, "hosts")) == 3

    def test_errors_name_the_host(self, controller: Controller, host: Daemon) -> None:
        assert "nowhere: no host of this name" in output_of(
            controller, "cordon", "nowhere", expect=1
        )
        assert "url: 'ftp://x' is not allowed: " in output_of(
            controller, "hosts", "add", "ftp://x", expect=2
        )
        printed = output_of(host, "hosts", expect=1)
        assert f"{host.url} is not a controller; --url must be the address of one" in printed


def rows_of_hosts(controller: Controller) -> list[dict[str, str]]:
    """Return what `slackvm status` shows of each host."""
    output = run(controller.url, "status")[0]
    lines = output.partition("\n\nHOST")[2].replace("FREE GIB", "FREE_GIB").splitlines()
    return table(["HOST" + lines[0], *lines[1:]])


class TestStatus:
    """The cluster in numbers."""

    def test_levels_are_added_up_over_the_hosts(self, controller: Controller) -> None:
        for name in ("host0", "host1", "host2"):
            others = {"host0", "host1", "host2"} - {name}
            for other in others:
                controller.call("POST", f"/v1/hosts/{other}/cordon")
            controller.deploy(f"{name}-a", 4, 2.0)
            controller.deploy(f"{name}-b", 1, 1.0)
            for other in others:
                controller.call("POST", f"/v1/hosts/{other}/uncordon")
        first, _, head, *lines = run(controller.url, "status")[0].splitlines()
        assert first == "3 hosts (3 ready), 6 VMs"
        assert head.split() == ["LEVEL", "OWNED", "CPUS", "VCPUS", "VCPUS", "PER", "CPU", "VMS"]
        assert [line.split() for line in lines[: lines.index("")]] == [
            ["1.0", "3", "3", "1.00", "3"],
            ["2.0", "12", "12", "1.00", "3"],
        ]
        for row in rows_of_hosts(controller):
            # 2.5 GiB for 5 CPUs; all memory, 31776 MiB, for 8.
            assert (row["CPUS"], row["FREE"], row["VMS"]) == ("8", "3", "2")
            assert (row["GIB/CPU"], row["IDEAL"]) == ("0.50", "3.88")

    def test_a_host_that_does_not_answer_is_shown(
        self, controller: Controller, host: Daemon
    ) -> None:
        """Nothing listens at port 1."""
        added = reply(controller, "hosts", "add", "http://127.0.0.1:1", "--force")
        try:
            assert run(controller.url, "status")[0].startswith("4 hosts (3 ready, 1 unknown)")
            [row] = [row for row in rows_of_hosts(controller) if row["STATE"] == "unknown"]
            assert (row["ANSWERED"], row["GIB/CPU"]) == ("never", "-")
        finally:
            output_of(controller, "hosts", "forget", added["name"])
        assert run(host.url, "status")[0].startswith("1 host (1 ready), 0 VMs")

    def test_programs_get_the_hosts(self, controller: Controller, host: Daemon) -> None:
        names = {known["name"] for known in reply(controller, "status")["hosts"]}
        assert names == {"host0", "host1", "host2"}
        assert reply(host, "status") == host.get("/v1/host")


class TestPlan:
    """Where a VM would go."""

    def test_a_host_shows_what_it_would_do(self, host: Daemon) -> None:
        printed = output_of(host, "plan", "--vcpus=4", "--memory=2", "--level=2")
        assert "the host takes it, with a progress of " in printed
        assert "level 2.0 gains CPUs " in printed
        assert reply(host, "plan", "--vcpus=4", "--memory=2")["accepted"] is True
        printed = output_of(host, "plan", "--vcpus=9", "--memory=2", expect=1)
        assert "9 CPUs needed, 8 in total" in printed
        assert reply(host, "plan", "--vcpus=9", "--memory=2", expect=1)["needed"] == 9
        assert host.get("/v1/vms")["vms"] == []

    def test_a_name_that_is_taken_is_refused(self, host: Daemon) -> None:
        host.deploy("web", 1, 1.0)
        printed = output_of(host, "plan", "web", "--vcpus=1", "--memory=1", expect=1)
        assert "a VM of this name exists (name_taken)" in printed

    def test_a_controller_shows_every_host(self, controller: Controller) -> None:
        """The marked host is the one that gets the VM."""
        controller.deploy("first", 1, 3.0)
        output_of(controller, "cordon", "host2")
        size = ("--vcpus=7", "--memory=2", "--level=2")
        lines = filter(None, run(controller.url, "plan", *size)[0].splitlines())
        head, *hosts, last = lines
        assert head.split()[:2] == ["HOST", "SCORE"]
        assert {"POTENTIAL", "IDEAL"} < set(head.split())
        [winner] = [line.split()[1] for line in hosts if line.startswith("*")]
        assert last == f"{winner} is the best, by the policy progress"
        [refused] = [line for line in hosts if line.split()[0] == "host2"]
        assert refused.endswith("the host is cordoned (cordoned)")
        output_of(controller, "deploy", "second", *size, "--image=/any")
        assert controller.get("/v1/vms/second")["host"] == winner

    def test_a_policy_can_be_asked_for(self, controller: Controller) -> None:
        size = ("--vcpus=1", "--memory=1")
        printed = output_of(controller, "plan", *size, "--policy=first-fit")
        assert "by the policy first-fit" in printed
        assert "there are progress, " in output_of(
            controller, "plan", *size, "--policy=best", expect=2
        )

    def test_a_vm_that_no_host_takes_is_shown_with_what_is_missing(
        self, controller: Controller
    ) -> None:
        output_of(controller, "deploy", "n", "--vcpus=5", *DEPLOY, "--count=3")
        lines = run(controller.url, "plan", "--vcpus=4", "--memory=1", expect=1)[0].splitlines()
        assert sum("4 CPUs needed, 3 free (no_cpu)" in line for line in lines) == 3
        assert lines[-1] == "no host takes it: 4 CPUs needed, 3 free"


class TestCapacity:
    """How many more VMs fit."""

    def test_what_fits_and_how_many_hosts_it_would_take(self, controller: Controller) -> None:
        controller.deploy("first", 1, 1.0)
        place = controller.get("/v1/vms/first")["host"]
        arguments = ("--mix=2:4:1.0", "--count=100", "--host=32:128")
        lines = run(controller.url, "capacity", *arguments)[0].splitlines()
        assert {row["HOST"]: row["VMS"] for row in table(lines[:4])} == {
            "host0": "4",
            "host1": "4",
            "host2": "4",
            place: "3",
        }
        assert lines[4:] == [
            "11 more VMs of this mix fit",
            "100 VMs of this mix need 7 such hosts",
        ]
        assert reply(controller, "capacity", *arguments)["hosts_needed"] == 7

    def test_a_mix_is_sent_with_its_shares(self) -> None:
        arguments = ("--mix=2:4:1.0", "--mix=4:7.5:2.0@0.5", "--count=100", "--host=32:128")
        with answering(ok({"vms": 1, "hosts": [], "hosts_needed": 1})) as server:
            run(server.url, "capacity", *arguments)
            asked = json.loads(server.requests[0].partition("\r\n\r\n")[2])
        assert asked == {
            "mix": [
                {"vcpus": 2, "memory_gib": 4.0, "level": 1.0},
                {"vcpus": 4, "memory_gib": 7.5, "level": 2.0, "share": 0.5},
            ],
            "count": 100,
            "host": {"cpus": 32, "memory_gib": 128.0},
        }


class TestConsoles:
    """How `show` says that a VM is reached."""

    @pytest.mark.parametrize(
        ("url", "command"),
        [
            ("https://node7.example:8099", "virsh -c qemu+ssh://node7.example/system console web"),
            ("node7:8099", "virsh -c qemu+ssh://node7/system console web"),
            ("http://[fd00::7]:8099", "virsh -c 'qemu+ssh://[fd00::7]/system' console web"),
            ("http://127.0.0.1:8099", "virsh -c qemu:///system console web"),
        ],
    )
    def test_by_the_host_of_its_daemon(
        self, controller: Controller, host: Daemon, url: str, command: str
    ) -> None:
        host.deploy("web", 1, 1.0)
        vm = {**host.get("/v1/vms/web"), "host": "host0"}
        hosts = controller.get("/v1/hosts")
        for known in hosts["hosts"]:
            known["url"] = url
            known["hypervisor"] = "libvirt"
        with answering(ok(vm), ok(hosts)) as server:
            assert command in run(server.url, "show", "web")[0]
