"""Texts that people read are in plain English: none has a phrase that hides its meaning."""

import ast
import io
import json
import re
import subprocess
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from project.words import DEFINITIONS, FACTS, NAMES, PHRASES, Words

ROOT = Path(__file__).parents[2]
# Formats and interfaces that keep a name, and the files that have to write it.
EXCEPTIONS = {
    "withhold": "the operation `withhold` of a host's operations log, which old logs have too",
    "withheld_cpus": "a key of the operations log of a controller",
    "withheld_mib": "a key of the operations log of a controller",
}
# Texts that are not cleaned yet. `pytest tests/project/test_words.py --runxfail -k daemons/local`
# lists what is left in a folder.
NOT_YET = (
    "daemons/client/",
    "daemons/common/slackvm/api/",
    "daemons/common/slackvm/cli/",
    "daemons/common/slackvm/daemon/",
    "daemons/common/slackvm/formats/operations.py",  # `withheld` is a key of the log
    "daemons/common/slackvm/http/",
    "daemons/common/slackvm/settings.py",
    "daemons/global/",
    "daemons/local/schedulerlocal/agent/",
    "daemons/local/schedulerlocal/api/",
    "daemons/local/schedulerlocal/backends/",
    "daemons/local/schedulerlocal/cli.py",
    "daemons/local/schedulerlocal/daemon.py",
    "daemons/local/schedulerlocal/hypervisor.py",
    "daemons/local/schedulerlocal/images/",
    "daemons/local/schedulerlocal/telemetry/",
    "docs/rollout.md",
    "dotenv",
    "molecule/",
    "roles/",
    "tests/client/",
    "tests/clusters/",
    "tests/global/",
    "tests/live/",
    "tests/model/",
    "tests/rest/",
    "tests/rollout/",
)
SKIPPED = ("LICENSE", "tests/project/words.py", "tests/project/test_words.py")
PLAIN = {".md", ".yml", ".j2", ".toml", ".html", ".css", ".js", ".sh", ".cfg", ""}
_CODE = re.compile(r"`[^`]*`")


def tracked_files() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    suffixes = PLAIN | {".py", ".ipynb"}
    return [
        path
        for path in listed.stdout.splitlines()
        if Path(path).suffix in suffixes and path not in SKIPPED and (ROOT / path).is_file()
    ]


def python_texts(source: str) -> Iterator[tuple[int, str, Words]]:
    """Yield comments, docstrings and sentences, and names of functions, classes and log events."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string, PHRASES
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if re.search(r"\s", node.value.strip()):
                yield node.lineno, node.value, PHRASES
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name, DEFINITIONS
            yield node.lineno, node.name.replace("_", " "), PHRASES
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            event = node.args[0] if node.args else None
            if (
                node.func.attr in {"debug", "info", "warning", "error", "exception"}
                and isinstance(event, ast.Constant)
                and isinstance(event.value, str)
            ):
                yield node.lineno, event.value.replace("_", " "), PHRASES
    yield from whole(source, NAMES)


def whole(source: str, words: Words) -> Iterator[tuple[int, str, Words]]:
    for number, line in enumerate(source.splitlines(), 1):
        yield number, line, words


def texts(path: str) -> Iterator[tuple[int, str, Words]]:
    """Yield line, text and the words that the text must not have."""
    source = (ROOT / path).read_text()
    suffix = Path(path).suffix
    if suffix == ".ipynb":
        for number, cell in enumerate(json.loads(source)["cells"]):
            yield number, "".join(cell["source"]), PHRASES + NAMES
    elif suffix == ".py":
        yield from python_texts(source)
    else:
        yield from whole(source, PHRASES + NAMES)
        if suffix in {".yml", ".j2"}:
            yield from whole(source, FACTS)


def riddles(path: str) -> list[str]:
    found = []
    for line, text, words in texts(path):
        prose = _CODE.sub("", text) if words is not NAMES else text
        for pattern, instead in words:
            found += [
                f"{path}:{line}: {match[0]!r}: write {instead}"
                for match in pattern.finditer(prose)
                if match[0] not in EXCEPTIONS
            ]
    return found


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(
            path, marks=[pytest.mark.xfail(strict=False)] if path.startswith(NOT_YET) else []
        )
        for path in tracked_files()
    ],
)
def test_no_text_has_a_phrase_that_hides_its_meaning(path: str) -> None:
    found = riddles(path)
    assert not found, "\n" + "\n".join(found)
