"""Request lists with random contents."""

import random

import numpy as np

from slackanalysis.workload.requests import RequestList
from slackvm.model import VM


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
