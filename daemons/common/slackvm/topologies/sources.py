"""Where a topology named on a command line comes from: a file or a preset."""

from pathlib import Path

from slackvm.model.topology import Topology
from slackvm.topologies.description import PRESETS
from slackvm.topologies.errors import TopologyError
from slackvm.topologies.prototype_json import read_json


def load_topology(spec: str) -> Topology:
    """Given the value of `--topology`, a topology file or the name of a preset, return it.

    An existing file wins over a preset of that name.

    Raises:
        TopologyError: it is neither, or the file is not a topology file.
    """
    path = Path(spec)
    try:
        is_file = path.exists() and not path.is_dir()
    except OSError as error:
        raise TopologyError(f"topology {spec[:200]!r}: {error.strerror or error}") from error
    if is_file:
        return read_json(path)
    preset = PRESETS.get(spec.lower())
    if preset is None:
        raise TopologyError(
            f"topology {spec[:200]!r}: no such file, and no preset of that name "
            f"(presets: {', '.join(PRESETS)})"
        )
    return preset.build()
