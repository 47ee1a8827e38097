"""The time of a daemon: the real one or, for simulated VMs, a faster one."""

import time


class Clock:
    """Seconds since the epoch that never run backward, `scale` times as fast as real ones.

    The machine's clock is read once, at the start; from then on the monotonic clock counts. A jump
    of the machine's clock shows at the next start only.
    """

    def __init__(self, scale: float = 1.0) -> None:
        self.scale = scale
        self._began = time.time()
        self._monotonic = time.monotonic()

    def now(self) -> float:
        """Return the present time in seconds since the epoch."""
        return self._began + (time.monotonic() - self._monotonic) * self.scale
