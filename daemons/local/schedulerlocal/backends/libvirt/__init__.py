"""VMs on libvirt. This package needs libvirt-python and lxml; nothing else in SlackVM does."""

from schedulerlocal.backends.libvirt.backend import LibvirtHypervisor

__all__ = ["LibvirtHypervisor"]
