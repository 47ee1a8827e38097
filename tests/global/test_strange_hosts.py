"""Servers that are not valid hosts, or are another host: they are unknown and do no harm."""

import itertools
import json
import math
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from clusters.fake_host import (
    Answer,
    FakeHost,
    dripping,
    dripping_head,
    endless,
    raw,
    telling,
    with_body,
    with_vms,
)
from clusters.processes import Running, end, make_controller, make_host, running
from clusters.wire import Wire
from waiting import wait_until

NO_VNODE = {
    "owned": 0,
    "allocation": 0,
    "largest": 0,
    "memory_mib": 0,
    "cpu_list": [],
    "pin_list": [],
}
CPU = {"cpu_id": 0, "core": 0, "l3": 0, "numa_node": 0}
FOREIGN = {"name": "x", "vcpus": 1, "memory_mib": 1, "state": "running", "cpu_list": []}

STRANGE: dict[str, tuple[Answer, str]] = {
    "no JSON": (with_body(b"<html>hello</html>"), "invalid HostReply"),
    "other JSON": (with_body(b'{"name": "x"}'), "invalid HostReply"),
    "no UTF-8": (with_body(b"\xff\xfe\x00"), "invalid HostReply"),
    "deep": (with_body(b"[" * 100_000), "invalid HostReply"),
    "no HTTP": (raw(b"\x00\x01\x02 hello\r\n\r\n"), "no answer"),
    "cut": (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"), "no answer"),
    "endless": (endless, "larger than"),
    "dripping": (dripping, "no answer in time"),
    "dripping head": (dripping_head, "no answer in time"),
    "elsewhere": (with_body(b"", 302, Location="http://127.0.0.1:9/"), "answered 302"),
    "no content": (with_body(b"", 204), "answered 204"),
    "unasked 304": (with_body(b"", 304), "answered 304"),
    "error": (with_body(b"oops", 500), "answered 500"),
    "no token": (
        with_body(json.dumps({"error": {"code": "unauthorized", "message": "who?"}}).encode(), 401),
        "401",
    ),
    "another daemon": (with_body(b"not here", 404), "404"),
    "name of markup": (telling(name="<script>"), "invalid name"),
    "negative CPUs": (telling(cpus_free=-1), "numbers that no host can have"),
    "more free than there is": (telling(cpus_free=9), "numbers that no host can have"),
    "huge": (telling(cpus=2**70, cpus_free=2**70), "numbers that no host can have"),
    "an invalid level": (telling(offered=[0.5]), "invalid level"),
    "unknown to itself": (telling(state="unknown"), "an invalid state"),
    "VMs that it does not list": (telling(vms=["ghost"]), "other VMs than it lists"),
    "one level twice": (
        telling(levels={"1.0": NO_VNODE, "1.00": NO_VNODE}),
        "invalid level: '1.00'",
    ),
    "many levels": (
        telling(levels={f"{n}.0": NO_VNODE for n in range(1, 66)}),
        "more than 64 levels",
    ),
    "many CPUs": (telling(topology=[CPU] * 8193), "more than 8192 CPUs"),
    "any text as a label": (telling(labels={"zone": "<b>"}), "invalid label"),
    "many labels": (telling(labels={f"k{n}": "" for n in range(33)}), "invalid label"),
    "a terminal code as version": (telling(version="\x1b[31m"), "invalid version"),
    "a long version": (telling(version="1" * 101), "invalid version"),
    "many unmanaged VMs": (telling(foreign=[FOREIGN] * 4097), "more than 4096 unmanaged VMs"),
    "a VM without a time": (with_vms({"created": math.nan}), "created"),
    "a VM of no time": (with_vms({"created": math.inf}), "created"),
    "a VM of a far time": (with_vms({"created": 1e300}), "invalid time of creation"),
    "a VM with a terminal code": (with_vms({"image": "/\x1b[31m"}), "invalid image"),
    "a VM at no address": (with_vms({"addresses": ["\x1b[31m"]}), "invalid address"),
    "a VM at many addresses": (with_vms({"addresses": ["::1"] * 65}), "more than 64 addresses"),
    "many VMs": (with_vms(*({"name": f"vm{n}"} for n in range(4097))), "more than 4096 VMs"),
    "an owner of markup": (with_vms({"owner": "<b>"}), "invalid owner"),
}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("cluster")
    with running(folder, ["i7-1185g7"], SCG_TIMEOUT="1") as cluster:
        yield cluster


@pytest.fixture(scope="module")
def fakes(cluster: Running) -> Iterator[dict[str, FakeHost]]:
    """One of each, all part of the cluster at once."""
    fakes = {name: FakeHost(answer) for name, (answer, _) in STRANGE.items()}
    for fake in fakes.values():
        cluster.controller.call("POST", "/v1/hosts", json={"url": fake.url, "force": True})
    yield fakes
    for fake in fakes.values():
        fake.close()


@pytest.mark.parametrize("kind", STRANGE)
def test_it_is_unknown_with_the_reason(
    kind: str, cluster: Running, fakes: dict[str, FakeHost]
) -> None:
    place = fakes[kind].url.removeprefix("http://")
    host = cluster.controller.hosts()[place]
    assert (host["state"], host["cpus"]) == ("unknown", 0)
    assert STRANGE[kind][1] in host["reason"]
    assert len(host["reason"]) < 300


def test_the_others_are_served_meanwhile(cluster: Running, fakes: dict[str, FakeHost]) -> None:
    assert len(fakes) == len(cluster.controller.hosts()) - 1
    for number in range(3):
        answer = cluster.controller.deploy(f"vm{number}", 1, 1.0)
        assert (answer.status_code, answer.json()["host"]) == (201, "host0")
    assert not any("POST" in line for fake in fakes.values() for line in fake.asked)


@pytest.mark.parametrize(
    ("reason", "shown"),
    [("A" * (1 << 20), "A" * 500 + "…"), ("a\x1b[31m\nb", "a [31m b")],
    ids=["long", "with a terminal code"],
)
def test_a_reason_is_passed_on_as_far_as_it_can_be_shown(
    cluster: Running, reason: str, shown: str
) -> None:
    fake = FakeHost(telling(name="ill", state="not_ready", reason=reason))
    host = cluster.controller.call("POST", "/v1/hosts", json={"url": fake.url}).json()
    assert (host["state"], host["reason"]) == ("not_ready", shown)
    cluster.controller.call("DELETE", "/v1/hosts/ill")
    fake.close()


def test_nothing_is_asked_of_where_it_points_to(cluster: Running) -> None:
    target = FakeHost(telling())
    pointer = FakeHost(with_body(b"", 307, Location=f"{target.url}/v1/host"))
    cluster.controller.call("POST", "/v1/hosts", json={"url": pointer.url, "force": True})
    wait_until(lambda: len(pointer.asked) > 1)
    assert target.asked == []
    for fake in (target, pointer):
        fake.close()


def test_a_second_host_of_one_name_is_refused(cluster: Running, tmp_path: Path) -> None:
    namesake = make_host(tmp_path, "host0")
    namesake.start()
    try:
        known = set(cluster.controller.hosts())
        answer = cluster.controller.call("POST", "/v1/hosts", json={"url": namesake.url})
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (409, "host_exists")
        assert f"slackvm hosts move host0 {namesake.url}" in error["message"]
        assert set(cluster.controller.hosts()) == known
    finally:
        end(namesake)


def test_a_host_that_comes_up_with_the_name_of_another_is_not_accepted(
    cluster: Running, tmp_path: Path
) -> None:
    namesake = make_host(tmp_path, "host0")
    wire = Wire("http://127.0.0.1:9")
    try:
        place = cluster.controller.call(
            "POST", "/v1/hosts", json={"url": wire.url, "force": True}
        ).json()["name"]
        namesake.start()
        wire.point_to(namesake.url)
        wait_until(
            lambda: "it reports the name host0" in cluster.controller.hosts()[place]["reason"]
        )
        assert cluster.controller.hosts()[place]["state"] == "unknown"
        assert cluster.controller.hosts()["host0"]["state"] == "ready"
        cluster.controller.call("DELETE", f"/v1/hosts/{place}")
    finally:
        wire.close()
        end(namesake)


class TestBackAsAnother:
    """A host that comes back with changes."""

    @pytest.fixture
    def wire(self, cluster: Running, tmp_path: Path) -> Iterator[Wire]:
        """A host `first` with a VM `old`, part of the cluster, behind a wire."""
        first = make_host(tmp_path, "first")
        first.start()
        wire = Wire(first.url)
        first.deploy("old", 1, 1.0)
        cluster.controller.call("POST", "/v1/hosts", json={"url": wire.url})
        wait_until(lambda: "old" in cluster.controller.vms())
        end(first)
        yield wire
        wire.close()
        cluster.controller.call("DELETE", "/v1/hosts/first?force=true")

    def test_with_other_vms_they_are_taken_over(
        self, cluster: Running, wire: Wire, tmp_path: Path
    ) -> None:
        place = tmp_path / "later"
        place.mkdir()
        later = make_host(place, "first")
        later.start()
        later.deploy("new", 2, 1.0)
        wire.point_to(later.url)
        wait_until(lambda: cluster.controller.vms().get("new", {}).get("host") == "first")
        assert cluster.controller.vms()["old"]["state"] == "lost"
        assert cluster.controller.call("DELETE", "/v1/vms/old?lost=true").status_code == 200
        end(later)

    def test_with_another_name_its_vms_are_kept(
        self, cluster: Running, wire: Wire, tmp_path: Path
    ) -> None:
        other = make_host(tmp_path, "second")
        other.start()
        wire.point_to(other.url)
        wait_until(lambda: "second" in cluster.controller.hosts()["first"]["reason"])
        assert cluster.controller.hosts()["first"]["state"] == "unknown"
        assert cluster.controller.vms()["old"]["state"] == "unknown"
        taken = cluster.controller.deploy("old", 2, 1.0)
        assert (taken.status_code, taken.json()["error"]["code"]) == (409, "name_taken")
        refused = cluster.controller.call("DELETE", "/v1/hosts/first")
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "has_vms")
        assert cluster.controller.call("DELETE", "/v1/hosts/first?force=true").status_code == 200
        reported = cluster.controller.call("POST", "/v1/hosts", json={"url": wire.url}).json()
        assert (reported["name"], reported["state"]) == ("second", "ready")
        cluster.controller.call("DELETE", "/v1/hosts/second")
        end(other)


def test_a_host_that_changes_its_mind_does_not_fill_the_log(tmp_path: Path) -> None:
    number = itertools.count(1)

    def changing(handler: BaseHTTPRequestHandler) -> None:
        telling(state="not_ready", reason=f"{next(number)} " + "A" * (1 << 20))(handler)

    fake = FakeHost(changing)
    controller = make_controller(tmp_path, [fake.url], SCG_DELAY="0.05")
    try:
        controller.start()
        begun = time.monotonic()
        wait_until(lambda: next(number) > 100)
        lines = [
            line for line in controller.log_text.splitlines() if "event=host_state_changed" in line
        ]
        assert 1 <= len(lines) <= 2 + time.monotonic() - begun
        assert max(map(len, lines)) < 600
    finally:
        end(controller)
        fake.close()
