"""VMs that a host was chosen for, from reservation to end."""
