"""Which controller the host obeys: changes of any other one are refused."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import structlog

from schedulerlocal.agent.errors import BusyError, RefusedError
from slackvm.formats.files import atomic_write, remove_leftovers
from slackvm.formats.versions import readable_version
from slackvm.model.codes import Code
from slackvm.model.refusal import Refusal

log = structlog.get_logger()

VERSION = 1

_OTHERS_END_S = 10.0
"""Seconds that a controller waits for the changes of the one before it."""


class Claim(NamedTuple):
    """A controller: its ID and its epoch, which is counted up when it takes hosts over."""

    id: str
    epoch: int


class Obedience:
    """The controller that the host obeys, kept in a file.

    A host begins to obey with the first change, or the first claim, of a controller. From then on
    it refuses the changes of other controllers, and of earlier epochs of the same one. A request
    without a claim is a person's, and is allowed.

    Args:
        path: the file.

    Attributes:
        changed: called after the host obeys another controller.
        is_heard: whether the controller that it obeys has sent a request to this daemon.
        is_held: whether that controller wants no VM to be started after a boot, because the host
            was evacuated.
    """

    def __init__(self, path: Path) -> None:
        self.changed: Callable[[], None] = lambda: None
        self.is_heard = False
        self.is_held = False
        self._path = path
        self._lock = threading.Condition()
        self._running: dict[str, int] = {}
        remove_leftovers(path)
        self._current = self._read()

    @property
    def current(self) -> Claim | None:
        """The controller that it obeys; None: none."""
        return self._current

    @contextmanager
    def admitted(self, claim: Claim | None) -> Iterator[None]:
        """Let a change run, unless it is another controller's.

        Args:
            claim: whose change it is; None: a person's.

        Raises:
            RefusedError: the host obeys another controller, or a later epoch of this one.
            BusyError: see `obey`.
        """
        if claim is None:
            if self._current is not None:
                log.info("change_without_controller", obeyed=self._current.id)
            yield
            return
        self.obey(claim)
        with self._lock:
            self._check(claim)
            self._running[claim.id] = self._running.get(claim.id, 0) + 1
        try:
            yield
        finally:
            with self._lock:
                self._running[claim.id] -= 1
                if not self._running[claim.id]:
                    del self._running[claim.id]
                self._lock.notify_all()

    def note(self, claim: Claim | None, *, is_held: bool) -> None:
        """Note a request of a controller, whatever it is about.

        Args:
            claim: whose request it is; None: a person's.
            is_held: whether it wants no VM to be started after a boot.
        """
        current = self._current
        if claim is not None and current is not None and claim.id == current.id:
            self.is_heard, self.is_held = not is_held, is_held

    def obey(self, claim: Claim, *, take_over: bool = False) -> None:
        """Obey a controller from now on.

        Args:
            claim: the controller.
            take_over: also if the host obeys another one. Its changes that run have ended when this
                returns.

        Raises:
            RefusedError: the host obeys another controller, or a later epoch of this one.
            BusyError: a change of the controller before runs on; the host obeys already, and the
                same request waits again.
        """
        with self._lock:
            if not take_over:
                self._check(claim)
            is_new = claim != self._current
            if is_new:
                before, self._current = self._current, claim
                self._write()
                log.info("controller_obeyed", controller=claim.id, epoch=claim.epoch, before=before)
            is_alone = not take_over or self._lock.wait_for(
                lambda: not self._running.keys() - {claim.id}, _OTHERS_END_S
            )
        if is_new:
            self.changed()
        if not is_alone:
            raise BusyError("a change of the controller before still runs")

    def release(self, claim: Claim | None) -> None:
        """Obey no controller from now on.

        Args:
            claim: of the controller that asks; None: a person does.

        Raises:
            RefusedError: it is another controller than the one that the host obeys.
        """
        with self._lock:
            if claim is not None:
                self._check(claim)
            is_new = self._current is not None
            if is_new:
                log.info("controller_released", before=self._current)
                self._current = None
                self._write()
        if is_new:
            self.changed()

    def _check(self, claim: Claim) -> None:
        current = self._current
        if current is None or (claim.id == current.id and claim.epoch >= current.epoch):
            return
        whom = f"controller {current.id}" if claim.id != current.id else f"epoch {current.epoch}"
        reason = (
            f"the host obeys {whom}, and not {claim.id}, epoch {claim.epoch}; if that is wrong, "
            "take the host over: slackvm hosts add --take-over URL"
        )
        raise RefusedError(Refusal(Code.OTHER_CONTROLLER, reason=reason))

    def _read(self) -> Claim | None:
        try:
            document = json.loads(self._path.read_text())
            readable_version(document, VERSION)
            if document["id"] is None:
                return None
            return Claim(str(document["id"]), int(document["epoch"]))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            log.error("controller_file_unusable", path=str(self._path), error=str(error)[:300])
            return None

    def _write(self) -> None:
        current = self._current
        document = {
            "version": VERSION,
            "readable_by": VERSION,
            "id": current.id if current else None,
            "epoch": current.epoch if current else 0,
        }
        try:
            with atomic_write(self._path) as temporary:
                temporary.write_text(json.dumps(document))
        except OSError as error:
            # A full disk stops no change; the next claim of the controller is written again.
            log.error("controller_file_not_written", error=str(error))
