"""The host of a VM, why, and how many more fit."""
