"""What sharing costs: CPU time that VMs demand and do not get."""
