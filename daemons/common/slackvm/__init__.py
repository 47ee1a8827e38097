"""SlackVM: VMs of several CPU oversubscription levels on the same servers; what all parts share."""

__version__ = "0.2.0"
