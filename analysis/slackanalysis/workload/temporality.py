"""Virtual time: how long an hour, a day and the whole of a workload are."""

import re
from dataclasses import dataclass

from slackanalysis.workload.catalogue import DAY_S, HOUR_S

_TEMPORALITY = re.compile(r"([0-9]{1,9}),([0-9]{1,9}),([0-9]{1,5})")


@dataclass(frozen=True, slots=True)
class Temporality:
    """Lengths of time: `360,8640,7` are an hour of 360 s, a day of 24 such, and 7 days.

    Raises:
        ValueError: a day is not a whole number of hours, or a number is 0.
    """

    hour_s: int = HOUR_S
    day_s: int = DAY_S
    days: int = 7

    def __post_init__(self) -> None:
        if min(self.hour_s, self.days) < 1 or self.day_s < self.hour_s or self.day_s % self.hour_s:
            raise ValueError(
                f"temporality {self} is not allowed: seconds of an hour, seconds of a day, which "
                "is some hours, and days"
            )

    def __str__(self) -> str:
        """Return it as it is written."""
        return f"{self.hour_s},{self.day_s},{self.days}"

    @property
    def hours(self) -> int:
        """Hours of a day."""
        return self.day_s // self.hour_s


def parse_temporality(text: str) -> Temporality:
    """Return the temporality that `text` gives.

    Raises:
        ValueError: the text is not valid.
    """
    numbers = _TEMPORALITY.fullmatch(text)
    if not numbers:
        raise ValueError(
            f"temporality {text!r} is not allowed: seconds of an hour, seconds of a day, and days, "
            f"as in {Temporality()}"
        )
    return Temporality(*map(int, numbers.groups()))
