"""The files of a notebook: those that its parameters name, and those that it writes."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from slackanalysis.figures.notebooks import FOLDER
from slackvm.formats.files import refuse_overwriting

ENDINGS = (".pdf", ".png", ".svg", ".csv", ".tex", ".ipynb", ".manifest.json")
"""Endings of the files that a figure may have, all beside each other."""

_OUTPUT = "output"
_POLICIES = ("policy", "policies")
_IN_CHECKOUT = ("analysis", "notebooks")


def output_stem(output: str, default: str) -> Path:
    """Return the path without ending of what a notebook writes.

    A relative path starts from the working folder. Where that is the folder of the notebooks, as in
    Jupyter, the default starts from the root of the checkout; of an installed package, whose folder
    is no place for figures, from the user's home.

    Args:
        output: the parameter `output`.
        default: its default.
    """
    here = Path.cwd()
    if output != default:
        return Path(output)
    if here.parts[-2:] == _IN_CHECKOUT and (here.parents[1] / "pyproject.toml").is_file():
        return here.parents[1] / default
    return (Path.home() if here == FOLDER.resolve() else Path()) / default


def written_files(stem: Path) -> list[Path]:
    """Return the files that a figure may have, of its path without ending."""
    return [stem.with_name(stem.name + ending) for ending in ENDINGS]


def named_files(values: Mapping[str, object]) -> list[Path]:
    """Return the files that exist and that parameters name, each once.

    Lists and texts with commas name several. A folder is one of them, and the module of a policy
    that is named as `module:function`, or comes with another package, is one, too.
    """
    named: list[Path] = []
    for name, value in values.items():
        if name in _POLICIES:
            named += _policy_files(value)
        elif name != _OUTPUT:
            named += [path for path in map(Path, _texts(value)) if path.exists()]
    return list(dict.fromkeys(named))


def refuse_overwritten(outputs: Iterable[Path], values: Iterable[Mapping[str, object]]) -> None:
    """Refuse figures that would overwrite what they are drawn of, or one another.

    Args:
        outputs: all files that figures may have.
        values: of the parameters of each figure.

    Raises:
        ValueError: names both files.
    """
    refuse_overwriting(outputs, {path for each in values for path in named_files(each)})


def _texts(value: object) -> Iterator[str]:
    """Yield a text, the parts of it between commas, and the same of a list's items."""
    for text in value if isinstance(value, list) else [value]:
        if isinstance(text, str) and text:
            yield text
            if "," in text:
                yield from (part for part in text.split(",") if part)


def _policy_files(names: object) -> list[Path]:
    """Return the files of policies that do not come with SlackVM, of one name or a list."""
    from slackanalysis.sizing.origin import own_policy_file

    files = []
    for name in names if isinstance(names, list) else [names]:
        try:
            files.append(own_policy_file(str(name)))
        except LookupError:
            continue  # the sweep or the table says so
    return [file for file in files if file]
