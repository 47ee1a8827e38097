"""Changes of VMs on a host that cannot be reached: the host did not get the request."""

import signal
from pathlib import Path

import pytest

from clusters.processes import end, make_controller, make_host


@pytest.mark.parametrize(
    ("method", "path"), [("DELETE", "/v1/vms/web"), ("POST", "/v1/vms/web/stop")]
)
def test_nothing_has_changed_and_the_client_is_sure_of_it(
    tmp_path: Path, method: str, path: str
) -> None:
    host = make_host(tmp_path, "host0")
    controller = make_controller(tmp_path, [])
    try:
        host.start()
        controller.start()
        controller.call("POST", "/v1/hosts", json={"url": host.url})
        controller.wait_ready(1)
        assert controller.deploy("web", 1, 1.0).status_code == 201
        host.end(signal.SIGKILL)
        answer = controller.call(method, path)
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (503, "host_unreachable")
        assert "host host0: no connection: " in error["message"]
        assert "nothing has changed" in error["message"]
        assert int(answer.headers["Retry-After"]) > 0
        assert list(controller.vms()) == ["web"]
    finally:
        for daemon in (controller, host):
            end(daemon)
