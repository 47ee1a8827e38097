"""The table of error codes in docs/api.md says what `Code` says."""

import re
from pathlib import Path

from slackvm.model.codes import Code

DOCS = Path(__file__).parents[2] / "docs" / "api.md"


def test_the_docs_list_every_code_with_its_status_and_meaning() -> None:
    rows = re.findall(r"^\| `([a-z_]+)` \| (\d{3}) \| (.*) \|$", DOCS.read_text(), re.MULTILINE)
    assert rows == [(code.value, str(code.status), code.text) for code in Code]
