"""What is shown of long work, on a terminal."""

import io

from rich.console import Console

from slackanalysis.progress import tracking


def test_names_of_files_are_shown_as_they_are():
    """Brackets are no markup: they would vanish, or end the command with a traceback."""
    shown = io.StringIO()
    with tracking(Console(file=shown, force_terminal=True, width=80)) as track:
        track("reading [red][/bold].csv", 3)(2)
    assert "reading [red][/bold].csv" in shown.getvalue()
