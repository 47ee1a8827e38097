"""What the role slackvm_package reports as changed between two snapshots of an upgrade."""

import json
import os
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PLAYBOOK = ROOT / ".venv-deploy/bin/ansible-playbook"

pytestmark = pytest.mark.skipif(not PLAYBOOK.exists(), reason="Ansible is missing: make deploy")


def test_changes_are_named_by_fact(tmp_path):
    web = {"state": "running", "cpu_list": [0, 1], "labels": {}}
    before = {
        "VM": {"web": web, "db": web, "same": web},
        "vNode": {"2.0": {"owned": 1}},
        "guest": {},
    }
    after = {
        "VM": {"web": {**web, "cpu_list": [2], "labels": {"a": "b"}}, "same": web, "late": web},
        "vNode": {"2.0": {"owned": 2}},
        "guest": {},
    }
    assert _changes(tmp_path, before, after) == [
        "VM db is gone",
        "VM web: cpu_list was [0, 1], is [2]",
        'VM web: labels was {}, is {"a": "b"}',
        "VM late is new",
        "vNode 2.0: owned was 1, is 2",
    ]


def test_equal_snapshots_have_no_changes(tmp_path):
    snapshot = {"VM": {"web": {"state": "running", "created": 1.5}}, "vNode": {}, "guest": {}}
    assert _changes(tmp_path, snapshot, snapshot) == []


def _changes(folder, before, after):
    result = folder / "changes.json"
    play = {
        "hosts": "localhost",
        "gather_facts": False,
        "vars_files": [str(ROOT / "roles/slackvm_package/vars/main.yml")],
        "vars": {"slackvm_package_before": before, "slackvm_package_after": after},
        "tasks": [
            {
                "ansible.builtin.copy": {
                    "content": "{{ slackvm_package_changes | to_json }}",
                    "dest": str(result),
                    "mode": "0600",
                }
            }
        ],
    }
    (folder / "changes.yml").write_text(yaml.safe_dump([play]))
    environment = os.environ | {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_LOCALHOST_WARNING": "false"}
    command = [PLAYBOOK, "--inventory", "localhost,", "--connection", "local"]
    done = subprocess.run(
        [*command, folder / "changes.yml"], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(result.read_text())
