"""The demo's hosts and their controller."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from rich.console import Console

from slackanalysis.demo import steps
from slackanalysis.demo.processes import DaemonProcess, free_port


@dataclass(frozen=True)
class DemoHost:
    """A host of the demo.

    Attributes:
        name: its name.
        folder: what it writes.
        topology: file or preset.
        settings: of its daemon, beside those that all have.
    """

    name: str
    folder: Path
    topology: str
    settings: Mapping[str, str]

    @property
    def recording(self) -> Path:
        """What its VMs use."""
        return self.folder / "monitoring.csv"

    @property
    def operations(self) -> Path:
        """What was decided."""
        return self.folder / "state" / "operations.jsonl"

    def daemon(self) -> DaemonProcess:
        """Return its daemon, to be started."""
        settings = {
            "SCL_PORT": free_port(),
            "SCL_NAME": self.name,
            "SCL_STATE_DIR": str(self.folder / "state"),
            **self.settings,
        }
        arguments = [f"--topology={self.topology}", f"--output={self.recording}"]
        return DaemonProcess("schedulerlocal", self.folder, arguments, settings)


class Cluster:
    """Hosts and a controller of them.

    Args:
        folder: what the controller writes is in its subfolder `controller`.
        hosts: the hosts.

    Attributes:
        hosts: the hosts.
        url: where the controller listens, while it runs.
    """

    def __init__(self, folder: Path, hosts: Sequence[DemoHost]) -> None:
        self.hosts = list(hosts)
        self.url = ""
        self._daemons = [host.daemon() for host in self.hosts]
        self._folder = folder / "controller"
        self._settings = {
            "SCG_PORT": free_port(),
            "SCG_STORE": f"sqlite:///{self._folder / 'store.sqlite'}",
        }

    @contextmanager
    def running(self, console: Console) -> Iterator[None]:
        """Start the hosts and the controller; stop them at the end."""
        with ExitStack() as stack:
            for daemon in self._daemons:
                steps.show_commands(console, [daemon.shown])
                stack.callback(daemon.stop)
                daemon.start()
            urls = ",".join(daemon.url for daemon in self._daemons)
            controller = DaemonProcess(
                "schedulerglobal", self._folder, [f"--list={urls}"], self._settings
            )
            steps.show_commands(console, [controller.shown])
            stack.callback(controller.stop)
            controller.start()
            self.url = controller.url
            yield

    def show(self, console: Console, *size: str) -> None:
        """Show the state of the cluster, and where one VM more of a size would go, if anywhere."""
        at = f"--url={self.url}"
        steps.run(console, "schedulerclient", "status", at)
        steps.run(console, "schedulerclient", "plan", "example", *size, at, fine=(0, 1))

    def keep(self, console: Console) -> None:
        """Start all again, with the VMs that exist, until Ctrl-C."""
        steps.title(console, "The cluster goes on, with its VMs")
        with self.running(console):
            self.wait(console)

    def wait(self, console: Console) -> None:
        """Print the URL of the cluster's page, and wait for Ctrl-C."""
        console.print(f"\nThe cluster's page: [bold]{self.url}/[/bold]   Ctrl-C ends the demo")
        with suppress(KeyboardInterrupt):
            Event().wait()
