"""Scenarios of the generator CloudFactory become catalogues, and catalogues become scenarios.

Schema: `scenario-vm-distribution-*.yml` of github.com/jacquetpi/cloudfactory. `vm_distribution` has
two tables: the share of VMs by vCPUs, and the share by GB. The generator deals both out in
ascending order, so that the smallest memory goes with the fewest vCPUs; so does this module, and
the scenarios of 2017 and 2023 give the catalogues `azure2017` and `ovhcloud2023`.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from slackanalysis.traces.account import Account
from slackanalysis.workload.catalogue import GIB, Catalogue, Flavour
from slackvm.model.vm import LARGEST

_PARTS = 10_000
"""Shares are taken as fractions with denominators up to this."""

_Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
_VCPUs = Annotated[int, Field(ge=1, le=LARGEST)]
_GiB = Annotated[float, Field(ge=1 / GIB, le=LARGEST / GIB, allow_inf_nan=False)]


class _Distribution(BaseModel):
    model_config = ConfigDict(extra="forbid")

    config_cpu: Annotated[dict[_VCPUs, _Share], Field(min_length=1)]
    config_mem: Annotated[dict[_GiB, _Share], Field(min_length=1)]


class _Scenario(BaseModel):
    """What a scenario has beside this, its users and their use, is no part of a catalogue."""

    vm_distribution: _Distribution


@dataclass(frozen=True)
class Scenario:
    """Shares of VMs by size, each adding up to 1.

    Attributes:
        vcpus: share by vCPUs.
        memory_gib: share by GiB.
    """

    vcpus: Mapping[int, Fraction]
    memory_gib: Mapping[float, Fraction]


def is_scenario(path: Path) -> bool:
    """Return whether a YAML file is a scenario, rather than a catalogue.

    Raises:
        ValueError: it is no YAML file of one thing and its parts.
        OSError: it cannot be read.
    """
    document = _document(path)
    if "vm_distribution" in document:
        return True
    if "flavours" in document:
        return False
    premium = document.get("vm_premium")
    found = ", ".join(map(str, document)) or "nothing"
    hint = f"; its levels are for --mix: {_mix(premium)}" if isinstance(premium, dict) else ""
    raise ValueError(
        f"{path}: has {found}; needed: vm_distribution (a scenario of CloudFactory) or flavours (a "
        f"catalogue){hint}"
    )


def read_scenario(path: Path, account: Account) -> Scenario:
    """Read a scenario.

    Raises:
        ValueError: the file is not valid; the message names the entry.
        OSError: it cannot be read.
    """
    try:
        distribution = _Scenario.model_validate(_document(path)).vm_distribution
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the document"
        raise ValueError(f"{path}: {place}: {first['msg']}") from error
    tables = []
    for name in ("config_cpu", "config_mem"):
        shares: Mapping[float, float] = getattr(distribution, name)
        fractions = {size: _fraction(share) for size, share in sorted(shares.items()) if share}
        total = sum(fractions.values(), Fraction())
        if not total:
            raise ValueError(f"{path}: vm_distribution.{name}: all shares are 0")
        text = f"{name} adds up to {float(total):g}: shares are divided by that"
        account.add("rounded", text, len(fractions) if total != 1 else 0, "shares")
        tables.append({size: share / total for size, share in fractions.items()})
    return Scenario({int(vcpus): share for vcpus, share in tables[0].items()}, tables[1])


def catalogue_of(scenario: Scenario, name: str) -> Catalogue:
    """Return the catalogue whose flavours have these shares: small memory with few vCPUs.

    Args:
        scenario: the shares.
        name: the catalogue's name; characters that it must not have become `-`.
    """
    shares: list[tuple[int, float, Fraction]] = []
    vcpus, memory = list(scenario.vcpus.items()), list(scenario.memory_gib.items())
    while vcpus and memory:
        (cpus, of_cpus), (gib, of_gib) = vcpus.pop(0), memory.pop(0)
        both = min(of_cpus, of_gib)
        shares.append((cpus, gib, both))
        # What is left of the larger share goes with the next size of the other.
        if of_cpus > both:
            vcpus.insert(0, (cpus, of_cpus - both))
        if of_gib > both:
            memory.insert(0, (gib, of_gib - both))
    parts = reduce(math.lcm, (share.denominator for *_, share in shares))
    parts = min(parts, LARGEST)
    flavours = (
        Flavour(cpus, max(1, round(gib * GIB)), max(1, round(share * parts)))
        for cpus, gib, share in shares
    )
    return Catalogue(_name(name), tuple(flavours))


def scenario_of(catalogue: Catalogue) -> Scenario:
    """Return the shares of a catalogue's vCPUs and of its memory: which goes with which is lost."""
    total = sum(flavour.count for flavour in catalogue.flavours)
    vcpus: dict[int, Fraction] = {}
    memory: dict[float, Fraction] = {}
    for flavour in catalogue.flavours:
        share = Fraction(flavour.count, total)
        vcpus[flavour.vcpus] = vcpus.get(flavour.vcpus, Fraction()) + share
        gib = flavour.memory_mib / GIB
        memory[gib] = memory.get(gib, Fraction()) + share
    return Scenario(dict(sorted(vcpus.items())), dict(sorted(memory.items())))


def is_kept(catalogue: Catalogue) -> bool:
    """Return whether the scenario of a catalogue gives that catalogue back."""
    again = catalogue_of(scenario_of(catalogue), catalogue.name)
    return _shares(catalogue) == _shares(again)


def scenario_text(scenario: Scenario) -> str:
    """Return a scenario as CloudFactory reads it."""
    document = {
        "vm_distribution": {
            "config_cpu": {size: _decimal(share) for size, share in scenario.vcpus.items()},
            "config_mem": {size: _decimal(share) for size, share in scenario.memory_gib.items()},
        }
    }
    return yaml.safe_dump(document, sort_keys=False)


def _shares(catalogue: Catalogue) -> dict[tuple[int, int], Fraction]:
    total = sum(flavour.count for flavour in catalogue.flavours)
    shares: dict[tuple[int, int], Fraction] = {}
    for flavour in catalogue.flavours:
        size = flavour.vcpus, flavour.memory_mib
        shares[size] = shares.get(size, Fraction()) + Fraction(flavour.count, total)
    return shares


def _document(path: Path) -> dict[str, object]:
    try:
        document = yaml.safe_load(path.read_bytes())
    except RecursionError as error:
        raise ValueError(f"{path}: not a scenario of CloudFactory: nested too deep") from error
    except (yaml.YAMLError, UnicodeError) as error:
        raise ValueError(f"{path}: not YAML ({' '.join(str(error).split())})") from error
    if not isinstance(document, dict):
        raise ValueError(f"{path}: not a scenario of CloudFactory and no catalogue")
    return {str(key): value for key, value in document.items()}


def _fraction(share: float) -> Fraction:
    return Fraction(share).limit_denominator(_PARTS)


def _decimal(share: Fraction) -> float:
    return round(float(share), 6)


def _name(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "-", name).lstrip("._-") or "scenario"


def _mix(premium: Mapping[object, object]) -> str:
    """Return levels as `--mix` takes them: `oc-2.0: 0.5` is `2.0=0.5`."""
    return ",".join(f"{str(level).removeprefix('oc-')}={share}" for level, share in premium.items())
