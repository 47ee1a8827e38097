"""libvirt's errors as those of a hypervisor."""

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
    """libvirt reported an error.

    Attributes:
        number: libvirt's code, `libvirt.VIR_ERR_…`.
    """

    def __init__(self, error: libvirt.libvirtError) -> None:
        full = error.get_int1() in _FULL
        message = error.get_error_message() or str(error)
        super().__init__(Code.STORAGE_FULL if full else Code.HYPERVISOR_FAILED, message)
        self.number: int = error.get_error_code()


def note_errors() -> None:
    """Let libvirt report errors here and not on stderr; each is raised as well."""
    libvirt.registerErrorHandler(_note, None)


def completed(error: libvirt.libvirtError) -> libvirt.libvirtError:
    """Return an error with its details; call it in the thread that got the error.

    The binding asks libvirt for the details only when it creates the exception. If Python frees an
    object of libvirt's before that, which may happen anywhere, the details are lost.
    """
    if error.err is None:
        error.err = getattr(_last, "error", None)
    return error


def number_of(error: libvirt.libvirtError) -> int | None:
    """Return libvirt's code of an error; call it in the thread that got the error."""
    number: int | None = completed(error).get_error_code()
    return number


def is_of_connection(error: libvirt.libvirtError) -> bool:
    """Return whether an error is about the connection to libvirt, not about what libvirt did."""
    return bool(completed(error).get_error_domain() == libvirt.VIR_FROM_RPC)


def _note(_context: None, error: tuple[object, ...]) -> None:
    _last.error = error
    log.debug("libvirt_error", error=error[2])
