"""What many clients at once get done, on a host or through a controller."""

from collections.abc import Iterator

import requests

from benchmarks.harness import Result
from live.load import put_load

FEW, MANY = 4, 64
LOAD_S = 20.0


def goodput(url: str, where: str) -> Iterator[Result]:
    """Measure operations that are done, apart from those that are refused, by number of clients.

    What is refused costs the server little, so that counting it as work would reward overload.
    """
    done = {}
    for clients in (FEW, MANY):
        load = put_load(url, clients, LOAD_S)
        done[clients] = load.done_per_second
        refused = {
            f"refused_{status}_a_second": count / load.lasted_s
            for status, count in sorted(load.refused.items())
        }
        message = ", ".join(f"{each:.0f} answered {name[8:11]}" for name, each in refused.items())
        yield Result(
            f"deploys and removals of {clients} clients {where}",
            load.done_per_second,
            "done a second",
            absolute=f"refused a second: {message}" if message else "none refused",
            details={
                "done_a_second": load.done_per_second,
                **refused,
                "p50_s": load.percentile_s(50),
                "p99_s": load.percentile_s(99),
            },
        )
        _remove(url, load.there)
    yield Result(
        f"done a second with {FEW} clients / with {MANY}, {where}",
        done[FEW] / done[MANY],
        goal=1.0,
        absolute=f"{done[FEW]:.0f} / {done[MANY]:.0f}",
        details={f"done_a_second_{clients}": each for clients, each in done.items()},
    )


def _remove(url: str, names: set[str]) -> None:
    """Leave as much room as there was."""
    for name in sorted(names):
        answer = requests.delete(f"{url}/v1/vms/{name}", timeout=60)
        assert answer.status_code == 200, answer.text
