"""The files of a notebook: those that its parameters name, and those that it writes."""

import inspect
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from slackanalysis.figures.notebooks import FOLDER
from slackvm.files import refuse_overwriting
from slackvm.model import POLICIES
from slackvm.plugins import POLICY_GROUP
from slackvm.plugins import find as find_plugin

ENDINGS = (".pdf", ".png", ".svg", ".csv", ".tex", ".ipynb", ".manifest.json")
"""Endings of the files that a figure may have, all beside each other."""

_OUTPUT = "output"
_POLICIES = ("policy", "policies")
_CHECKOUT = FOLDER.parents[1]
_IS_CHECKOUT = (_CHECKOUT / "pyproject.toml").is_file()


def output_stem(output: str, default: str) -> Path:
    """Return the path without ending of what a notebook writes.

    A relative path starts from the working folder. Where that is the folder of the notebooks, as in
    Jupyter, the default starts from the root of the checkout; of an installed package, whose folder
    is no place for figures, from the user's home.

    Args:
        output: the parameter `output`.
        default: its default.
    """
    if output == default and Path.cwd().is_relative_to(FOLDER.resolve()):
        return (_CHECKOUT if _IS_CHECKOUT else Path.home()) / default
    return Path(output)


def written_files(stem: Path) -> list[Path]:
    """Return the files that a figure may have, of its path without ending."""
    return [stem.with_name(stem.name + ending) for ending in ENDINGS]


def named_files(values: Mapping[str, object]) -> list[Path]:
    """Return the files that exist and that parameters name, each once.

    Lists and texts with commas name several. A folder is one of them, and the module of a policy
    that is named as `module:function`, or comes with another package, is one, too.
    """
    named = [
        path
        for name, value in values.items()
        if name != _OUTPUT
        for text in _texts(value)
        for path in ([Path(text)], [_module_file(text)])[name in _POLICIES]
        if path and path.exists()
    ]
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


def _module_file(policy: str) -> Path | None:
    """Return the file of a policy that does not come with SlackVM, if it can be found."""
    if policy in POLICIES:
        return None
    try:
        found = find_plugin(policy, POLICIES, POLICY_GROUP)
    except LookupError:
        return None  # told where it is used
    module = sys.modules.get(inspect.unwrap(found).__module__)
    file = getattr(module, "__file__", None)
    return Path(file) if file else None
