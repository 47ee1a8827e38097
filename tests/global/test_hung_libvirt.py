"""A host whose libvirt hangs while it makes a VM: nobody knows yet whether the VM comes to be."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import requests

from clusters.processes import Controller, end, make_controller, make_host
from live.places import NewHost, Place
from live.rigs import Rig
from waiting import wait_until

pytest_plugins = ["libvirt_hosts.fixtures"]


def test_the_vm_is_not_made_on_another_host(new_libvirt_host: NewHost, tmp_path: Path) -> None:
    place = Place(new_libvirt_host(), tmp_path)
    with (
        Rig(tmp_path / "rig") as rig,
        place.serving(rig.daemon, SCL_NAME="real") as real,
        ExitStack() as stack,
    ):
        other = make_host(tmp_path, "other")
        stack.callback(end, other)
        other.start()
        # The host answers in time
        settings = {"SCG_POLICY": "first-fit", "SCG_TIMEOUT": "12"}
        controller = make_controller(tmp_path, [real.url, other.url], **settings)
        stack.callback(end, controller)
        controller.start()
        controller.wait_ready(2)

        rig.tell("wait", "deploy: libvirt, define VM a")
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(deploy, controller, place)
            wait_until(lambda: rig.is_waiting)
            place.host.pause()
            rig.release()
            answer = asked.result()
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "outcome_unknown")
        assert controller.hosts()["real"]["pending"] == ["a"]
        assert other.get("/listvm") == []

        place.host.resume()
        wait_until(lambda: deploy(controller, place).status_code in (200, 201))
        assert [real.get("/listvm"), other.get("/listvm")] == [["a"], []]
        assert controller.vms()["a"]["host"] == "real"
        place.settled()


def deploy(controller: Controller, place: Place) -> requests.Response:
    image = str(place.disk("a"))
    return controller.deploy("a", 1, 1.0, memory_gib=place.memory_gib, image=image)
