"""VMs on libvirt. This package needs libvirt-python and lxml; nothing else in SlackVM does."""

from schedulerlocal.live.libvirt_backend.backend import LibvirtHypervisor

__all__ = ["LibvirtHypervisor"]
