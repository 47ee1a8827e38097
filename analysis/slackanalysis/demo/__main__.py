"""`python -m slackanalysis.demo`: the main job of SlackVM on one machine, from nothing."""

import shutil
import signal
from pathlib import Path

import click
from rich.console import Console

SEED = 1


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--output",
    metavar="FOLDER",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("demo"),
    show_default=True,
    help="Folder for everything that the demo makes; what an earlier demo left there is removed.",
)
@click.option(
    "--hypervisor",
    type=click.Choice(["memory", "libvirt"]),
    default="memory",
    show_default=True,
    help="memory: no guests, any machine. libvirt: real QEMU guests (Debian, root).",
)
@click.option(
    "--seed",
    metavar="N",
    type=click.IntRange(min=0),
    default=SEED,
    show_default=True,
    help="Seed of the generated workload.",
)
@click.option("--keep", is_flag=True, help="Leave the cluster running until Ctrl-C.")
def demo(output: Path, hypervisor: str, seed: int, keep: bool) -> None:
    """Run a cluster of three hosts and a controller, deploy a mixed workload, check and draw it."""
    # Either ends what was started, also where a shell has its background jobs ignore Ctrl-C.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    console = Console(highlight=False, soft_wrap=True)
    _begin(output)
    if hypervisor == "memory":
        from slackanalysis.demo import simulated

        simulated.demo(console, output, seed, keep)
    else:
        from slackanalysis.demo import guests

        guests.demo(console, output, keep)


def _begin(output: Path) -> None:
    """Make the folder, or remove what an earlier demo has left in it.

    Raises:
        click.UsageError: the folder holds something else, or cannot be made.
    """
    mark = output / ".slackvm-demo"
    try:
        if output.exists() and any(output.iterdir()):
            if not mark.exists():
                raise click.UsageError(f"--output {output}: holds files that no demo has made")
            shutil.rmtree(output)
        output.mkdir(parents=True, exist_ok=True)
        mark.touch()
    except OSError as error:
        raise click.UsageError(f"--output {output}: {error.strerror or error}") from error


if __name__ == "__main__":
    demo(prog_name="python -m slackanalysis.demo")
