"""Starting and stopping VMs of ours."""

import time

import libvirt
import structlog

from schedulerlocal.backends.libvirt import metadata
from schedulerlocal.backends.libvirt.connection import Connection
from schedulerlocal.backends.libvirt.deadline import Deadline
from schedulerlocal.backends.libvirt.domains import get_ours
from schedulerlocal.backends.libvirt.errors import LibvirtError
from schedulerlocal.backends.libvirt.session import LibvirtOperation
from schedulerlocal.hypervisor import PAUSED, VMSpec

log = structlog.get_logger()

POLL_S = 0.2
ASK_AGAIN_S = 5.0
"""A guest that is still booting does not hear that it is asked to shut down."""

# Some calls take long although nothing hangs. A libvirt that hangs gives no signs of life and is
# noticed by that, so these may wait longer than others do.
START_S = 30.0
"""On a busy host QEMU takes its time to start."""
DESTROY_S = 20.0
"""libvirt first asks QEMU to end, and after 10 s kills one that does not."""

GONE = libvirt.VIR_ERR_NO_DOMAIN
NOT_POSSIBLE = libvirt.VIR_ERR_OPERATION_INVALID
"""libvirt's answer when a domain is in the wrong state, such as running already."""


def start(connection: Connection, name: str) -> None:
    """Start a VM, or let it go on if it is paused; what is unfinished of it is done."""
    with connection.conversation() as talk:
        domain = get_ours(talk, name)
        uuid = domain.guest.uuid
        if not domain.is_active:
            # One whose making was cut short does not start with the host yet
            autostart(talk, uuid, name)
            try:
                power_on(talk, uuid, name)
            except LibvirtError as error:
                if error.number != NOT_POSSIBLE or not get_ours(talk, name).is_active:
                    raise
        elif domain.guest.state == PAUSED:
            talk.act(f"resume VM {name}", uuid, lambda handle: handle.resume())
        if domain.guest.is_unfinished:
            finish(talk.with_time_left(), domain.order)


def stop(connection: Connection, name: str, grace_s: float) -> None:
    """Ask a VM to shut down; after the grace time, cut its power.

    The connection is free while the guest takes its time. A VM that ends and is started again
    meanwhile is left alone.
    """
    with connection.conversation() as talk:
        domain = get_ours(talk, name)
    if not domain.is_active:
        return
    uuid = domain.guest.uuid
    grace = Deadline(grace_s)
    ask_again = Deadline(0)
    while grace.left:
        with connection.conversation() as talk:
            if not _is_in_run(talk, uuid, domain.run):
                return
            if not ask_again.left:
                _shut_down(talk, uuid, name)
                ask_again = Deadline(ASK_AGAIN_S)
        time.sleep(min(POLL_S, grace.left))
    with connection.conversation() as talk:
        if _is_in_run(talk, uuid, domain.run):
            log.warning("VM did not shut down", vm=name, grace_s=grace_s)
            destroy(talk, uuid, name)


def autostart(talk: LibvirtOperation, uuid: str, name: str) -> None:
    """Have a domain start with the host."""
    talk.act(f"autostart VM {name}", uuid, lambda domain: domain.setAutostart(1))


def finish(talk: LibvirtOperation, order: VMSpec) -> None:
    """Write into a domain that runs that its making has ended."""
    element = metadata.text_of(order)
    talk.act(
        f"finish VM {order.vm.name}",
        order.uuid,
        lambda domain: domain.setMetadata(
            libvirt.VIR_DOMAIN_METADATA_ELEMENT,
            element,
            metadata.PREFIX,
            metadata.NAMESPACE,
            libvirt.VIR_DOMAIN_AFFECT_LIVE | libvirt.VIR_DOMAIN_AFFECT_CONFIG,
        ),
    )


def power_on(talk: LibvirtOperation, uuid: str, name: str) -> None:
    """Start a domain that does not run."""
    patient = talk.until(Deadline(START_S))
    patient.act(f"start VM {name}", uuid, lambda domain: domain.create())


def destroy(talk: LibvirtOperation, uuid: str, name: str) -> None:
    """Cut a VM's power; one that does not run is no error."""
    patient = talk.until(Deadline(DESTROY_S))
    try:
        patient.act(f"destroy VM {name}", uuid, lambda domain: domain.destroy())
    except LibvirtError as error:
        if error.number not in (GONE, NOT_POSSIBLE):
            raise


def _is_in_run(talk: LibvirtOperation, uuid: str, run: int) -> bool:
    """Return whether a domain still runs and was not started anew."""
    try:
        return talk.ask(
            "look for a VM", lambda asked: bool(asked.lookupByUUIDString(uuid).ID() == run)
        )
    except LibvirtError as error:
        if error.number != GONE:
            raise
        return False


def _shut_down(talk: LibvirtOperation, uuid: str, name: str) -> None:
    button = libvirt.VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN
    try:
        talk.act(f"shut down VM {name}", uuid, lambda domain: domain.shutdownFlags(button))
    except LibvirtError as error:
        log.info("VM cannot be asked to shut down", vm=name, error=str(error))
