"""Polls every host, again and again."""

import heapq
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import structlog
from prometheus_client import CollectorRegistry, Histogram

from schedulerglobal.hosts.client import POLL_S, HostClient
from schedulerglobal.hosts.replies import HostError, HostReport
from schedulerglobal.hosts.url import HostUrl
from schedulerglobal.limits import LIMITS
from schedulerglobal.reservations.recovery import ReservationRecovery
from schedulerglobal.state.cluster import Cluster
from schedulerglobal.state.host import HostRecord
from schedulerglobal.state.suspicion import end_doubt
from schedulerglobal.sync.claiming import claim_host
from schedulerglobal.sync.losses import REMOVALS_SINCE
from schedulerglobal.sync.reports import apply_report, mark_unreachable

log = structlog.get_logger()

_FIRST_RETRY_S = 1.0
_SLOWEST_RETRY_S = 60.0
_TICK_S = 1.0


class Poller:
    """Polls hosts side by side, each after its delay; one that fails less and less often.

    Args:
        cluster: gets the reports.
        client: asks the hosts.
        recovery: recovers reservations, once a host replies.
        registry: gets the metric of the polls.
        delay_s: seconds between two polls of a host.

    Attributes:
        active_at: when `run` last did something, on the monotonic clock.
    """

    def __init__(
        self,
        cluster: Cluster,
        client: HostClient,
        recovery: ReservationRecovery,
        registry: CollectorRegistry,
        delay_s: float,
    ) -> None:
        self.active_at = time.monotonic()
        self._cluster = cluster
        self._client = client
        self._recovery = recovery
        self._durations = Histogram(
            "slackvm_look_seconds",
            "Duration of polls of hosts, by result.",
            ["result"],
            registry=registry,
        )
        self._delay_s = delay_s
        self._wake = threading.Condition()
        # When each host is due; entries of the heap that say otherwise are out of date.
        self._due: dict[HostRecord, float] = {}
        self._heap: list[tuple[float, int, HostRecord]] = []
        # Since when each host is being polled, and those to poll once more right after.
        self._polling: dict[HostRecord, float] = {}
        self._again: set[HostRecord] = set()
        self._failures: dict[HostRecord, int] = {}
        self._free_threads = threading.BoundedSemaphore(LIMITS.polls)
        # Each host that does not answer holds a thread for seconds.
        self._for_failing = threading.BoundedSemaphore(LIMITS.failing_polls)
        self._pool = ThreadPoolExecutor(LIMITS.polls, thread_name_prefix="poll")
        self._stopped = False

    def poll_soon(self, host: HostRecord) -> None:
        """Poll a host at once in the background, and from then on after each delay."""
        with self._wake:
            if host in self._polling:
                self._again.add(host)
            else:
                self._schedule(host, 0.0)

    def run(self) -> None:
        """Poll until `stop`."""
        while True:
            with self._wake:
                if self._stopped:
                    return
                self.active_at = now = time.monotonic()
                host = self._next(now)
                if host is None:
                    wait_s = self._heap[0][0] - now if self._heap else _TICK_S
                    self._wake.wait(min(max(wait_s, 0.0), _TICK_S))
            self._give_up_on_slow()
            with self._cluster.lock:
                self._cluster.ledger.catch_up()
                self._cluster.rotate_log()
            if host is not None:
                self._begin(host)

    def stop(self) -> None:
        """Let `run` end; polls that are under way are left behind."""
        with self._wake:
            self._stopped = True
            self._wake.notify()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def poll(self, host: HostRecord) -> bool:
        """Poll a host now; return whether it replied as a host's daemon does."""
        begun, url = time.monotonic(), host.url
        try:
            # The host may change meanwhile, so that its report is older than what is known.
            for _ in range(4):
                asked_at, url = time.monotonic(), host.url
                report = self._client.report(url, host.etag, is_held=host.fenced)
                if report is not None and claim_host(self._cluster, self._client, host, report):
                    continue
                if self._is_applied(host, url, report, asked_at):
                    break
        except HostError as error:
            with self._cluster.lock:
                if host.url == url:
                    mark_unreachable(self._cluster, host, str(error))
            self._durations.labels("failed").observe(time.monotonic() - begun)
            return False
        result = "changed" if report else "same"
        self._durations.labels(result).observe(time.monotonic() - begun)
        self._recovery.recover_all(host)
        end_doubt(self._cluster, host)
        return True

    def _is_applied(
        self, host: HostRecord, url: HostUrl, report: HostReport | None, asked_at: float
    ) -> bool:
        """Apply a report; return False where the host should be asked again."""
        with self._cluster.lock:
            # What a former address of the host reports does not count.
            is_current = host.url == url
            if is_current and apply_report(self._cluster, host, report, asked_at):
                return True
        if not is_current or report is None or report.host.api_version < REMOVALS_SINCE:
            return False
        # VMs are gone. Asked after the report, the host lists every removal before it.
        removals = self._client.removals(url)
        with self._cluster.lock:
            return host.url == url and apply_report(self._cluster, host, report, asked_at, removals)

    def _next(self, now: float) -> HostRecord | None:
        """Return a host that is due and take it from the schedule."""
        while self._heap:
            due, _, host = self._heap[0]
            if self._due.get(host) != due:
                heapq.heappop(self._heap)
            elif due <= now:
                heapq.heappop(self._heap)
                del self._due[host]
                self._polling[host] = now
                return host
            else:
                return None
        return None

    def _begin(self, host: HostRecord) -> None:
        is_failing = self._failures.get(host, 0) > 0
        if is_failing and not self._for_failing.acquire(blocking=False):
            with self._wake:
                del self._polling[host]
                self._again.discard(host)
                self._schedule(host, _TICK_S)
            return
        while not self._free_threads.acquire(timeout=_TICK_S):
            self.active_at = time.monotonic()
            self._give_up_on_slow()
            if self._stopped:
                return
        with self._wake:
            self._polling[host] = time.monotonic()
            if not self._stopped:
                self._pool.submit(self._poll_and_reschedule, host, is_failing=is_failing)

    def _poll_and_reschedule(self, host: HostRecord, *, is_failing: bool) -> None:
        try:
            replied = self.poll(host)
        except Exception:
            log.exception("poll_failed", host=host.name)
            replied = False
        finally:
            self._free_threads.release()
            if is_failing:
                self._for_failing.release()
        failures = 0 if replied else self._failures.get(host, 0) + 1
        with self._wake:
            del self._polling[host]
            self._failures[host] = failures
            if host.forgotten:
                del self._failures[host]
            elif host in self._again:
                self._schedule(host, 0.0)
            else:
                self._schedule(host, self._pause_s(failures))
            self._again.discard(host)

    def _pause_s(self, failures: int) -> float:
        """Return after how many seconds a host is due again."""
        if not failures:
            # Polls of hosts that were added together spread over the delay.
            return self._delay_s * random.uniform(0.9, 1.1)  # noqa: S311 - no secret
        longest = max(self._delay_s, _SLOWEST_RETRY_S)
        pause = min(self._delay_s, _FIRST_RETRY_S) * 2.0 ** min(failures - 1, 30)
        return min(pause, longest) * random.uniform(0.75, 1.25)  # noqa: S311

    def _schedule(self, host: HostRecord, in_s: float) -> None:
        due = self._due[host] = time.monotonic() + in_s
        heapq.heappush(self._heap, (due, host.ordinal, host))
        self._wake.notify()

    def _give_up_on_slow(self) -> None:
        """Mark hosts as unreachable whose replies arrive too slowly."""
        latest = time.monotonic() - 4 * POLL_S
        with self._wake:
            slow = [host for host, since in self._polling.items() if since < latest]
        for host in slow:
            mark_unreachable(self._cluster, host, "its reply takes too long")
