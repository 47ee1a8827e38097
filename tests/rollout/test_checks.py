"""`playbooks/checks.yml` refuses invalid settings before any change; run on this machine alone."""

import os
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PLAYBOOK = ROOT / ".venv-deploy/bin/ansible-playbook"
HERE = {"ansible_connection": "local", "ansible_become": False}
TOKENS = ["0123456789abcdef", "fedcba9876543210"]

pytestmark = pytest.mark.skipif(not PLAYBOOK.exists(), reason="Ansible is missing: make deploy")


@pytest.fixture
def check(tmp_path):
    """Run the playbook on a controller and two hosts; return its exit code and output."""

    def run(controller, host, other=None, **everywhere):
        inventory = {
            "all": {
                "children": {
                    "slackvm_controller": {"hosts": {"controller": controller}},
                    "slackvm_hosts": {"hosts": {"host-1": other or {}, "host-2": host}},
                },
                "vars": {
                    **HERE,
                    "hypervisor_require_kvm": False,
                    "slackvm_env_secrets_dir": str(tmp_path / "secrets"),
                    **everywhere,
                },
            }
        }
        (tmp_path / "inventory.yml").write_text(yaml.safe_dump(inventory))
        command = [PLAYBOOK, "--inventory", tmp_path / "inventory.yml", "playbooks/checks.yml"]
        environment = os.environ | {"ANSIBLE_NOCOLOR": "1"}
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment)
        return done.returncode, done.stdout + done.stderr

    return run


@pytest.mark.parametrize(
    ("name", "controller", "host", "other", "differing"),
    [
        ("slackvm_env_scl_token", TOKENS[0], TOKENS[1], TOKENS[1], "host-1, host-2"),
        ("slackvm_env_scg_port", 8200, None, 8200, "host-2"),
        ("slackvm_env_tls_client_certificates", None, True, None, "host-2"),
    ],
)
def test_settings_that_controller_and_hosts_share_must_not_differ(
    check, name, controller, host, other, differing
):
    settings = [{} if value is None else {name: value} for value in (controller, host, other)]
    code, output = check(*settings)
    assert code != 0
    assert f"{name}: it must be the same on controller and {differing};" in output
    assert TOKENS[0] not in output
    assert TOKENS[1] not in output


def test_equal_settings_are_accepted(check):
    code, output = check(
        {}, {"slackvm_env_scl_port": 8300}, slackvm_env_scl_token=TOKENS[0], slackvm_env_tls="none"
    )
    assert code == 0, output
    assert "changed=0" in output


@pytest.mark.parametrize("labels", [{"zone": "a,b"}, {"a zone": "a"}, {"zone": True}, "zone"])
def test_invalid_labels_of_a_host_are_refused(check, labels):
    code, output = check({}, {"slackvm_local_labels": labels})
    assert code != 0
    assert "slackvm_local_labels" in output
