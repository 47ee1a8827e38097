"""Request lists with random contents, and what one list takes."""

import random
from collections.abc import Mapping

import numpy as np

from slackanalysis.sizing.hosts import Hosts
from slackanalysis.sizing.sizing import Question, Sizing, size_lists
from slackanalysis.sizing.utilization import AllocationTimeline
from slackanalysis.workload.requests import RequestList
from slackvm.model import VM, Policy


def random_list(seed: int, count: int = 60, levels=(1.0, 1.4, 3.0)) -> RequestList:
    chance = random.Random(seed)
    vms = [
        VM(
            f"vm{number}",
            chance.choice([1, 1, 2, 3, 5, 8]),
            chance.choice([512, 1024, 4000, 9000]),
            chance.choice(levels),
        )
        for number in range(count)
    ]
    start_s = [float(chance.randrange(10)) for _ in vms]
    lifetime_s = [float(chance.randrange(1, 8)) for _ in vms]
    return RequestList({"seed": str(seed)}, vms, np.array(start_s), np.array(lifetime_s))


def size_clusters(
    requests: RequestList, hosts: Hosts, policy: Policy, policy_name: str
) -> tuple[Sizing, Mapping[str, AllocationTimeline]]:
    """Return what one list takes, and what is allocated over time."""
    (sized,) = size_lists([requests], Question(hosts), policy, policy_name)
    return sized.sizing, sized.timelines
