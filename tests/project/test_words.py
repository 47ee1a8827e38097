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
# Texts that must have such a word: the file, the word, and why.
EXCEPTIONS = {
    ("daemons/common/slackvm/formats/operations.py", "withheld"): "a key of a host's log",
    ("daemons/common/slackvm/formats/operations_reader.py", "withheld"): "a key of a host's log",
    ("daemons/global/schedulerglobal/store/migrations.py", "told"): "a column of the first store",
}
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
                if (path, match[0]) not in EXCEPTIONS
            ]
    return found


@pytest.mark.parametrize("path", tracked_files())
def test_no_text_has_a_phrase_that_hides_its_meaning(path: str) -> None:
    found = riddles(path)
    assert not found, "\n" + "\n".join(found)


def test_each_exception_is_needed() -> None:
    for path, word in EXCEPTIONS:
        assert word in (ROOT / path).read_text(), path


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ('log.info("host_not_told")', "told"),
        ('"""The URL is none."""', "is none"),
        ("x = 1  # Begin anew", "anew"),
        ("def test_it_is_told() -> None: ...", "told"),
        ("class Keeper: ...", "Keeper"),
    ],
)
def test_phrases_are_found_in_all_kinds_of_texts(text: str, word: str) -> None:
    found = [
        match[0]
        for _, part, words in python_texts(text)
        for pattern, _ in words
        for match in pattern.finditer(part)
    ]
    assert word in found
