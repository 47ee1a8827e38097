"""Starting and stopping VMs of ours."""

import time

import libvirt
import structlog

from schedulerlocal.live.hypervisor import PAUSED
from schedulerlocal.live.libvirt_backend.connection import Connection
from schedulerlocal.live.libvirt_backend.conversation import Conversation
from schedulerlocal.live.libvirt_backend.deadline import Deadline
from schedulerlocal.live.libvirt_backend.domains import get_ours
from schedulerlocal.live.libvirt_backend.errors import LibvirtError

log = structlog.get_logger()

POLL_S = 0.2
ASK_AGAIN_S = 5.0
"""A guest that is still booting does not hear that it is asked to shut down."""

# Some calls take long although nothing hangs. A libvirt that does hang is told by the keepalive, so
# these may wait longer than others do.
START_S = 30.0
"""On a busy host QEMU takes its time to start."""
DESTROY_S = 20.0
"""libvirt first asks QEMU to end, and after 10 s kills one that does not."""

GONE = libvirt.VIR_ERR_NO_DOMAIN
NOT_POSSIBLE = libvirt.VIR_ERR_OPERATION_INVALID
"""libvirt's answer when a domain is in the wrong state, such as running already."""


def start(connection: Connection, name: str) -> None:
    """Start a VM, or let it go on if it is paused."""
    with connection.conversation() as talk:
        domain = get_ours(talk, name)
        if not domain.is_active:
            # One whose making was cut short does not start with the host yet
            talk.ask(f"autostart VM {name}", lambda _: domain.handle.setAutostart(1))
            try:
                power_on(talk, domain.handle, name)
            except LibvirtError as error:
                if error.number != NOT_POSSIBLE or not get_ours(talk, name).is_active:
                    raise
        elif domain.guest.state == PAUSED:
            talk.ask(f"resume VM {name}", lambda _: domain.handle.resume())


def stop(connection: Connection, name: str, grace_s: float) -> None:
    """Ask a VM to shut down; after the grace time, cut its power.

    The connection is free while the guest takes its time. A VM that ends and is started again
    meanwhile is left alone.
    """
    with connection.conversation() as talk:
        domain = get_ours(talk, name)
        uuid, run = domain.guest.uuid, domain.handle.ID()
    if not domain.is_active:
        return
    grace = Deadline(grace_s)
    ask_again = Deadline(0)
    while grace.left:
        with connection.conversation() as talk:
            handle = _running(talk, uuid, run)
            if handle is None:
                return
            if not ask_again.left:
                _shut_down(talk, handle, name)
                ask_again = Deadline(ASK_AGAIN_S)
        time.sleep(min(POLL_S, grace.left))
    with connection.conversation() as talk:
        handle = _running(talk, uuid, run)
        if handle is not None:
            log.warning("VM did not shut down", vm=name, grace_s=grace_s)
            destroy(talk, handle, name)


def power_on(talk: Conversation, handle: libvirt.virDomain, name: str) -> None:
    """Start a domain that does not run."""
    talk.until(Deadline(START_S)).ask(f"start VM {name}", lambda _: handle.create())


def destroy(talk: Conversation, handle: libvirt.virDomain, name: str) -> None:
    """Cut a VM's power; one that does not run is no error."""
    try:
        talk.until(Deadline(DESTROY_S)).ask(f"destroy VM {name}", lambda _: handle.destroy())
    except LibvirtError as error:
        if error.number not in (GONE, NOT_POSSIBLE):
            raise


def _running(talk: Conversation, uuid: str, run: int) -> libvirt.virDomain | None:
    """Return a domain if it still runs and was not started anew: its id is one of a run."""
    try:
        handle = talk.ask("look for a VM", lambda asked: asked.lookupByUUIDString(uuid))
    except LibvirtError as error:
        if error.number != GONE:
            raise
        return None
    return handle if handle.ID() == run else None


def _shut_down(talk: Conversation, handle: libvirt.virDomain, name: str) -> None:
    button = libvirt.VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN
    try:
        talk.ask(f"shut down VM {name}", lambda _: handle.shutdownFlags(button))
    except LibvirtError as error:
        log.info("VM cannot be asked to shut down", vm=name, error=str(error))
