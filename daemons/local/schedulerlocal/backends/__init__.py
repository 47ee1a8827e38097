"""Hypervisors that the agent can run VMs on."""
