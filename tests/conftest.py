"""What all tests share."""

import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Machines differ in speed and some are shared: no test depends on how long an example takes.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")

# A shell has its background jobs ignore Ctrl-C, and their children with them: here all hear it.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say which tests keep to one process where several share the work.

    Tests of a module share its fixtures, and all real hosts share this machine's CPUs.
    """
    real = {item.path for item in items if "_hosts_work" in getattr(item, "fixturenames", ())}
    for item in items:
        group = "real hosts" if item.path in real else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(scope="session")
def reference_data() -> Path:
    """The folder of reference data: recordings of the prototype and published tables."""
    folder = os.environ.get("SLACKVM_REFERENCE_DATA")
    if not folder:
        pytest.skip("SLACKVM_REFERENCE_DATA is not set: it names the folder of reference data")
    return Path(folder)
