"""Simulated VMs in memory."""
