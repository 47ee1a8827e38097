"""The REST interface of the controller, with three local daemons behind it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from clusters.processes import LAPTOP, Controller, Running, running
from waiting import wait_until


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("cluster"), [LAPTOP] * 3) as cluster:
        yield cluster


@pytest.fixture
def controller(cluster: Running) -> Controller:
    """A controller without VMs."""
    cluster.empty()
    return cluster.controller


def fill(controller: Controller, names: str, **more: Any) -> None:
    for number, name in enumerate(names):
        level = (1.0, 2.0, 3.0)[number % 3]
        assert controller.deploy(name, 1, level, **more).status_code == 201


class TestVMs:
    """One VM."""

    def test_it_is_created_shown_and_removed(self, controller: Controller) -> None:
        created = controller.deploy("web", 2, 2.0)
        assert created.status_code == 201, created.text
        body = created.json()
        assert body["summary"]["levels"]["2.0"]["owned"] == 2
        vm = controller.get("/v1/vms/web")
        assert vm == {key: body[key] for key in vm}
        assert controller.get("/v1/vms") == {"total": 1, "vms": [vm], "after": None}
        removed = controller.remove("web")
        assert removed.status_code == 200
        assert removed.json()["cpus_free"] == 8
        assert controller.call("GET", "/v1/vms/web").status_code == 404
        assert controller.remove("web").status_code == 404

    def test_the_same_request_again_answers_200_and_another_409(
        self, controller: Controller
    ) -> None:
        assert controller.deploy("web", 2, 2.0).status_code == 201
        again = controller.deploy("web", 2, 2.0)
        assert again.status_code == 200
        for other in ({"vcpus": 1}, {"level": 3}, {"clone": True}, {"image": "/images/b.qcow2"}):
            body = {"name": "web", "vcpus": 2, "memory_gib": 1, "level": 2, "clone": False}
            body |= {"image": "/images/any.qcow2", **other}
            answer = controller.call("POST", "/v1/vms", json=body)
            assert (answer.status_code, answer.json()["error"]["code"]) == (409, "name_taken")
            assert answer.json()["error"]["field"] == "name"

    def test_vms_go_where_they_bring_progress(self, controller: Controller) -> None:
        """A VM of much memory beside one of little, though two hosts are empty."""
        first = controller.deploy("little", 4, 1.0, memory_gib=1).json()["host"]
        assert controller.deploy("much", 1, 1.0, memory_gib=12).json()["host"] == first

    def test_a_refusal_tells_code_needed_and_free_of_the_nearest_host(
        self, controller: Controller
    ) -> None:
        for number, vcpus in enumerate((7, 6, 8)):
            assert controller.deploy(f"vm{number}", vcpus, 1.0, memory_gib=1).status_code == 201
        answer = controller.deploy("more", 5, 1.0)
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (409, "no_cpu")
        assert (error["needed"], error["free"]) == (5, 2)
        large = controller.deploy("large", 9, 1.0).json()["error"]
        assert (large["code"], large["needed"], large["free"]) == ("too_large", 9, 8)

    def test_it_is_stopped_and_started(self, controller: Controller) -> None:
        controller.deploy("web", 4, 1.0)
        for verb, expected in (("stop", "stopped"), ("start", "running"), ("restart", "running")):
            answer = controller.call("POST", f"/v1/vms/web/{verb}")
            assert (answer.status_code, answer.json()["state"]) == (200, expected)
            assert controller.get("/v1/vms/web")["state"] == expected
            assert answer.json()["summary"]["cpus_free"] == 4
        assert controller.call("POST", "/v1/vms/nobody/stop").status_code == 404

    def test_what_is_done_on_a_host_itself_is_seen(
        self, controller: Controller, cluster: Running
    ) -> None:
        cluster.hosts[1].deploy("direct", 2, 1.0)
        wait_until(lambda: "direct" in controller.vms())
        taken = controller.deploy("direct", 1, 1.0)
        assert (taken.status_code, taken.json()["error"]["code"]) == (409, "name_taken")
        cluster.hosts[1].call("POST", "/v1/vms/direct/stop")
        wait_until(lambda: controller.vms()["direct"]["state"] == "stopped")
        cluster.hosts[1].remove("direct")
        wait_until(lambda: "direct" not in controller.vms())
        assert controller.deploy("direct", 1, 1.0).status_code == 201

    def test_cpu_lists_follow_the_vnodes(self, controller: Controller, cluster: Running) -> None:
        """Also of VMs that another deploy pins otherwise."""
        fill(controller, "abcdef")
        own = {vm["name"]: vm for host in cluster.hosts for vm in host.get("/v1/vms")["vms"]}
        assert controller.vms() == own

    def test_one_that_is_on_two_hosts_is_left_alone(
        self, controller: Controller, cluster: Running
    ) -> None:
        for host in cluster.hosts[:2]:
            host.deploy("twin", 1, 1.0)
        wait_until(lambda: len(controller.get("/v1/vms")["vms"]) == 2)
        assert {vm["host"] for vm in controller.get("/v1/vms")["vms"]} == {"host0", "host1"}
        for answer in (controller.remove("twin"), controller.call("POST", "/v1/vms/twin/stop")):
            assert (answer.status_code, answer.json()["error"]["code"]) == (409, "name_taken")
            assert "host0 and host1" in answer.json()["error"]["message"]
        cluster.hosts[1].remove("twin")
        wait_until(lambda: controller.remove("twin").status_code == 200)


class TestImages:
    """Names of images, as hosts with simulated VMs take any."""

    def test_what_a_request_allows_a_host_may_report(self, controller: Controller) -> None:
        image = "/" + "é" * 4095
        assert controller.deploy("long", 1, 1.0, image=image).status_code == 201
        wait_until(lambda: controller.vms()["long"]["image"] == image)
        for name in ("/\x85", "/\x1b[31m"):
            answer = controller.deploy("control", 1, 1.0, image=name)
            assert (answer.status_code, answer.json()["error"]["field"]) == (400, "image")
        assert {host["state"] for host in controller.hosts().values()} == {"ready"}


class TestList:
    """All VMs, page by page."""

    def test_pages_follow_one_another(self, controller: Controller) -> None:
        fill(controller, "gbdafce")
        names, after = [], ""
        for total, size in ((7, 3), (7, 3), (7, 1)):
            page = controller.get(f"/v1/vms?limit=3&after={after}")
            assert (page["total"], len(page["vms"])) == (total, size)
            names += [vm["name"] for vm in page["vms"]]
            after = page["after"]
        assert (names, after) == (list("abcdefg"), None)

    @pytest.mark.parametrize("after", ["a/b", "a/host/", "a/host/x", "a/host/1/2"])
    def test_a_position_is_one_of_a_page(self, controller: Controller, after: str) -> None:
        answer = controller.call("GET", f"/v1/vms?after={after}")
        error = answer.json()["error"]
        assert (answer.status_code, error["code"], error["field"]) == (400, "invalid", "after")
        assert "`after` of the page before" in error["message"]

    def test_it_is_searched(self, controller: Controller, cluster: Running) -> None:
        fill(controller, "ab")
        fill(controller, "CD", image="/images/Debian.qcow2")
        for query, expected in (
            ("search=ANY.", "ab"),
            ("search=deb", "CD"),
            ("level=2", "Db"),
            ("level=2&search=debian", "D"),
            ("search=nothing", ""),
            ("host=nowhere", ""),
        ):
            found = "".join(vm["name"] for vm in controller.get(f"/v1/vms?{query}")["vms"])
            assert found == expected
        for name, host in cluster.by_name.items():
            found = [vm["name"] for vm in controller.get(f"/v1/vms?host={name}")["vms"]]
            assert found == sorted(host.get("/listvm"))

    @pytest.mark.parametrize("query", ["limit=0", "limit=10001", "level=0.5", "more=1"])
    def test_what_makes_no_sense_is_refused(self, controller: Controller, query: str) -> None:
        answer = controller.call("GET", f"/v1/vms?{query}")
        assert answer.status_code == 400
        assert answer.json()["error"]["field"] == query.partition("=")[0]


class TestHosts:
    """The hosts."""

    def test_they_are_shown_as_they_report_themselves(
        self, controller: Controller, cluster: Running
    ) -> None:
        fill(controller, "abc")
        reported = controller.hosts()
        for name, host in cluster.by_name.items():
            own = host.get("/v1/host")
            assert {key: reported[name][key] for key in own} == own
            assert reported[name]["age_s"] < 30
            assert (reported[name]["cordoned"], reported[name]["pending"]) == (False, [])
        assert [host["url"] for host in reported.values()] == [wire.url for wire in cluster.wires]

    def test_equal_topologies_are_listed_once(self, controller: Controller) -> None:
        whole = controller.hosts()
        short = controller.get("/v1/hosts?topologies=digest")
        for host in short["hosts"]:
            assert host["topology"] == []
            cpus = short["topologies"][host["topology_digest"]]
            assert cpus == whole[host["name"]]["topology"]
        assert len(short["topologies"]) == len({str(host["topology"]) for host in whole.values()})
        since = controller.get(f"/v1/hosts?topologies=digest&since={short['revision']}")
        assert (since["hosts"], since["topologies"]) == ([], {})
        assert controller.call("GET", "/v1/hosts?topologies=all").status_code == 400

    def test_only_changed_hosts_are_listed_again(self, controller: Controller) -> None:
        wait_until(lambda: self.is_quiet(controller))
        before = controller.get("/v1/hosts")
        host = controller.deploy("web", 1, 1.0).json()["host"]
        since = controller.get(f"/v1/hosts?since={before['revision']}")
        assert [each["name"] for each in since["hosts"]] == [host]
        assert since["hosts"][0]["vms"] == ["web"]
        assert set(since["ages"]) == {"host0", "host1", "host2"}
        for strange in ("", "0", "-", "other-1", f"{before['revision']}x", "x" * 100):
            assert len(controller.get(f"/v1/hosts?since={strange}")["hosts"]) == 3

    def is_quiet(self, controller: Controller) -> bool:
        revision = controller.get("/v1/hosts")["revision"]
        return controller.get(f"/v1/hosts?since={revision}")["hosts"] == []

    @pytest.mark.parametrize(
        "url",
        ["", "ftp://a", "http://", "http://a/b", "http://a:0x1", "a b", "http://u:p@a", "a?b"],
    )
    def test_what_is_no_url_is_refused(self, controller: Controller, url: str) -> None:
        answer = controller.call("POST", "/v1/hosts", json={"url": url})
        assert (answer.status_code, answer.json()["error"]["field"]) == (400, "url")
        assert len(controller.hosts()) == 3

    @pytest.mark.parametrize(
        ("method", "path"),
        [("DELETE", "/v1/hosts/no"), ("POST", "/v1/hosts/no/cordon"), ("DELETE", "/v1/hosts/%00")],
    )
    def test_an_unknown_one_is_reported(
        self, controller: Controller, method: str, path: str
    ) -> None:
        assert controller.call(method, path).status_code in (400, 404)

    def test_a_host_with_vms_is_forgotten_by_force_and_found_again(
        self, controller: Controller, cluster: Running
    ) -> None:
        for name in ("host0", "host1"):
            controller.call("POST", f"/v1/hosts/{name}/cordon")
        controller.deploy("web", 2, 1.0)
        for name in ("host0", "host1"):
            controller.call("POST", f"/v1/hosts/{name}/uncordon")
        refused = controller.call("DELETE", "/v1/hosts/host2")
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "has_vms")
        assert controller.call("DELETE", "/v1/hosts/host2?force=true").json()["name"] == "host2"
        assert controller.vms() == {}
        assert cluster.hosts[2].get("/listvm") == ["web"]
        url = {"url": cluster.wires[2].url}
        added = controller.call("POST", "/v1/hosts", json=url)
        assert (added.status_code, added.json()["vms"]) == (201, ["web"])
        assert controller.call("POST", "/v1/hosts", json=url).status_code == 200
        assert controller.vms()["web"]["host"] == "host2"


class TestPlan:
    """A dry run."""

    def plan(self, controller: Controller, **body: Any) -> Any:
        vm = {"name": "new", "vcpus": 2, "memory_gib": 4, "level": 1, "image": "/i.qcow2"}
        answer = controller.call("POST", "/v1/plan", json={**vm, **body})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def test_it_tells_what_a_deploy_then_does(self, controller: Controller) -> None:
        fill(controller, "abcde")
        before = controller.get("/v1/vms")
        plan = self.plan(controller)
        assert controller.get("/v1/vms") == before
        assert (plan["accepted"], plan["policy"]) == (True, "progress")
        assert controller.deploy("new", 2, 1.0, memory_gib=4).json()["host"] == plan["host"]

    def test_progress_is_made_of_its_parts(self, controller: Controller) -> None:
        fill(controller, "abcde")
        for verdict in self.plan(controller)["hosts"]:
            parts = verdict["parts"]
            score = abs(parts["current"] - parts["ideal"]) - abs(
                parts["potential"] - parts["ideal"]
            )
            score *= parts["penalty"] if score < 0 else 1
            assert verdict["score"] == pytest.approx(score)
            assert parts["added_cpus"] == 2
            assert parts["ideal"] == 31776 / 8

    def test_every_host_that_refuses_says_why(self, controller: Controller) -> None:
        controller.deploy("first", 7, 1.0)
        plan = self.plan(controller, vcpus=8)
        assert plan["accepted"]
        refused = [verdict for verdict in plan["hosts"] if not verdict["accepted"]]
        assert [(each["code"], each["needed"], each["free"]) for each in refused] == [
            ("no_cpu", 8, 1)
        ]
        assert (refused[0]["score"], refused[0]["parts"]) == (None, {})
        nobody = self.plan(controller, vcpus=9)
        assert (nobody["accepted"], nobody["host"], nobody["code"]) == (False, None, "too_large")

    def test_a_taken_name_is_reported_first(self, controller: Controller) -> None:
        fill(controller, "a")
        plan = self.plan(controller, name="a")
        assert (plan["accepted"], plan["code"], plan["host"]) == (False, "name_taken", None)

    def test_another_policy_can_be_asked(self, controller: Controller) -> None:
        controller.call("POST", "/v1/hosts/host0/cordon")
        fill(controller, "a")
        controller.call("POST", "/v1/hosts/host0/uncordon")
        first = self.plan(controller, policy="first-fit")
        assert (first["host"], first["policy"]) == ("host0", "first-fit")
        packed = self.plan(controller, policy="progress-packed")
        assert packed["host"] == controller.vms()["a"]["host"]
        for name, status in (("none", 404), ("os:system", 400), ("../x", 400)):
            vm = {"name": "new", "vcpus": 2, "memory_gib": 4, "level": 1, "image": "/i.qcow2"}
            answer = controller.call("POST", "/v1/plan", json={**vm, "policy": name})
            assert (answer.status_code, answer.json()["error"]["field"]) == (status, "policy")


class TestCapacity:
    """How many more VMs fit."""

    def ask(self, controller: Controller, status: int = 200, **body: Any) -> Any:
        answer = controller.call("POST", "/v1/capacity", json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    def test_so_many_can_then_be_deployed_and_no_more(self, controller: Controller) -> None:
        fill(controller, "abc")
        mix = [
            {"vcpus": 2, "memory_gib": 4, "level": 1, "share": 1},
            {"vcpus": 1, "memory_gib": 1.5, "level": 3, "share": 3},
        ]
        reported = self.ask(controller, mix=mix)
        assert reported["vms"] == sum(host["vms"] for host in reported["hosts"]) > 10
        # Due at 1/2, 3/2 … for the first size and at 1/6, 3/6, 5/6 … for the second.
        order = [1, 0, 1, 1]
        for number in range(reported["vms"] + 1):
            size = mix[order[number % 4]]
            body = {key: size[key] for key in ("vcpus", "memory_gib", "level")}
            body |= {"name": f"new{number}", "image": "/i.qcow2"}
            answer = controller.call("POST", "/v1/vms", json=body)
            assert answer.status_code == (201 if number < reported["vms"] else 409)

    def test_hosts_needed_are_those_that_a_count_of_vms_fills(self, controller: Controller) -> None:
        one = [{"vcpus": 1, "memory_gib": 1, "level": 1}]
        host = {"cpus": 8, "memory_gib": 100}
        for count, expected in ((1, 1), (8, 1), (9, 2), (80, 10)):
            assert self.ask(controller, mix=one, count=count, host=host)["hosts_needed"] == expected
        many = [{"vcpus": 1, "memory_gib": 1, "level": 3}]
        assert self.ask(controller, mix=many, count=48, host=host)["hosts_needed"] == 2

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"mix": []}, "mix"),
            ({"mix": [{"vcpus": 0, "memory_gib": 1, "level": 1}]}, "mix.0.vcpus"),
            ({"count": 10**9, "host": {"cpus": 8, "memory_gib": 8}}, "count"),
            ({"count": 1, "host": {"cpus": 0, "memory_gib": 8}}, "host.cpus"),
        ],
    )
    def test_what_makes_no_sense_is_refused(
        self, controller: Controller, body: dict[str, Any], field: str
    ) -> None:
        mix = [{"vcpus": 2, "memory_gib": 1, "level": 1}]
        error = self.ask(controller, 400, **{"mix": mix, **body})["error"]
        assert error["field"] == field

    def test_a_vm_that_is_larger_than_the_host_is_reported(self, controller: Controller) -> None:
        mix = [{"vcpus": 2, "memory_gib": 1, "level": 1}]
        body = {"mix": mix, "count": 1, "host": {"cpus": 1, "memory_gib": 8}}
        error = self.ask(controller, 409, **body)["error"]
        assert (error["code"], error["needed"], error["free"]) == ("too_large", 2, 1)


def test_the_prototypes_commands_work(controller: Controller, cluster: Running) -> None:
    """Its replies too: `/status` by the URL of each host as it was listed."""
    deploy = "/deploy?name=example&cpu=2&mem=2&oc=2&qcow2=/var/lib/libvirt/images/hello.qcow2"
    assert controller.get(deploy) == {"success": True, "reason": None}
    status = controller.get("/status")
    assert set(status) == {wire.url for wire in cluster.wires}
    for wire, host in zip(cluster.wires, cluster.hosts, strict=True):
        assert status[wire.url] == host.get("/status")
    again = controller.call("GET", deploy.replace("cpu=2", "cpu=3"))
    assert (again.status_code, again.json()["success"]) == (409, False)
    assert again.json()["reason"]
    assert controller.get("/remove?name=example") == {"success": True, "reason": None}
    gone = controller.call("GET", "/remove?name=example")
    assert (gone.status_code, gone.json()["success"]) == (404, False)
    bad = controller.call("GET", "/deploy?name=example&cpu=abc&mem=2&oc=2&qcow2=/i.qcow2")
    assert (bad.status_code, bad.json()["error"]["field"]) == (400, "cpu")
    assert controller.call("GET", "/").text == "SlackVM global scheduler\n"


def test_a_bad_image_is_the_clients_mistake_and_tried_on_one_host(controller: Controller) -> None:
    answer = controller.deploy("web", 1, 1.0, image="not/absolute")
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, "image")
    assert controller.vms() == {}


def test_health_readiness_metrics_and_openapi_are_there(controller: Controller) -> None:
    fill(controller, "abc")
    controller.deploy("large", 9, 1.0)
    assert controller.get("/healthz")["status"] == "ok"
    assert controller.get("/readyz")["status"] == "ready"
    metrics = controller.call("GET", "/metrics").text
    for line in (
        'slackvm_cluster_hosts{state="ready"} 3.0',
        'slackvm_cluster_vms{level="3.0"} 1.0',
        'slackvm_cluster_vnode_cpus{level="2.0"} 1.0',
        'slackvm_cluster_cpus{state="ready"} 24.0',
        'slackvm_cluster_cpus_free{state="ready"} 21.0',
        "slackvm_store_errors_total 0.0",
    ):
        assert line in metrics
    assert 'slackvm_placements_total{code="too_large",outcome="refused"}' in metrics
    assert 'slackvm_look_seconds_count{result="same"}' in metrics
    paths = controller.get("/openapi.json")["paths"]
    assert {"/v1/vms", "/v1/hosts", "/v1/plan", "/v1/capacity", "/deploy", "/status"} <= set(paths)


def test_every_decision_is_in_the_log(controller: Controller) -> None:
    host = controller.deploy("a", 2, 1.0).json()["host"]
    controller.deploy("too", 9, 1.0)
    controller.remove("a")
    controller.remove("a")
    entries = [json.loads(line) for line in controller.operations.read_text().splitlines()]
    assert [entry["seq"] for entry in entries] == list(range(1, len(entries) + 1))
    assert (entries[0]["op"], entries[0]["policy"]) == ("start", "progress")
    reported = [
        (entry["op"], entry["name"], entry["host"], entry["outcome"], entry["code"])
        for entry in entries[-6:]
    ]
    assert reported == [
        ("reserve", "a", host, "accepted", None),
        ("deploy", "a", host, "accepted", None),
        ("confirm", "a", host, "accepted", None),
        ("reserve", "too", "", "refused", "too_large"),
        ("remove", "a", host, "accepted", None),
        ("remove", "a", "", "refused", "vm_not_found"),
    ]
