"""Errors of operations, as REST clients see them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from schedulerglobal.hosts.replies import HostError, RefusedError
from schedulerglobal.state.host import HostRecord
from schedulerglobal.state.lost import LostVM
from schedulerglobal.store.base import StoreError
from slackvm.api.errors import RestError
from slackvm.api.roles import Caller, Role
from slackvm.model.codes import Code
from slackvm.model.refusal import Refusal


@dataclass(frozen=True, slots=True)
class HostRefusal(Refusal):
    """Why a host refused.

    Attributes:
        status: of HTTP; it counts where the code is of a release that this one does not know.
    """

    status: int = 503


def name_taken(message: str) -> RestError:
    """Return that there is another VM of that name."""
    return RestError(Code.NAME_TAKEN, message)


def vm_lost(lost: LostVM) -> RestError:
    """Return that a VM is lost, and what to do."""
    name = lost.name
    message = (
        f"the VM {name} is lost: {lost.reason}. `slackvm rebuild {name}` creates it again as it "
        f"was deployed, `slackvm remove {name} --lost` lets it go"
    )
    return RestError(Code.VM_LOST, message)


def not_lost(name: str, holders: Sequence[HostRecord]) -> RestError:
    """Return that a VM is to be rebuilt that is not lost."""
    if not holders:
        return RestError(Code.VM_NOT_FOUND, f"no VM {name} is lost, and none exists")
    host = holders[0]
    if host.is_unknown:
        message = (
            f"the VM {name} is on host {host.name}, which does not answer "
            f"({host.resources.reason}). It is not lost: it may still run there"
        )
        return not_now(Code.HOST_UNREACHABLE, message)
    return name_taken(f"the VM {name} is not lost: it is on host {host.name}")


def which_host(hosts: Sequence[str]) -> RestError:
    """Return that several hosts have a VM of that name."""
    return name_taken(
        f"VMs of this name are on {' and '.join(hosts)}; name one of these hosts with `host` "
        "(`--host`)"
    )


def without_others(error: RestError, caller: Caller) -> RestError:
    """Return an error as a caller may see it: without the names of VMs of others."""
    code = Code.parse(error.detail.code)
    if caller.role is Role.DEPLOY and code in (Code.NAME_TAKEN, Code.IMAGE_IN_USE):
        return RestError(code, code.text)
    return error


def no_vm() -> RestError:
    """Return that there is no VM of that name."""
    return RestError(Code.VM_NOT_FOUND, Code.VM_NOT_FOUND.text)


def no_host(refusal: Refusal, host: str = "") -> RestError:
    """Return that no host takes a VM, for the reason that is most likely to pass.

    Args:
        refusal: the reason.
        host: name of the one host that was asked for; empty: any.
    """
    message = f"{f'host {host} does not take' if host else 'no host takes'} it: {refusal.message}"
    code = Code.parse(refusal.code)
    if code is not None:
        status = code.status
    else:
        status = refusal.status if isinstance(refusal, HostRefusal) else 503
    if status == 409:
        return RestError(
            refusal.code, message, status=409, needed=refusal.needed, free=refusal.free
        )
    return not_now(refusal.code, message)


def refused_by_host(host: HostRecord, error: RefusedError) -> RestError:
    """Return what a host refused."""
    detail = error.detail
    message = f"host {host.name}: {detail.message}"
    if error.status in (401, 403):
        return not_now(Code.NOT_READY, f"{message}; the host refuses this controller's token")
    if error.status in (400, 404, 409):
        return RestError(
            detail.code,
            message,
            status=error.status,
            field=detail.field,
            needed=detail.needed,
            free=detail.free,
        )
    return not_now(detail.code, message)


def outcome_unknown(host: HostRecord, error: HostError | str) -> RestError:
    """Return that it is unknown whether a host did something, or will."""
    message = (
        f"host {host.name}: {error}; the outcome is unknown. Check with `slackvm show` before "
        "retrying"
    )
    return not_now(Code.OUTCOME_UNKNOWN, message)


def host_busy(host: HostRecord) -> RestError:
    """Return that a host has too many operations under way."""
    message = f"host {host.name}: {Code.HOST_BUSY.text}"
    return RestError(Code.HOST_BUSY, message, headers={"Retry-After": "1"})


def unreachable(host: HostRecord, error: HostError | str) -> RestError:
    """Return that a host did not get a request, so that nothing has changed."""
    message = f"host {host.name}: {error}; nothing has changed. Try again when the host answers"
    return not_now(Code.HOST_UNREACHABLE, message)


def not_now(code: str, message: str) -> RestError:
    """Return that something is not possible at this moment."""
    return RestError(code, message, status=503, headers={"Retry-After": "5"})


def store_failed(error: StoreError) -> RestError:
    """Return that the controller cannot write its store."""
    return not_now(error.code, f"the controller cannot write its store: {error}")


@contextmanager
def from_store() -> Iterator[None]:
    """Turn an error of the store into one of REST."""
    try:
        yield
    except StoreError as error:
        raise store_failed(error) from error
