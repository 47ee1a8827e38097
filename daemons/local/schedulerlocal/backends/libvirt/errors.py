"""libvirt's errors."""

import errno
import threading

import libvirt
import structlog

from schedulerlocal.hypervisor import HypervisorError
from slackvm.model.codes import Code

log = structlog.get_logger()

_FULL = {errno.ENOSPC, errno.EDQUOT}
_last = threading.local()


class LibvirtError(HypervisorError):
    """libvirt answered with an error.

    Attributes:
        number: libvirt's code, `libvirt.VIR_ERR_…`.
    """

    def __init__(self, error: libvirt.libvirtError) -> None:
        full = error.get_int1() in _FULL
        message = error.get_error_message() or str(error)
        super().__init__(Code.STORAGE_FULL if full else Code.HYPERVISOR_FAILED, message)
        self.number: int = error.get_error_code()


def note_errors() -> None:
    """Have libvirt tell its errors to this module and not to stderr: all are raised as well."""
    libvirt.registerErrorHandler(_note, None)


def completed(error: libvirt.libvirtError) -> libvirt.libvirtError:
    """Return an error that knows what it is about; to be called in the thread that got it.

    The binding asks libvirt what went wrong only when it makes the exception. When Python happens
    to free an object of libvirt's in between, and it may do so anywhere, libvirt has forgotten it.
    """
    if error.err is None:
        error.err = getattr(_last, "error", None)
    return error


def number_of(error: libvirt.libvirtError) -> int | None:
    """Return libvirt's code of an error; to be called in the thread that got it."""
    number: int | None = completed(error).get_error_code()
    return number


def is_of_connection(error: libvirt.libvirtError) -> bool:
    """Return whether an error comes from talking to libvirt, not from what libvirt did."""
    return bool(completed(error).get_error_domain() == libvirt.VIR_FROM_RPC)


def _note(_context: None, error: tuple[object, ...]) -> None:
    _last.error = error
    log.debug("libvirt", error=error[2])
