"""The cost of the controller: a deploy over REST, and many hosts and VMs.

What is compared with is the prototype's way: each host is asked for its state and its progress in
turn, and then the best for the VM.
"""

import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psutil
import requests

from benchmarks.harness import Cost, Result, best, pairs, ratio, timed
from benchmarks.load import goodput
from clusters.processes import EPYC, Controller, cluster
from clusters.simulated import controlled, simulated

DEPLOYS = 25
MANY_HOSTS, MANY_VMS = 300, 34
IDLE_S = 60.0
MOST_OF_A_CPU = 0.1

QUIET = {"SCG_DELAY": "3600", "SCG_TIMEOUT": "60"}
"""No host is looked at but when there is a reason."""


def benchmark() -> Iterator[Result]:
    """Measure deploys and a large cluster."""
    with _folder() as folder, cluster(folder, [EPYC] * 3, **QUIET) as (controller, hosts):
        controller.wait_ready(len(hosts))
        urls = [host.url for host in hosts]
        yield _requests_per_deploy(controller, urls)
        yield from _deploys("3 hosts on `memory`", controller.url, urls)
    with (
        _folder() as folder,
        simulated(100, 0) as urls,
        controlled(folder, urls, **QUIET) as controller,
    ):
        yield from _deploys("100 simulated hosts", controller.url, urls)
    with (
        _folder() as folder,
        simulated(MANY_HOSTS, MANY_VMS) as urls,
        controlled(folder, urls, SCG_DELAY="15") as controller,
    ):
        yield from _large(controller)


def _requests_per_deploy(controller: Controller, urls: Sequence[str]) -> Result:
    """Count at the hosts; none is looked at meanwhile."""
    before = sum(map(_requests, urls))
    for number in range(DEPLOYS):
        assert controller.deploy(f"counted{number}", 1, 2.0).status_code == 201
    # Each count is a request, too, that the next one counts.
    counted = sum(map(_requests, urls)) - before - len(urls)
    for number in range(DEPLOYS):
        assert controller.remove(f"counted{number}").status_code == 200
    return Result("requests to hosts for a deploy", counted / DEPLOYS, goal=1, limit=1)


def _requests(url: str) -> float:
    text = requests.get(f"{url}/metrics", timeout=30).text
    return sum(map(float, re.findall(r"^slackvm_http_requests_total\{.*\} (\S+)$", text, re.M)))


def _deploys(where: str, url: str, urls: Sequence[str]) -> Iterator[Result]:
    """Deploy VMs one after another, ours and the prototype's way in turn; then many at once."""
    numbers = iter(range(10**6))
    with requests.Session() as session:

        def ours() -> Cost:
            return timed(lambda: _deploy(session, url, f"ours{next(numbers)}"), 20)

        def prototypes() -> Cost:
            count = 20 if len(urls) < 10 else 3
            return timed(lambda: _as_prototype(session, urls, f"proto{next(numbers)}"), count)

        own, other = pairs(5, ours, prototypes)
    name = f"a deploy through the controller, {where} / the prototype's way, by the clock"
    yield ratio(name, own, other)
    yield from goodput(url, f"through the controller, {where}")


def _deploy(session: requests.Session, url: str, name: str) -> None:
    body = {"name": name, "vcpus": 1, "memory_gib": 1, "level": 3, "image": "/i.qcow2"}
    answer = session.post(f"{url}/v1/vms", json=body, timeout=60)
    assert answer.status_code == 201, answer.text


def _as_prototype(session: requests.Session, urls: Sequence[str], name: str) -> None:
    """Place a VM as the prototype's global scheduler does."""
    size = {"cpu": "1", "mem": "1", "oc": "3"}
    best, best_url = -float("inf"), ""
    for url in urls:
        session.get(f"{url}/status", timeout=60).json()
        progress = session.get(f"{url}/progress", params=size, timeout=60).json()["progress"]
        if progress is not None and progress > best:
            best, best_url = progress, url
    query = {**size, "name": name, "qcow2": "/i.qcow2"}
    answer = session.get(f"{best_url}/deploy", params=query, timeout=60).json()
    assert answer["success"], answer


def _large(controller: Controller) -> Iterator[Result]:
    assert controller.process
    process = psutil.Process(controller.process.pid)
    before = process.cpu_times()
    time.sleep(IDLE_S)
    after = process.cpu_times()
    share = (after.user + after.system - before.user - before.system) / IDLE_S
    vms = controller.get("/v1/vms?limit=1")["total"]
    what = f"a controller of {MANY_HOSTS} hosts and {vms:,} VMs"
    yield Result(
        f"CPU of {what}, one look each 15 s",
        100 * share,
        "% of a CPU",
        goal=100 * MOST_OF_A_CPU,
        limit=100 * MOST_OF_A_CPU,
    )
    yield Result(f"memory of {what}", process.memory_info().rss / 2**20, "MiB")
    for name, path in (
        ("the first 1,000 VMs listed", "/v1/vms"),
        ("all VMs listed", "/v1/vms?limit=10000"),
        ("VMs searched", "/v1/vms?search=23-vm1"),
        ("one VM shown", "/v1/vms/sim0123-vm07"),
        ("all hosts", "/v1/hosts"),
        ("/status", "/status"),
        ("/metrics", "/metrics"),
    ):
        asked = [timed(partial(controller.call, "GET", path)) for _ in range(9)]
        yield Result(f"{name} by {what}", 1000 * best(asked), "ms")
    mix = [{"vcpus": 2, "memory_gib": 8, "level": level} for level in (1, 2, 3)]
    begin = time.perf_counter()
    message = controller.call("POST", "/v1/capacity", json={"mix": mix}).json()
    yield Result(
        f"capacity by {what}, {message['vms']:,} VMs placed",
        time.perf_counter() - begin,
        "s",
        goal=2,
        limit=10,
    )
    gzip = {"Accept-Encoding": "gzip"}
    url = f"{controller.url}/v1/hosts?topologies=digest"
    with requests.get(url, headers=gzip, stream=True, timeout=60) as answer:
        size = len(answer.raw.read(decode_content=False))
    # Half a MiB for 1,000 hosts.
    most = MANY_HOSTS * 0.512
    yield Result(f"all hosts for the page of {what}", size / 1024, "KiB", goal=most, limit=most)


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="slackvm-bench-") as folder:
        yield Path(folder)
