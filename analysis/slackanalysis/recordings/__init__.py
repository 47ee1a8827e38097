"""What recordings say about hosts, vNodes and VMs."""
