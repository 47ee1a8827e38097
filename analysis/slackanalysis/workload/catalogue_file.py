"""A user's own catalogue, as YAML.

```yaml
name: mine
flavours:
  - {vcpus: 1, memory_gib: 2, count: 30}
  - {vcpus: 4, memory_gib: 16, count: 10}
```
"""

from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from slackanalysis.workload.catalogue import CATALOGUES, GIB, Catalogue, Flavour
from slackvm.formats.monitoring.record import quoted
from slackvm.model.vm import LARGEST

ENDINGS = (".yaml", ".yml")


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    vcpus: Annotated[int, Field(ge=1, le=LARGEST)]
    memory_gib: Annotated[float, Field(ge=1 / GIB, le=LARGEST / GIB, allow_inf_nan=False)]
    count: Annotated[int, Field(ge=1, le=LARGEST)]


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    flavours: Annotated[list[_Entry], Field(min_length=1)]


def find_catalogue(name: str) -> Catalogue:
    """Return the catalogue of that name, or that of the YAML file of that path.

    Raises:
        ValueError: there is no such name; or the file is no catalogue, and the message names the
            entry.
        OSError: the file cannot be read.
    """
    if name in CATALOGUES:
        return CATALOGUES[name]
    if not name.endswith(ENDINGS):
        raise ValueError(
            f"catalogue {name!r} is unknown: {', '.join(CATALOGUES)}, or a file that ends in "
            f"{' or '.join(ENDINGS)}"
        )
    try:
        content = yaml.safe_load(Path(name).read_bytes())
    except RecursionError as error:
        raise ValueError(f"{name}: not a catalogue: nested too deep") from error
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        raise ValueError(f"{name}: not YAML ({' '.join(str(error).split())})") from error
    try:
        document = _Document.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(quoted(str(each)).strip("'") for each in first["loc"]) or "the document"
        raise ValueError(f"{name}: {place}: {first['msg']}") from error
    flavours = tuple(
        Flavour(entry.vcpus, max(1, round(entry.memory_gib * GIB)), entry.count)
        for entry in document.flavours
    )
    return Catalogue(document.name, flavours)


def catalogue_text(catalogue: Catalogue) -> str:
    """Return a catalogue as the YAML that `find_catalogue` reads."""
    flavours = [
        {"vcpus": each.vcpus, "memory_gib": each.memory_mib / GIB, "count": each.count}
        for each in catalogue.flavours
    ]
    return yaml.safe_dump({"name": catalogue.name, "flavours": flavours}, sort_keys=False)
