"""Replaying recorded hosts: the decisions of the live daemon, without libvirt or a clock."""
