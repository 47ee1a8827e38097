"""Changes to VMs that clients ask for."""
