"""VMs that come and go, as requests to a cluster."""

import heapq
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import requests

from slackanalysis.workload.arrivals import Population, fill_host
from slackanalysis.workload.host import Workload

_REQUEST_S = 60.0


@dataclass(frozen=True, slots=True, order=True)
class Event:
    """A VM comes or goes.

    Attributes:
        time_s: when, in simulated seconds.
        is_arrival: it comes; at equal times VMs go first.
        name: of the VM.
        request: body of the request that creates it; empty where it goes.
    """

    time_s: float
    is_arrival: bool
    name: str
    request: dict[str, Any] = field(compare=False, default_factory=dict)


@dataclass
class Outcome:
    """The results of the requests.

    Attributes:
        deployed: VMs that were created, of each level.
        removed: VMs that were removed.
        refused: VMs for which there was no room, with the code.
        seconds: how long each request took.
    """

    deployed: Counter[float] = field(default_factory=Counter)
    removed: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)


def events_of(workload: Workload, image: str) -> list[Event]:
    """Return the events of a generated workload in the order of time."""
    population = fill_host(workload)
    return list(heapq.merge(*_lives(workload, population, image)))


def _lives(workload: Workload, population: Population, image: str) -> Iterator[list[Event]]:
    for number in range(len(population)):
        name = f"vm{number:04}"
        arrival, departure = int(population.arrival[number]), int(population.departure[number])
        request = {
            "name": name,
            "vcpus": int(population.vcpus[number]),
            "memory_gib": float(population.memory_mib[number]) / 1024,
            "level": workload.levels[int(population.level[number])],
            "image": image,
        }
        life = [Event(arrival * workload.step_s, True, name, request)]
        if departure < workload.steps:
            life.append(Event(departure * workload.step_s, False, name))
        yield life


def drive(
    url: str, events: Iterable[Event], time_scale: float, advance: Callable[[float], None]
) -> Outcome:
    """Send each event's request when its time has come, one after another.

    Args:
        url: of the daemon that is asked.
        events: in the order of time.
        time_scale: simulated seconds per second.
        advance: called with the simulated time before each request.

    Raises:
        requests.RequestException: the daemon does not answer, or answers what it should not.
    """
    outcome = Outcome()
    there: set[str] = set()
    began = time.monotonic()
    with requests.Session() as session:
        session.trust_env = False
        for event in events:
            time.sleep(max(0.0, event.time_s / time_scale - (time.monotonic() - began)))
            advance(event.time_s)
            asked = time.monotonic()
            if event.is_arrival:
                answer = session.post(f"{url}/v1/vms", json=event.request, timeout=_REQUEST_S)
                if answer.status_code == requests.codes.conflict:
                    outcome.refused[answer.json()["error"]["code"]] += 1
                else:
                    answer.raise_for_status()
                    there.add(event.name)
                    outcome.deployed[event.request["level"]] += 1
            elif event.name in there:
                session.delete(f"{url}/v1/vms/{event.name}", timeout=_REQUEST_S).raise_for_status()
                outcome.removed += 1
            else:
                continue
            outcome.seconds.append(time.monotonic() - asked)
    return outcome
