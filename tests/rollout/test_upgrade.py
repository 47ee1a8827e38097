"""What the role slackvm_package reports as changed between two snapshots of an upgrade."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from schedulerglobal.store.migrations import VERSION

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


def test_the_next_release_of_the_scenario_can_be_made_and_migrates_its_store(tmp_path):
    for name in ("daemons", "pyproject.toml"):
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, tmp_path / name)
    script = ROOT / "molecule/upgrade/files/next_release.py"
    subprocess.run([sys.executable, script, tmp_path], check=True)
    program = (
        "from pathlib import Path; from schedulerglobal.store import migrations;"
        "from schedulerglobal.store.sqlite import SqliteStore;"
        "SqliteStore(Path('store.sqlite')).close(); print(migrations.VERSION)"
    )
    folders = [str(tmp_path / "daemons" / name) for name in ("common", "local", "global")]
    result = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(folders)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(result.stdout.splitlines()[-1]) == VERSION + 1
