"""Packages of other authors, installed beside SlackVM."""

from pathlib import Path


def install(folder: Path, name: str, group: str, entry: str, code: str) -> None:
    """Put a module and its entry point where Python, given this folder, finds packages."""
    (folder / f"{name}.py").write_text(code)
    described = folder / f"{name}-1.0.dist-info"
    described.mkdir()
    (described / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (described / "entry_points.txt").write_text(f"[{group}]\n{entry}\n")
