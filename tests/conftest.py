"""What all tests share."""

import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

# Machines differ in speed and some are shared: no test depends on how long an example takes.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")

# A shell makes its background jobs and their children ignore Ctrl-C; here they receive it.
signal.signal(signal.SIGINT, signal.default_int_handler)


class OneProcessForRealHosts(LoadScopeScheduling):
    """Keeps the tests of a module in one process, for they share its fixtures.

    Those of all modules with real hosts, too: these share this machine's CPUs, and the names of
    their guests distinguish them.
    """

    def _split_scope(self, nodeid: str) -> str:
        module = nodeid.partition("::")[0]
        text = (self.config.rootpath / module).read_text()
        return "real hosts" if _REAL_HOSTS in text else module


_REAL_HOSTS = 'pytest_plugins = ["libvirt_hosts.fixtures"]'


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Share tests among processes."""
    return OneProcessForRealHosts(config, log)


@pytest.fixture(scope="session")
def reference_data() -> Path:
    """The folder of reference data: recordings of the prototype and published tables."""
    folder = os.environ.get("SLACKVM_REFERENCE_DATA")
    if not folder:
        pytest.skip("SLACKVM_REFERENCE_DATA is not set: it names the folder of reference data")
    return Path(folder)
