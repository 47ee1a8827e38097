"""VMOperations to VMs that clients ask for."""
