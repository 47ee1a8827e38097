"""A toy daemon that the tests of a module share."""

from collections.abc import Iterator

import pytest

from rest.toy import Toy, serving
from slackvm.http.server import RestServer


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[Toy, RestServer]]:
    toy = Toy()
    with serving(toy) as server:
        yield toy, server


@pytest.fixture
def toy(shared: tuple[Toy, RestServer]) -> Toy:
    """The toy, without VMs."""
    shared[0].vms.clear()
    return shared[0]


@pytest.fixture
def server(shared: tuple[Toy, RestServer], toy: Toy) -> RestServer:
    """Serves the toy, to whoever has a token."""
    assert toy is shared[0]
    return shared[1]


@pytest.fixture
def url(server: RestServer) -> str:
    return server.url
