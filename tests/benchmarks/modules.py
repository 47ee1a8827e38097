"""How many modules of SlackVM the controller executes for one deploy.

Starts a host with simulated VMs and a controller, deploys a VM, then counts the modules under
`daemons` of which a function runs between the request and the answer of a second deploy. The
controller does not poll meanwhile.

    python tests/benchmarks/modules.py [FOLDER OF ANOTHER CHECKOUT]
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from types import FrameType
from typing import Any

PARTS = ("common", "local", "global", "client")


def free_port() -> int:
    """Return a TCP port that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def traced() -> None:
    """Run the controller, and note modules from when a file `.begin` is there to when `.end` is."""
    import runpy
    import threading

    root, output = sys.argv[2], Path(sys.argv[3])
    modules: set[str] = set()
    noting = threading.Event()

    def note(frame: FrameType, event: str, _argument: Any) -> None:
        # The thread that polls hosts works beside a deploy, and is no part of it.
        if event != "call" or not noting.is_set() or threading.current_thread().name == "poller":
            return
        if frame.f_code.co_filename.startswith(root):
            modules.add(frame.f_code.co_filename.removeprefix(root))

    def watch() -> None:
        while not noting.is_set():
            time.sleep(0.02)
            if output.with_suffix(".begin").exists():
                noting.set()
        while not output.with_suffix(".end").exists():
            time.sleep(0.02)
        noting.clear()
        output.write_text("\n".join(sorted(modules)))

    threading.Thread(target=watch, daemon=True).start()
    threading.setprofile(note)
    sys.argv = ["schedulerglobal"]
    runpy.run_module("schedulerglobal", run_name="__main__")


def wait_for(url: str) -> None:
    """Wait until a daemon answers with 200."""
    for _ in range(300):
        try:
            urllib.request.urlopen(url, timeout=5).close()  # noqa: S310 - our own daemon
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit(f"{url} does not answer")


def deploy(url: str, name: str, image: str) -> None:
    """Create a VM."""
    vm = {"name": name, "vcpus": 1, "memory_gib": 1, "level": 2, "image": image}
    request = urllib.request.Request(  # noqa: S310 - our own daemon
        f"{url}/v1/vms", json.dumps(vm).encode(), {"Content-Type": "application/json"}
    )
    urllib.request.urlopen(request, timeout=30).close()  # noqa: S310 - our own daemon


def main() -> None:
    """Print the modules and their number."""
    checkout = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[2]).resolve()
    ports = free_port(), free_port()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        image, output = folder / "debian.qcow2", folder / "modules"
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", image, "1G"], check=True)
        environment = {
            **os.environ,
            "PYTHONPATH": ":".join(str(checkout / "daemons" / part) for part in PARTS),
            "SCL_HYPERVISOR": "memory",
            "SCL_PORT": str(ports[0]),
            "SCL_STATE_DIR": str(folder / "host"),
            "SCL_IMAGE_DIRS": str(folder),
            "SCG_PORT": str(ports[1]),
            "SCG_STORE": f"sqlite:///{folder}/store.sqlite",
            "SCG_NODE_URL_LIST": f"http://127.0.0.1:{ports[0]}",
            "SCG_DELAY": "86400",
        }
        (folder / "host").mkdir()
        common: dict[str, Any] = {"env": environment, "cwd": folder, "stderr": subprocess.DEVNULL}
        host = subprocess.Popen(
            [sys.executable, "-m", "schedulerlocal", "--topology=i7-1185g7"], **common
        )
        wait_for(f"http://127.0.0.1:{ports[0]}/readyz")
        controller = subprocess.Popen(
            [sys.executable, __file__, "--traced", f"{checkout}/daemons/", str(output)], **common
        )
        try:
            url = f"http://127.0.0.1:{ports[1]}"
            wait_for(f"{url}/readyz")
            deploy(url, "first", str(image))
            time.sleep(1)
            output.with_suffix(".begin").touch()
            time.sleep(0.5)
            deploy(url, "second", str(image))
            output.with_suffix(".end").touch()
            time.sleep(1)
            modules = output.read_text().splitlines()
        finally:
            for process in (controller, host):
                process.terminate()
                process.wait(30)
    print(*modules, sep="\n")
    print(f"{len(modules)} modules")


if __name__ == "__main__":
    traced() if sys.argv[1:2] == ["--traced"] else main()
