"""Colours, marks and hatches, each bound to a name: the same whatever else is drawn.

Known providers and the common levels have fixed places in the palette. Any other name prefers the
places in an order that its SHA-256 gives; it gets its first choice unless another name in the same
figure has taken it. A place is a colour with a mark and a hatch of its own, so that names can be
distinguished without colour. Colours of levels differ in lightness, too (CIE L* 22 to 76).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import TypeVar

_Name = TypeVar("_Name", str, float)


@dataclass(frozen=True, slots=True)
class Look:
    """How a name looks: `#rrggbb`, Matplotlib's marker, and its hatch of areas."""

    colour: str
    marker: str
    hatch: str


_LEVELS: dict[float, Look] = {
    1.0: Look("#01489e", "o", ""),
    2.0: Look("#ed900f", "s", "///"),
    3.0: Look("#0c8762", "^", "..."),
    1.5: Look("#52c7fe", "D", "\\\\\\"),
    4.0: Look("#de62a3", "v", "xxx"),
    1.25: Look("#500c7f", "P", "---"),
    2.5: Look("#b2320f", "X", "|||"),
    5.0: Look("#73ab21", "<", "+++"),
    6.0: Look("#9d4bb0", ">", "oo"),
    8.0: Look("#1c6501", "p", "///..."),
    7.0: Look("#b27801", "h", "\\\\\\..."),
    10.0: Look("#c2a0fd", "*", "xxx..."),
}
_PROVIDERS: dict[str, Look] = {
    "ovhcloud2023": Look("#0173b2", "o", ""),
    "azure2017": Look("#de8f05", "s", "///"),
}
_OTHER_PROVIDERS = (
    Look("#029e73", "^", "..."),
    Look("#cc78bc", "D", "\\\\\\"),
    Look("#8c3b00", "v", "xxx"),
    Look("#56b4e9", "P", "---"),
    Look("#6b6b00", "X", "|||"),
    Look("#7b3fa0", "<", "+++"),
    Look("#e0607e", ">", "oo"),
    Look("#004d40", "p", "///..."),
    Look("#b8860b", "h", "\\\\\\..."),
    Look("#3f51b5", "*", "xxx..."),
    Look("#8bc34a", "d", "---..."),
    Look("#b71c1c", "8", "|||..."),
)


def levels(values: Iterable[float]) -> dict[float, Look]:
    """Return the look of each level, ascending."""
    ascending = sorted({float(value) for value in values})
    return _looks(ascending, _LEVELS, tuple(_LEVELS.values()))


def providers(names: Iterable[str]) -> dict[str, Look]:
    """Return the look of each provider, in the order in which figures show them.

    Those of the paper come first, the others by their name.
    """
    known = list(_PROVIDERS)
    ordered = sorted(
        set(names), key=lambda name: (known.index(name) if name in known else len(known), name)
    )
    return _looks(ordered, _PROVIDERS, _OTHER_PROVIDERS)


def _looks(
    names: list[_Name], fixed: Mapping[_Name, Look], places: tuple[Look, ...]
) -> dict[_Name, Look]:
    """Return the look of each name; where there are more names than places, some look alike."""
    found = {name: fixed[name] for name in names if name in fixed}
    for name in sorted(set(names) - set(found)):
        order = sorted(places, key=lambda place: sha256(f"{name}{place.colour}".encode()).digest())
        taken = set(found.values())
        found[name] = next((place for place in order if place not in taken), order[0])
    return {name: found[name] for name in names}
