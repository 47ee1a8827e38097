"""Authentication between clients, the controller and hosts: tokens and TLS."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from certificates import Authority
from clusters.processes import Controller, end, make_controller, make_host
from live.daemons import Daemon
from waiting import wait_until

FULL, READ = "full-token-0123456789", "read-token-0123456789"
HOST = "host-token-0123456789"


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("pki") / "ours")


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("pki") / "foreign")


def files(authority: Authority, prefix: str, *, strict: bool) -> dict[str, str]:
    """Return the settings of a daemon that serves HTTPS."""
    certificate, key = authority.issue("127.0.0.1")
    settings = {f"{prefix}_TLS_CERT": str(certificate), f"{prefix}_TLS_KEY": str(key)}
    return settings | ({f"{prefix}_TLS_CA": str(authority.certificate)} if strict else {})


@pytest.fixture(scope="module")
def controller(
    ours: Authority, foreign: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Controller]:
    """It and its clients have tokens, and all speak TLS and demand certificates of our CA.

    Of its hosts one is as it should be, one knows another token, one is of a foreign CA, one
    demands certificates of a foreign CA.
    """
    folder = tmp_path_factory.mktemp("cluster")
    strict = files(ours, "SCL", strict=True)
    other_ca = {**strict, "SCL_TLS_CA": str(foreign.certificate)}
    with ExitStack() as stack:
        hosts = [
            make_host(folder, "good", SCL_TOKEN=HOST, **strict),
            make_host(folder, "other-token", SCL_TOKEN="x" * 16, **strict),
            make_host(folder, "foreign", SCL_TOKEN=HOST, **files(foreign, "SCL", strict=False)),
            make_host(folder, "other-ca", SCL_TOKEN=HOST, **other_ca),
        ]
        for host in hosts:
            stack.callback(end, host)
            host.start()
        settings = files(ours, "SCG", strict=True) | {"SCL_TLS_CA": str(ours.certificate)}
        settings |= {"SCG_TOKEN": FULL, "SCG_READ_TOKEN": READ, "SCL_TOKEN": HOST}
        controller = make_controller(folder, [host.url for host in hosts], **settings)
        stack.callback(end, controller)
        controller.start()
        controller.session.verify = str(ours.certificate)
        certificate, key = ours.issue("client")
        controller.session.cert = (str(certificate), str(key))
        controller.session.headers["Authorization"] = f"Bearer {FULL}"
        wait_until(lambda: controller.call("GET", "/readyz").status_code == 200)
        yield controller
        log = controller.log.read_text()
        assert not [token for token in (FULL, READ, HOST) if token in log]


def test_a_host_that_lets_it_in_gets_vms(controller: Controller) -> None:
    assert controller.url.startswith("https://")
    wait_until(lambda: controller.hosts()["good"]["state"] == "ready")
    answer = controller.deploy("web", 1, 1.0)
    assert (answer.status_code, answer.json()["host"]) == (201, "good")
    assert controller.remove("web").status_code == 200


def test_hosts_without_a_trusted_certificate_are_shown_with_the_reason(
    controller: Controller,
) -> None:
    reasons = [host["reason"] for host in controller.hosts().values() if host["reason"]]
    assert len(reasons) == 3
    assert sum("answered 401" in reason for reason in reasons) == 1
    assert sum("certificate is not trusted" in reason for reason in reasons) == 1


def test_tokens_let_in_and_read_only_ones_change_nothing(controller: Controller) -> None:
    vm = {"name": "a", "vcpus": 1, "memory_gib": 1, "level": 1, "image": "/i.qcow2"}
    for token, reading, changing in (
        ("", 401, 401),
        ("wrong-token-0123456789", 401, 401),
        (READ, 200, 403),
        (FULL, 200, 201),
    ):
        headers = {"Authorization": f"Bearer {token}"}
        for path in ("/v1/hosts", "/v1/vms", "/status", "/metrics", "/openapi.json"):
            assert controller.call("GET", path, headers=headers).status_code == reading
        for question in ("/v1/plan", "/v1/capacity"):
            body = vm if question == "/v1/plan" else {"mix": [{**vm, "share": 1}]}
            answer = controller.call("POST", question, json=body, headers=headers)
            assert answer.status_code in (reading, 400)
        created = controller.call("POST", "/v1/vms", json=vm, headers=headers)
        assert created.status_code == changing
        for method, path in (
            ("POST", "/v1/hosts/good/cordon"),
            ("POST", "/v1/hosts/good/uncordon"),
            ("GET", "/deploy?name=b&cpu=1&mem=1&oc=1&qcow2=/i.qcow2"),
            ("GET", "/remove?name=b"),
            ("DELETE", "/v1/vms/a"),
        ):
            expected = 200 if changing == 201 else changing
            assert controller.call(method, path, headers=headers).status_code == expected
    for path in ("/healthz", "/readyz", "/", "/page/index.html"):
        answer = controller.call("GET", path, headers={"Authorization": ""})
        assert answer.status_code in (200, 404)


def test_who_has_no_certificate_of_our_ca_is_not_served(
    controller: Controller, ours: Authority, foreign: Authority
) -> None:
    for authority in (None, foreign):
        cert = tuple(map(str, authority.issue("client"))) if authority else None
        with pytest.raises(requests.ConnectionError):
            requests.get(
                f"{controller.url}/healthz", verify=str(ours.certificate), cert=cert, timeout=30
            )


def test_hosts_that_now_speak_tls_stay_the_hosts_that_they_were(
    ours: Authority, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        host = make_host(tmp_path, "one")
        stack.callback(end, host)
        host.start()
        controller = make_controller(tmp_path, [host.url])
        stack.callback(end, controller)
        controller.start()
        controller.wait_ready(1)
        assert controller.deploy("web", 1, 1.0).status_code == 201
        controller.end()
        host.end()

        port = host.url.rpartition(":")[2]
        settings = files(ours, "SCL", strict=False) | {"SCL_NAME": "one", "SCL_PORT": port}
        secured = Daemon(host.folder, "--topology=i7-1185g7", **settings)
        stack.callback(end, secured)
        secured.start()
        assert secured.url == host.url.replace("http:", "https:")
        again = Controller(controller.folder, [secured.url], SCL_TLS_CA=str(ours.certificate))
        stack.callback(end, again)
        again.start()
        again.wait_ready(1)
        assert [host["url"] for host in again.hosts().values()] == [secured.url]
        assert again.vms()["web"]["host"] == "one"
        assert again.remove("web").status_code == 200


def test_another_sites_page_cannot_change_anything(controller: Controller) -> None:
    deploy = "/deploy?name=a&cpu=1&mem=1&oc=1&qcow2=/i.qcow2"
    for header in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://elsewhere.example"}):
        assert controller.call("GET", deploy, headers=header).status_code == 403
    assert controller.vms() == {}


WRONG = {
    "SCG_PORT": ("70000", "less than or equal to 65535"),
    "SCG_DELAY": ("0", "greater than 0"),
    "SCG_TIMEOUT": ("no", "a valid number"),
    "SCG_POLICY": ("best", "known: progress, progress-packed, first-fit"),
    "SCG_STORE": ("etcd://x", "sqlite:///PATH"),
    "SCG_TOKEN": ("short", "16 or more"),
    "SCG_URL": ("http://x", "without http://"),
}


@pytest.mark.parametrize(
    ("settings", "reported"),
    [
        (
            {name: value for name, (value, _) in WRONG.items()},
            [f"{name}.*{allowed}" for name, (_, allowed) in WRONG.items()],
        ),
        ({"SCG_URL": "::"}, ["Set SCG_TOKEN, or listen on 127.0.0.1"]),
        ({"SCG_STORE": "sqlite:////proc/none/store"}, ["SCG_STORE: /proc/none/store"]),
        ({"SCG_NODE_URL_LIST": "a, http://b/c"}, ["SCG_NODE_URL_LIST.*and no path"]),
        ({"SCG_TLS_CERT": "/none"}, ["SCG_TLS_CERT and SCG_TLS_KEY go together"]),
        ({"SCL_TLS_CA": "/none"}, ["SCL_TLS_CA: there is no file /none"]),
    ],
    ids=["many", "network", "store", "list", "certificate", "CA"],
)
def test_a_wrong_setting_stops_it_with_its_name(
    settings: dict[str, str], reported: list[str], tmp_path: Path
) -> None:
    controller = make_controller(tmp_path, [], **settings)
    with pytest.raises(AssertionError):
        controller.start()
    assert controller.process
    assert controller.process.wait(30) == 2
    for expected in reported:
        assert re.search(expected, controller.log_text)
