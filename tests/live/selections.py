"""A CPU selection that a test can hold, and with it the operation that asks for CPUs."""

from pathlib import Path

from packages import install

CODE = """
import os
import pathlib
import time

from slackvm.model.selection import PaperSelection

paper = PaperSelection()


class Held:
    def take(self, situation, count):
        held = pathlib.Path(os.environ["HELD"])
        while held.exists():
            held.with_suffix(".waits").touch()
            time.sleep(0.02)
        return paper.take(situation, count)

    def give_back(self, situation, count):
        return paper.give_back(situation, count)


held = Held()
"""


class Hold:
    """While it is held, operations that need more CPUs go on, and on.

    Attributes:
        environment: settings of a daemon that is to be held.
    """

    def __init__(self, folder: Path) -> None:
        self._held = folder / "held"
        install(folder, "held", "slackvm.selections", "held = held:held", CODE)
        self.environment = {
            "PYTHONPATH": str(folder),
            "SCL_CPU_SELECTION": "held",
            "HELD": str(self._held),
        }

    def begin(self) -> None:
        self._held.touch()
        self._held.with_suffix(".waits").unlink(missing_ok=True)

    def end(self) -> None:
        self._held.unlink()

    @property
    def is_felt(self) -> bool:
        """Whether an operation waits."""
        return self._held.with_suffix(".waits").exists()
