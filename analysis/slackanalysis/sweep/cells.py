"""Many sizings: each is a cell, kept in a file of its own, so that a sweep can go on later.

The file's name is a hash of everything that its content depends on: so a cell is computed once, and
again when the requests, the hosts, the policy or the code that decides is another one.
"""

import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd

from slackanalysis.sizing.authors_rule import PAPER
from slackanalysis.sizing.hosts import Hosts
from slackanalysis.sizing.origin import code_sha256, with_origin
from slackanalysis.sizing.policies import find_policy
from slackanalysis.sizing.power import PowerCurve
from slackanalysis.sizing.sizing import Question, Sizing, size_lists, sizing_table
from slackanalysis.sizing.utilization import HOUR_S, Utilization
from slackanalysis.workload.catalogue import Catalogue
from slackanalysis.workload.demand import GENERATOR, Demand, request_list
from slackanalysis.workload.requests import RequestList
from slackanalysis.workload.temporality import Temporality
from slackvm.formats.files import atomic_write

PAPER_MIXES = tuple(
    f"{ones}-{twos}-{100 - ones - twos}"
    for ones in range(0, 101, 25)
    for twos in range(0, 101 - ones, 25)
)
"""The mixes of the published table (SlackVM, IEEE Cluster 2024)."""

MOST_CELLS = 1_000_000
"""Cells of a sweep; more do not fit into memory."""

_MOST_TOGETHER = 60
"""Cells that are sized together; more do not gain speed."""

_BATCHES_A_JOB = 4
"""So often a process takes some cells, at least, where there are enough."""


@dataclass(frozen=True)
class Cell:
    """One sizing of a sweep: requests, hosts, and the name of a policy; see `sizing.Question`."""

    demand: Demand
    size: Hosts
    policy: str
    hour_s: float = HOUR_S
    power: PowerCurve | None = None
    size_rule: str = PAPER

    @property
    def file_name(self) -> str:
        """A hash of what the cell depends on, as the name of its file.

        Raises:
            LookupError: there is no such policy.
        """
        depends_on = {
            **asdict(self),
            "code": code_sha256(self.policy),
            "numpy": np.__version__,
        }
        text = json.dumps(depends_on, sort_keys=True)
        return f"{sha256(text.encode()).hexdigest()}.json"


def cells_of(
    catalogues: Sequence[Catalogue],
    mixes: Sequence[Mapping[float, float]],
    vms: Sequence[int],
    seeds: Sequence[int],
    policies: Sequence[str],
    temporality: Temporality,
    size: Hosts,
    *,
    hour_s: float = HOUR_S,
    power: PowerCurve | None = None,
    size_rule: str = PAPER,
) -> list[Cell]:
    """Return every combination, in the order of the table: the policy changes fastest.

    Raises:
        ValueError: they are more than `MOST_CELLS`.
    """
    dimensions = catalogues, mixes, vms, seeds, policies
    if (count := prod(map(len, dimensions))) > MOST_CELLS:
        raise ValueError(
            f"{count:,} clusters are not allowed: {MOST_CELLS:,} at most, the product of the "
            "numbers of catalogues, mixes, --vms, seeds and policies"
        )
    return [
        Cell(
            Demand(catalogue, mix, number, temporality, seed),
            size,
            policy,
            hour_s,
            power,
            size_rule,
        )
        for catalogue, mix, number, seed, policy in product(*dimensions)
    ]


def sweep(
    cells: Sequence[Cell],
    folder: Path,
    *,
    jobs: int = -1,
    progress: Callable[[int], object] = lambda _: None,
) -> pd.DataFrame:
    """Return the table of all cells; those that are in the folder already are not computed again.

    The columns are those of `sizing_table`, with `vms` and `seed`, and those of `with_origin`.

    Args:
        cells: what to compute, all on the same hosts.
        folder: where each cell is kept as soon as it is done; made where it is missing.
        jobs: processes to compute with; -1: as many as there are cores. joblib's backend that is in
            force may place them on other machines.
        progress: called with the number of cells that are done since the call before.

    Raises:
        ValueError: a VM is larger than a host, or a policy's scores are not valid.
        LookupError: there is no such policy.
        OSError: a file cannot be written.
    """
    files = [folder / cell.file_name for cell in cells]
    sizings = [_kept(file) for file in files]
    missing = [index for index, sizing in enumerate(sizings) if sizing is None]
    progress(len(cells) - len(missing))
    folder.mkdir(parents=True, exist_ok=True)
    # Some cells at a time, since many lists are sized faster together; few, so that what is killed
    # loses little and no process waits for another.
    together = -(-len(missing) // (_BATCHES_A_JOB * joblib.effective_n_jobs(jobs)))
    together = max(1, min(_MOST_TOGETHER, together))
    batches = [missing[start : start + together] for start in range(0, len(missing), together)]
    parallel = joblib.Parallel(n_jobs=jobs, batch_size=1, return_as="generator_unordered")
    failure: OSError | None = None
    # Left while it computes, joblib prints tracebacks: so it ends what it has, and begins no more.
    wanted = itertools.takewhile(lambda _: failure is None, batches)
    computed: Iterator[list[tuple[int, Sizing]]] = parallel(
        joblib.delayed(_computed)([(index, cells[index]) for index in batch]) for batch in wanted
    )
    for index, sizing in itertools.chain.from_iterable(computed):
        try:
            with atomic_write(files[index]) as temporary:
                temporary.write_text(json.dumps(asdict(sizing)))
        except OSError as error:
            failure = failure or error
        else:
            sizings[index] = sizing
            progress(1)
    if failure:
        raise failure
    table = sizing_table(sizing for sizing in sizings if sizing)
    first_figure = list(table).index("policy")
    table.insert(first_figure, "vms", [cell.demand.vms for cell in cells])
    table.insert(first_figure + 1, "seed", [cell.demand.seed for cell in cells])
    generated = {
        "temporality": [str(cell.demand.temporality) for cell in cells],
        "generator": GENERATOR,
        "catalogue_sha256": [cell.demand.catalogue.sha256 for cell in cells],
    }
    return with_origin(table, cells[0].size, generated)


def _computed(batch: Sequence[tuple[int, Cell]]) -> list[tuple[int, Sizing]]:
    """Return the sizings of some cells, those of one policy together."""
    lists: dict[int, RequestList] = {}
    by_policy: dict[tuple[str, Question], list[int]] = {}
    before: tuple[Demand, RequestList] | None = None
    for index, cell in batch:
        # Cells of one demand stand side by side.
        if before is None or before[0] != cell.demand:
            before = cell.demand, request_list(cell.demand)
        lists[index] = before[1]
        question = Question(
            cell.size, hour_s=cell.hour_s, power=cell.power, size_rule=cell.size_rule
        )
        by_policy.setdefault((cell.policy, question), []).append(index)
    return [
        (index, sized.sizing)
        for (policy, question), indexes in by_policy.items()
        for index, sized in zip(
            indexes,
            size_lists([lists[i] for i in indexes], question, find_policy(policy), policy),
            strict=True,
        )
    ]


def _kept(file: Path) -> Sizing | None:
    """Return the cell that a file holds; None if the file is missing or damaged."""
    try:
        fields: dict[str, Any] = json.loads(file.read_bytes())
        shared, separate = (Utilization(**fields.pop(name)) for name in ("shared", "separate"))
        return Sizing(**fields, shared=shared, separate=separate)
    except (FileNotFoundError, ValueError, TypeError, KeyError, AttributeError):
        return None
