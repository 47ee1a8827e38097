"""The time of a daemon: the real one, or (`memory` backend only) a faster one."""

import time


class Clock:
    """Seconds since the epoch that never run backward, `scale` times as fast as real ones.

    A jump of the machine's clock, forward or back, does not show until the next start: the time of
    the start is read once, and what has passed since is told by the monotonic clock.
    """

    def __init__(self, scale: float = 1.0) -> None:
        self.scale = scale
        self._began = time.time()
        self._monotonic = time.monotonic()

    def now(self) -> float:
        """Return the present time in seconds since the epoch."""
        return self._began + (time.monotonic() - self._monotonic) * self.scale
