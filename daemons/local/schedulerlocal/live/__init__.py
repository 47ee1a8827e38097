"""The live daemon of one host: decisions carried out on a hypervisor, and what survives a crash."""
