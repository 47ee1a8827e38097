"""Subcommands that are imported when they run."""

import pytest
from click.testing import CliRunner

from schedulerclient.cli import cli as client
from schedulerlocal.cli import cli as local
from slackanalysis.commands.cli import cli as analysis
from slackvm.cli.commands import LazyCommand, LazyGroup

GROUPS = {"slackvm": client, "slackvm-local": local, "slackvm-analysis": analysis}

COMMANDS = [
    pytest.param(command, id=f"{name} {command.name}")
    for name, group in GROUPS.items()
    for command in group.commands.values()
    if isinstance(command, LazyCommand)
]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_listed_as_its_own_help_begins(command: LazyCommand) -> None:
    loaded = command.load()
    assert command.get_short_help_str(1000) == loaded.get_short_help_str(1000)
    assert command.name == loaded.name


@pytest.mark.parametrize("name", GROUPS)
def test_every_command_of_the_list_can_be_run(name: str) -> None:
    """Its own help is what comes, options included."""
    listed = GROUPS[name]
    assert isinstance(listed, LazyGroup)
    for command in listed.commands:
        result = CliRunner().invoke(listed, [command, "--help"], prog_name=name)
        assert result.exit_code == 0
        assert f"Usage: {name} {command} [OPTIONS]" in result.stdout


def test_an_unknown_command_is_refused_with_one_that_is_alike() -> None:
    result = CliRunner().invoke(analysis, ["siz"])
    assert result.exit_code == 2
    assert "No such command 'siz'" in result.stderr
    assert "size" in result.stderr
