"""The live host: decides, has the hypervisor do it, commits, records."""
