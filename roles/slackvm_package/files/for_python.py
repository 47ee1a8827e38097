"""Print what a list of pinned requirements says for another Python: pip would look at its own.

for_python.py VERSION <constraints
"""

import sys

from packaging.requirements import Requirement


def main() -> None:
    """Filter standard input."""
    version = sys.argv[1]
    other = {
        "python_full_version": version,
        "python_version": ".".join(version.split(".")[:2]),
    }
    for line in filter(None, sys.stdin.read().splitlines()):
        pinned = Requirement(line)
        if pinned.marker is None or pinned.marker.evaluate(other):
            print(f"{pinned.name}{pinned.specifier}")


main()
