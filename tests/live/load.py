"""Clients that deploy and remove VMs at random, on a local daemon or a controller."""

import random
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import requests

REQUEST_S = 60.0
PAUSE_S = 0.05
"""Pause after an answer that there is too much to do."""


@dataclass(frozen=True)
class Load:
    """What clients did, and how they were served.

    Attributes:
        there: names of the VMs that must be there now.
        seconds: how long each request took that was done, ascending.
        refused: how many were not done, by status of HTTP.
        lasted_s: how long all of it took.
    """

    there: set[str]
    seconds: Sequence[float]
    refused: Counter[int]
    lasted_s: float

    @property
    def done_per_second(self) -> float:
        """Requests done in a second."""
        return len(self.seconds) / self.lasted_s

    def percentile_s(self, percent: int) -> float:
        """Return how long so many percent of the requests that were done took at most."""
        return statistics.quantiles(self.seconds, n=100)[percent - 1]


def put_load(url: str, clients: int, lasting_s: float) -> Load:
    """Let clients deploy and remove at random, each its own VMs, all at once."""
    begin = time.monotonic()
    with ThreadPoolExecutor(clients) as pool:
        results = list(
            pool.map(lambda client: _work(url, client, begin + lasting_s), range(clients))
        )
    return Load(
        set().union(*(mine for mine, _, _ in results)),
        sorted(taken for _, each, _ in results for taken in each),
        sum((refused for _, _, refused in results), Counter()),
        time.monotonic() - begin,
    )


def _work(url: str, client: int, until: float) -> tuple[set[str], list[float], Counter[int]]:
    """Return the VMs of a client that must be there, and what became of its requests.

    That is how long each took that was done, and how many were refused, by status.
    """
    chance = random.Random(client)
    mine: set[str] = set()
    taken: list[float] = []
    refused: Counter[int] = Counter()
    number = 0
    with requests.Session() as session:
        while time.monotonic() < until:
            begin = time.monotonic()
            if mine and chance.random() < 0.45:
                name = chance.choice(sorted(mine))
                answer = session.delete(f"{url}/v1/vms/{name}", timeout=REQUEST_S)
                assert answer.status_code in (200, 503), answer.text
                if answer.status_code == 200:
                    mine.remove(name)
            else:
                number += 1
                name = f"vm-{client}-{number}"
                body = {
                    "name": name,
                    "vcpus": chance.choice([1, 2, 4]),
                    "memory_gib": 1.5,
                    "level": chance.choice([1.0, 2.0, 3.0]),
                    "image": "/i.qcow2",
                }
                answer = session.post(f"{url}/v1/vms", json=body, timeout=REQUEST_S)
                assert answer.status_code in (201, 409, 503), answer.text
                if answer.status_code == 201:
                    mine.add(name)
            if answer.ok:
                taken.append(time.monotonic() - begin)
            else:
                refused[answer.status_code] += 1
            if answer.status_code == 503:
                assert "Retry-After" in answer.headers
                time.sleep(PAUSE_S)
    return mine, taken, refused
