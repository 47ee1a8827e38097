"""The error of topologies, and the limits that every source of a topology observes."""

MAX_CPUS = 8192
"""CPUs of one host, and CPU numbers below it: the most that a Linux kernel is built for."""

MAX_NUMBER = 2**32 - 1
"""Largest MiB, kHz, cache id or distance taken for real: they all fit Linux's unsigned int."""


class TopologyError(ValueError):
    """No topology can be made of what was given.

    The message says where, what was found and what is needed.
    """
