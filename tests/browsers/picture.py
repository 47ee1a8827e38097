"""Draws the picture of the page in the README: `python -m browsers.picture docs/page.png`.

A real controller, three hosts without guests, and VMs of mixed sizes and levels.
"""

import random
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import expect

from browsers.chromium import chromium, visiting
from clusters.processes import Controller, cluster
from slackvm.topologies import parse_description, write_json

HOSTS = (
    "sockets=2 cores=32 threads=2 l3=4 memory=524288",
    "sockets=2 cores=24 threads=2 memory=393216",
    "sockets=1 cores=32 threads=2 l3=8 memory=262144",
)
"""Descriptions of the hosts."""

SIZES = ((1, 2), (2, 4), (2, 8), (4, 8), (4, 16), (8, 30))
"""vCPUs and GiB of the VMs."""

LEVELS = (1.0, 1.0, 2.0, 2.0, 3.0)
KINDS = ("web", "api", "db", "cache", "batch", "build", "mail")
VMS = 96
SIZE = {"width": 1280, "height": 1010}


def fill(controller: Controller) -> None:
    """Deploy VMs, as far as there is room."""
    drawn = random.Random(7)
    for number in range(VMS):
        vcpus, gib = drawn.choice(SIZES)
        level = drawn.choice(LEVELS)
        name = f"{drawn.choice(KINDS)}-{number}"
        memory_gib = gib if level == 1 else min(gib, 8)
        answer = controller.deploy(name, vcpus, level, memory_gib=memory_gib)
        assert answer.status_code in (201, 409), answer.text


def draw(path: Path) -> None:
    """Write the picture."""
    with tempfile.TemporaryDirectory() as folder:
        topologies = []
        for number, description in enumerate(HOSTS):
            topologies.append(f"{folder}/topology{number}.json")
            write_json(parse_description(description).build(), Path(topologies[-1]))
        with (
            cluster(Path(folder), topologies) as (controller, _),
            chromium() as browser,
            visiting(browser, controller.url, viewport=SIZE) as visit,
        ):
            visit.go()
            expect(visit.page.locator("#hosts .badge").filter(has_text="✓ ready")).to_have_count(3)
            fill(controller)
            count = controller.get("/v1/vms")["total"]
            expect(visit.page.locator("#cluster-facts")).to_contain_text(f"{count} VMs")
            visit.page.screenshot(path=path)


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
