"""What all tests share."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def reference_data() -> Path:
    """The folder of reference data: recordings of the prototype and published tables."""
    folder = os.environ.get("SLACKVM_REFERENCE_DATA")
    if not folder:
        pytest.skip("SLACKVM_REFERENCE_DATA is not set: it names the folder of reference data")
    return Path(folder)
