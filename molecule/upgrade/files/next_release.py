"""Turn a copy of the checkout into the release 9.0.0: next_release.py FOLDER.

It differs from this release as a next one may: VMs, hosts and levels have one more field in
replies, and the controller's database and the hosts' state.json have a new version, which this
release can read.
"""

import re
import sys
from collections.abc import Callable
from pathlib import Path


def main() -> None:
    """Change the sources in place."""
    root = Path(sys.argv[1])
    change(root / "pyproject.toml", r'^version = "[^"]*"', 'version = "9.0.0"')
    change(
        root / "daemons/common/slackvm/__init__.py", r"^(__version__\b[^=]*=)[^\n]*", r'\1 "9.0.0"'
    )
    for reply, module in (("VMReply", "vms"), ("LevelReply", "hosts"), ("HostReply", "hosts")):
        change(
            root / f"daemons/common/slackvm/api/{module}.py",
            rf'^(class {reply}\(.*?\):\n    """.*?"""\n)',
            r'\1\n    note: str = "new in 9.0.0"\n',
        )
    store = root / "daemons/global/schedulerglobal/store/migrations.py"
    change(store, r"^VERSION = (\d+)$", one_more)
    change(
        store,
        r"^(_STEPS\b.*?)^\)$",
        r'\1    lambda database: _execute(database, "ALTER TABLE hosts ADD COLUMN note TEXT"),\n)',
    )
    state = root / "daemons/local/schedulerlocal/agent/state_file.py"
    change(state, r"^VERSION = (\d+)$", one_more)
    change(state, r'^(        )("readable_by": READABLE_BY,)$', r'\1\2\n\1"note": "new in 9.0.0",')


def one_more(version: re.Match[str]) -> str:
    """Return a line that sets the version after the present one."""
    return f"VERSION = {int(version[1]) + 1}"


def change(path: Path, pattern: str, replacement: str | Callable[[re.Match[str]], str]) -> None:
    """Replace the one place that a pattern matches; end the script if none matches."""
    text, places = re.subn(pattern, replacement, path.read_text(), flags=re.MULTILINE | re.DOTALL)
    if places != 1:
        raise SystemExit(f"{path}: {pattern} matches {places} places, not one")
    path.write_text(text)


main()
