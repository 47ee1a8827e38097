"""Starting and stopping managed VMs."""

import time

import libvirt
import structlog

from schedulerlocal.backends.libvirt import metadata
from schedulerlocal.backends.libvirt.connection.errors import LibvirtError
from schedulerlocal.backends.libvirt.connection.pool import Connection
from schedulerlocal.backends.libvirt.connection.session import LibvirtOperation
from schedulerlocal.backends.libvirt.domains import get_managed
from schedulerlocal.hypervisor import PAUSED
from slackvm.deadline import Deadline

log = structlog.get_logger()

POLL_S = 0.2
ASK_AGAIN_S = 5.0
"""Time after which a guest is asked again to shut down; one that boots ignores it."""

# Some calls take long although nothing hangs, so they get more time than others. A libvirt that
# hangs is noticed all the same, since it does not answer pings.
START_S = 30.0
"""Seconds; QEMU starts slowly on a busy host."""
DESTROY_S = 20.0
"""Seconds; libvirt asks QEMU to end, and kills it after 10 s."""

GONE = libvirt.VIR_ERR_NO_DOMAIN
NOT_POSSIBLE = libvirt.VIR_ERR_OPERATION_INVALID
"""libvirt's error when a domain is in the wrong state, for instance runs already."""


def start(connection: Connection, name: str) -> None:
    """Start a stopped VM, resume a paused one, finish an unfinished one."""
    with connection.operation() as operation:
        domain = get_managed(operation, name)
        uuid = domain.vm.uuid
        if not domain.is_active:
            # An unfinished one does not start with the host yet
            autostart(operation, uuid, name)
            try:
                power_on(operation, uuid, name)
            except LibvirtError as error:
                if error.number != NOT_POSSIBLE or not get_managed(operation, name).is_active:
                    raise
        elif domain.vm.state == PAUSED:
            operation.act(f"resume VM {name}", uuid, lambda handle: handle.resume())
        if domain.vm.is_unfinished:
            finish(operation.with_cleanup_time(), uuid, name, domain.metadata)


def stop(connection: Connection, name: str, grace_s: float) -> None:
    """Ask a VM to shut down, and cut its power after the grace time.

    Other operations can use the connection while the guest shuts down. A VM that stops and is
    started again meanwhile is left alone.
    """
    with connection.operation() as operation:
        domain = get_managed(operation, name)
    if not domain.is_active:
        return
    uuid = domain.vm.uuid
    grace = Deadline(grace_s)
    ask_again = Deadline(0)
    while grace.left:
        with connection.operation() as operation:
            if not _is_in_run(operation, uuid, domain.run):
                return
            if not ask_again.left:
                _shut_down(operation, uuid, name)
                ask_again = Deadline(ASK_AGAIN_S)
        time.sleep(min(POLL_S, grace.left))
    with connection.operation() as operation:
        if _is_in_run(operation, uuid, domain.run):
            log.warning("shutdown_overdue", vm=name, grace_s=grace_s)
            destroy(operation, uuid, name)


def autostart(operation: LibvirtOperation, uuid: str, name: str, *, starts: bool = True) -> None:
    """Let libvirt start a domain with the host, or not."""
    operation.act(f"autostart VM {name}", uuid, lambda domain: domain.setAutostart(int(starts)))


def finish(operation: LibvirtOperation, uuid: str, name: str, finished: str) -> None:
    """Write the metadata of a running domain whose creation has ended."""
    operation.act(
        f"finish VM {name}",
        uuid,
        lambda domain: domain.setMetadata(
            libvirt.VIR_DOMAIN_METADATA_ELEMENT,
            finished,
            metadata.PREFIX,
            metadata.NAMESPACE,
            libvirt.VIR_DOMAIN_AFFECT_LIVE | libvirt.VIR_DOMAIN_AFFECT_CONFIG,
        ),
    )


def power_on(operation: LibvirtOperation, uuid: str, name: str) -> None:
    """Start a domain that does not run."""
    longer = operation.until(Deadline(START_S))
    longer.act(f"start VM {name}", uuid, lambda domain: domain.create())


def destroy(operation: LibvirtOperation, uuid: str, name: str) -> None:
    """Cut a VM's power; one that does not run is no error."""
    longer = operation.until(Deadline(DESTROY_S))
    try:
        longer.act(f"destroy VM {name}", uuid, lambda domain: domain.destroy())
    except LibvirtError as error:
        if error.number not in (GONE, NOT_POSSIBLE):
            raise


def _is_in_run(operation: LibvirtOperation, uuid: str, run: int) -> bool:
    """Return whether a domain still runs and has not been started again."""
    try:
        return operation.ask(
            "look for a VM", lambda asked: bool(asked.lookupByUUIDString(uuid).ID() == run)
        )
    except LibvirtError as error:
        if error.number != GONE:
            raise
        return False


def _shut_down(operation: LibvirtOperation, uuid: str, name: str) -> None:
    button = libvirt.VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN
    try:
        operation.act(f"shut down VM {name}", uuid, lambda domain: domain.shutdownFlags(button))
    except LibvirtError as error:
        log.info("shutdown_request_failed", vm=name, error=str(error))
