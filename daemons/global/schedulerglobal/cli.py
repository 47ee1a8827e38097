"""The command line of the global scheduler."""

from pathlib import Path

import click

from slackvm import __version__
from slackvm.cli.failures import reported

EXAMPLES = """
\b
Examples:
  slackvm-global --list=192.0.2.7,192.0.2.8:8099,https://host3.example
  slackvm-global --env-file=/etc/slackvm/global.env
"""


@click.command(epilog=EXAMPLES)
@click.option("--list", "urls", metavar="URL,URL", help="The hosts' daemons. [SCG_NODE_URL_LIST]")
@click.option(
    "--env-file", type=click.Path(path_type=Path), help="File of settings. [default: ./.env]"
)
@click.version_option(__version__, prog_name="slackvm-global")
def cli(urls: str | None, env_file: Path | None) -> None:
    """The global scheduler of SlackVM: chooses the host of each VM."""
    # Imported only here: --help needs no server.
    from schedulerglobal.controller import Controller
    from schedulerglobal.limits import LIMITS
    from slackvm.daemon.serve import Access, serve
    from slackvm.settings import GlobalSettings, load_settings

    with reported():
        settings = load_settings(GlobalSettings, env_file, scg_node_url_list=urls)
        serve(
            Access.of(settings),
            lambda tokens: Controller(settings, tokens),
            LIMITS.http,
            env_file,
        )
