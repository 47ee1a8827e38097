"""A real network between a controller and its hosts, each in a network namespace of its own."""

import os
import subprocess
from pathlib import Path

import pytest

_NUMBER = os.getpid() % 10_000


class Link:
    """A host's place in the network: a namespace, and a cable to this machine.

    Attributes:
        address: of the host.
    """

    def __init__(self, number: int) -> None:
        self._name = f"sv{_NUMBER}h{number}"
        self._near, self._far = f"{self._name}n", f"{self._name}f"
        # A network of its own for each cable, of those that are set aside for tests of networks.
        network = f"198.18.{(2 * _NUMBER + number) % 256}"
        self.address = f"{network}.2"
        _ip("netns", "add", self._name)
        _ip("link", "add", self._near, "type", "veth", "peer", self._far, "netns", self._name)
        _ip("address", "add", f"{network}.1/30", "dev", self._near)
        _ip("link", "set", self._near, "up")
        _ip("-n", self._name, "address", "add", f"{self.address}/30", "dev", self._far)
        self.mend()

    @property
    def prefix(self) -> list[str]:
        """The beginning of a command line that runs a command there."""
        return ["ip", "netns", "exec", self._name]

    def cut(self) -> None:
        """Let no packet through, either way."""
        _ip("-n", self._name, "link", "set", self._far, "down")

    def mend(self) -> None:
        """Let packets through."""
        _ip("-n", self._name, "link", "set", self._far, "up")

    def remove(self) -> None:
        subprocess.run(["ip", "netns", "del", self._name], check=False)


def links(count: int) -> list[Link]:
    """Return so many; a test is skipped where there can be none."""
    if os.geteuid() or not Path("/proc/self/ns/net").exists():
        pytest.skip("needs root, to make network namespaces")
    try:
        return [Link(number) for number in range(count)]
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no network namespaces can be made here: {error}")


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)
