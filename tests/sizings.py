"""A table of sizings with made-up numbers of hosts, for figures of it."""

import numpy as np
import pandas as pd

from slackanalysis.sweep.cells import PAPER_MIXES
from slackanalysis.workload.catalogue import CATALOGUES

PROVIDERS = ("azure2017", "ovhcloud2023")


def sizings(seeds: int = 3, policies=("first-fit",), sizes=(500,)) -> pd.DataFrame:
    """Return sizings of all published cells with numbers of hosts that are made up."""
    rng = np.random.default_rng(1)
    rows = []
    for provider in PROVIDERS:
        for mix in PAPER_MIXES:
            for vms in sizes:
                for seed in range(1, seeds + 1):
                    for policy in policies:
                        separate = int(rng.integers(50, 100))
                        shared = separate - int(rng.integers(0, 10))
                        row = {"provider": provider, "mix": mix, "vms": vms, "seed": seed}
                        row |= {"policy": policy, "hosts_shared": shared}
                        row |= {"hosts_separate": separate, "hosts_bound": shared - 2}
                        for cluster, hosts in (("shared", shared), ("separate", separate)):
                            for what, of_host in (("cpus", 32), ("memory_mib", 131_072)):
                                left = int(rng.integers(0, hosts * of_host // 2))
                                row[f"{what}_unallocated_peak_{cluster}"] = left
                                row[f"{what}_allocated_peak_{cluster}"] = hosts * of_host - left
                        rows.append(row)
    return with_setting(pd.DataFrame(rows))


def with_setting(table: pd.DataFrame) -> pd.DataFrame:
    """Return sizings with the columns of origin that the published setting has."""
    hashes = {name: catalogue.sha256 for name, catalogue in CATALOGUES.items()}
    return table.assign(
        list_sha256="made up",
        host_cpus=32,
        host_memory_mib=131_072,
        temporality="360,8640,7",
        generator="made up",
        catalogue_sha256=table["provider"].map(hashes),
    )
