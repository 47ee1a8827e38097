"""Scenarios of CloudFactory become catalogues, and catalogues scenarios."""

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from slackanalysis.commands.cli import cli
from slackanalysis.workload.catalogue import CATALOGUES, Catalogue
from slackanalysis.workload.catalogue_file import catalogue_text, find_catalogue

AZURE = """\
vm_distribution:
  config_cpu: {1: 0.51, 2: 0.25, 4: 0.17, 8: 0.07}
  config_mem: {0.75: 0.04, 1.75: 0.47, 3.5: 0.25, 7.0: 0.16, 14.0: 0.06, 56.0: 0.02}
"""
OVH = """\
vm_distribution:
  config_cpu: {1: 0.1, 2: 0.48, 4: 0.34, 8: 0.05, 16: 0.03}
  config_mem: {2.0: 0.1, 4.0: 0.21, 7.0: 0.27, 8.0: 0.14, 15.0: 0.2, 30.0: 0.05, 60.0: 0.03}
"""


def run(path: Path, output: Path) -> Result:
    return CliRunner().invoke(cli, ["import", "cloudfactory", str(path), "--output", str(output)])


def shares(catalogue: Catalogue) -> dict[tuple[int, int], float]:
    total = sum(flavour.count for flavour in catalogue.flavours)
    return {(each.vcpus, each.memory_mib): each.count / total for each in catalogue.flavours}


@pytest.mark.parametrize(("text", "name"), [(AZURE, "azure2017"), (OVH, "ovhcloud2023")])
def test_published_scenarios_give_the_built_in_catalogues(tmp_path, text, name):
    scenario, output = tmp_path / "scenario.yml", tmp_path / "mine.yaml"
    scenario.write_text(text)
    result = run(scenario, output)
    assert result.exit_code == 0, result.output
    assert shares(find_catalogue(str(output))) == pytest.approx(shares(CATALOGUES[name]))
    again = tmp_path / "again.yml"
    assert run(output, again).exit_code == 0
    before, after = (
        yaml.safe_load(path.read_text())["vm_distribution"] for path in (scenario, again)
    )
    assert after["config_cpu"] == pytest.approx(before["config_cpu"])
    assert after["config_mem"] == pytest.approx(before["config_mem"])


def test_a_catalogue_comes_back(tmp_path):
    mine, scenario, again = (tmp_path / name for name in ("mine.yaml", "s.yml", "again.yaml"))
    mine.write_text(
        "name: mine\nflavours:\n- {vcpus: 1, memory_gib: 2, count: 1}\n"
        "- {vcpus: 2, memory_gib: 2, count: 1}\n- {vcpus: 4, memory_gib: 16, count: 1}\n"
    )
    result = run(mine, scenario)
    assert "which memory goes with which vCPUs" not in result.stderr
    assert run(scenario, again).exit_code == 0
    assert shares(find_catalogue(str(again))) == shares(find_catalogue(str(mine)))


def test_pairs_that_a_scenario_cannot_keep_are_reported(tmp_path):
    mine = tmp_path / "mine.yaml"
    mine.write_text(
        "name: mine\nflavours:\n- {vcpus: 1, memory_gib: 16, count: 1}\n"
        "- {vcpus: 4, memory_gib: 2, count: 1}\n"
    )
    result = run(mine, tmp_path / "s.yml")
    assert result.exit_code == 0
    assert "2 flavours" in result.stderr
    assert "which memory goes with which vCPUs" in result.stderr


def test_shares_that_do_not_add_up_are_reported(tmp_path):
    scenario, output = tmp_path / "scenario.yml", tmp_path / "mine.yaml"
    scenario.write_text(AZURE.replace("8: 0.07", "8: 0.02"))
    result = run(scenario, output)
    assert "config_cpu adds up to 0.95: shares are divided by that" in result.stderr
    assert sum(shares(find_catalogue(str(output))).values()) == pytest.approx(1)


def test_a_written_catalogue_is_read_as_it_was(tmp_path):
    path = tmp_path / "azure.yaml"
    path.write_text(catalogue_text(CATALOGUES["azure2017"]))
    assert find_catalogue(str(path)).flavours == CATALOGUES["azure2017"].flavours


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("vm_premium: {oc-1.0: 0.5, oc-2.0: 0.5}", "for --mix: 1.0=0.5,2.0=0.5"),
        ("[1, 2]", "not a scenario of CloudFactory and no catalogue"),
        ("a: [", "not YAML"),
        ("[" * 5000, "nested too deep"),
        ("vm_distribution: {config_cpu: {1: 1}}", "vm_distribution.config_mem: Field required"),
        (AZURE.replace("0.51", "lots"), "vm_distribution.config_cpu.1: Input should be a valid n"),
        (AZURE.replace("{1:", "{0:"), "vm_distribution.config_cpu.0"),
        (AZURE.replace("0.51", "-.51"), "vm_distribution.config_cpu.1"),
        ("vm_distribution: {config_cpu: {1: 0}, config_mem: {1: 1}}", "all shares are 0"),
    ],
)
def test_errors_are_reported(tmp_path, text, message):
    path, output = tmp_path / "scenario.yml", tmp_path / "mine.yaml"
    path.write_text(text)
    result = run(path, output)
    assert result.exit_code == 2
    assert message in result.stderr
    assert not output.exists()


def test_options_of_traces_say_nothing_about_scenarios(tmp_path):
    path = tmp_path / "scenario.yml"
    path.write_text(AZURE)
    arguments = ["import", "cloudfactory", str(path), "--output", "x.yaml", "--mix", "50-50-0"]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 2
    assert "--mix has no effect for cloudfactory" in result.stderr
