"""Labels of hosts and VMs: a map of short texts. A request may require labels of its host.

A key is 1 to 63 letters, digits, `.`, `_`, `-` or `/`, and begins and ends with a letter or digit.
A value is the same, without `/`, and may be empty.
"""

import re
from collections.abc import Mapping
from reprlib import repr as shorten

Labels = Mapping[str, str]

KEY_PATTERN = r"[A-Za-z0-9]([A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?"
VALUE_PATTERN = r"([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?"
LIST_PATTERN = f"({KEY_PATTERN}={VALUE_PATTERN}(,{KEY_PATTERN}={VALUE_PATTERN})*)?"
"""Labels in one text, as `format_labels` writes them."""

MOST_LABELS = 32
"""Labels of one host or VM."""

_KEY = re.compile(KEY_PATTERN)
_VALUE = re.compile(VALUE_PATTERN)


def check_labels(labels: Labels) -> None:
    """Refuse labels that are not allowed.

    Raises:
        ValueError: names the key or value, and what is allowed.
    """
    if len(labels) > MOST_LABELS:
        raise ValueError(f"{len(labels)} labels; allowed are at most {MOST_LABELS}")
    for key, value in labels.items():
        if not _KEY.fullmatch(key):
            raise ValueError(
                f"{shorten(key)} is not a label's key: 1 to 63 letters, digits, '.', '_', '-' "
                "or '/', a letter or digit first and last"
            )
        if not _VALUE.fullmatch(value):
            raise ValueError(
                f"{shorten(value)} is not a value of the label {key}: up to 63 letters, "
                "digits, '.', '_' or '-', a letter or digit first and last"
            )


def parse_labels(text: str) -> dict[str, str]:
    """Read labels written as `key=value,key=value`; an empty text has none.

    Raises:
        ValueError: a part is not `key=value`, a key comes twice, or a label is not allowed.
    """
    labels: dict[str, str] = {}
    for part in filter(None, (word.strip() for word in text.split(","))):
        key, equals, value = part.partition("=")
        if not equals:
            raise ValueError(f"{shorten(part)} is not a label; a label is written key=value")
        if key in labels:
            raise ValueError(f"the label {key} is given twice")
        labels[key] = value
    check_labels(labels)
    return labels


def format_labels(labels: Labels) -> str:
    """Return labels as `key=value,key=value`, keys in order."""
    return ",".join(f"{key}={labels[key]}" for key in sorted(labels))


def missing_labels(labels: Labels, required: Labels) -> dict[str, str]:
    """Return the required labels that a host lacks."""
    return {key: value for key, value in required.items() if labels.get(key) != value}
