"""Where settings come from: the command line, then the environment, then a file."""

from pathlib import Path

import pytest

from slackvm.settings import LocalSettings, SettingsError, load_settings


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of settings, which nothing in the environment overrides."""
    for name in LocalSettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    file = tmp_path / "settings"
    file.write_text("SCL_PORT=8001\nscl_delay = 2\nexport SCL_NAME='one'\nOTHER=of another\n")
    return file


def test_a_file_has_them_in_any_case_and_quoted(file: Path) -> None:
    settings = load_settings(LocalSettings, file)
    assert (settings.scl_port, settings.scl_delay, settings.scl_name) == (8001, 2.0, "one")


def test_the_environment_wins_over_the_file_and_the_command_line_over_both(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCL_PORT", "8002")
    monkeypatch.setenv("SCL_NAME", "two")
    settings = load_settings(LocalSettings, file, scl_name="three", scl_delay=None)
    assert (settings.scl_port, settings.scl_delay, settings.scl_name) == (8002, 2.0, "three")


def test_an_empty_value_counts_as_not_set(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCL_PORT", "")
    file.write_text(file.read_text() + "SCL_HYPERVISOR=\n")
    settings = load_settings(LocalSettings, file)
    assert (settings.scl_port, settings.scl_hypervisor) == (8001, "libvirt")


def test_values_may_name_others(file: Path) -> None:
    file.write_text("SCL_NAME=one\nSCL_STATE_DIR=/srv/${SCL_NAME}\n")
    assert load_settings(LocalSettings, file).scl_state_dir == Path("/srv/one")


def test_a_value_from_the_file_is_checked(file: Path) -> None:
    file.write_text("SCL_PORT=many\n")
    with pytest.raises(SettingsError, match="SCL_PORT: 'many' is not allowed"):
        load_settings(LocalSettings, file)
