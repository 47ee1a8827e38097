"""Small recordings made by hand."""

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

HEADER = "tmp\trec\tres\tval\tconfig\tsubset\tvm_uuid\tvm_cmn\tsb_oc\tsb_unused\tsb_dsc"


@dataclass(frozen=True)
class Guest:
    """A VM with the first and the last timestamp at which it is there."""

    name: str
    vcpus: int
    memory_mib: int
    level: float
    first: int
    last: int
    use: float = 0.5

    @property
    def uuid(self) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self.name} {self.first}"))

    def cpu_row(self, time: int) -> str:
        size = f"{self.use}\t{self.vcpus}\tsubset-{self.level}"
        return f"{time}\tvm\tcpu\t{size}\t{self.uuid}\t{self.name}\t{self.level}\tNone\tNone"

    def memory_row(self, time: int) -> str:
        size = f"{self.use}\t{self.memory_mib}\tsubset-1"
        return f"{time}\tvm\tmem\t{size}\t{self.uuid}\t{self.name}\t1\tNone\tNone"


def trace(
    guests: Iterable[Guest], times: Iterable[int], *, whole: bool = False, cpus: int = 8
) -> str:
    """Return a recording; with `whole`, with rows of the host and the vNodes as well."""
    return "\n".join([HEADER, *_rows(list(guests), times, whole, cpus), ""])


def _rows(guests: list[Guest], times: Iterable[int], whole: bool, cpus: int) -> Iterator[str]:
    nobody = "\t".join(["None"] * 6)
    for time in times:
        here = [guest for guest in guests if guest.first <= time <= guest.last]
        if whole:
            yield f"{time}\tglobal\tcpu\t0.125\t{cpus}\t{nobody}"
        for level in sorted({guest.level for guest in here}):
            if whole:
                subset = f"subset-{level}\tNone\tNone\t{level}\t0\t{{}}"
                yield f"{time}\tsubset\tcpu\t1.5\t99\t{subset}"
            yield from (guest.cpu_row(time) for guest in here if guest.level == level)
        if whole:
            yield f"{time}\tglobal\tmem\t0.25\t1\t{nobody}"
            yield f"{time}\tsubset\tmem\t0.25\t1\tsubset-1\tNone\tNone\t1\t0\t{{}}"
        yield from (guest.memory_row(time) for guest in here)
