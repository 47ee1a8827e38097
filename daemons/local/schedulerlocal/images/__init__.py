"""Disk images and overlays, for any backend whose guests have disks."""
