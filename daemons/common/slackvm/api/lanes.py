"""Lanes: which requests share threads, so that slow ones do not keep others waiting."""

from enum import StrEnum


class Lane(StrEnum):
    """A kind of request that has its own threads and its own queue."""

    PROBE = "probe"
    """Health and metrics: what tells an operator that something is wrong."""
    READ = "read"
    """Reads that are answered from memory."""
    SLOW = "slow"
    """Reads that may take long by design: they compute for seconds, or wait for something."""
    CHANGE = "change"
    """Whatever changes something, and may wait for a host or a hypervisor."""
