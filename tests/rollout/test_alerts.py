"""Alerts of the role slackvm_monitoring, tested with promtool and against the daemons' metrics."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import jinja2
import pytest
import yaml

from clusters.processes import cluster
from waiting import wait_until

ROLE = Path(__file__).parents[2] / "roles/slackvm_monitoring"
LABELS = 'host="host-1"'
# An alert, the series that make it fire (VALUE+STEPxTIMES, a value each minute), when it must, and
# the labels that it then has.
CASES = [
    (
        "SlackVMHostUnknown",
        {'up{job="slackvm-local",host="host-1"}': "1x5 0x10"},
        "8m",
        {"job": "slackvm-local", "host": "host-1", "severity": "critical"},
    ),
    (
        "SlackVMHostNotReady",
        {f"slackvm_host_ready{{{LABELS}}}": "1x5 0x10"},
        "8m",
        {"host": "host-1", "severity": "critical"},
    ),
    (
        "SlackVMControllerDown",
        {'up{job="slackvm-global",host="controller"}': "1x5 0x10"},
        "8m",
        {"job": "slackvm-global", "host": "controller", "severity": "critical"},
    ),
    (
        "SlackVMLostVMs",
        {'slackvm_cluster_vms_lost{host="controller"}': "0x5 2x10"},
        "6m",
        {"host": "controller", "severity": "critical"},
    ),
    (
        "SlackVMDuplicatedVMs",
        {'slackvm_cluster_vms_duplicated{host="controller"}': "0x5 1x10"},
        "6m",
        {"host": "controller", "severity": "critical"},
    ),
    (
        "SlackVMHostsNotReached",
        {'slackvm_cluster_hosts{host="controller",state="unknown"}': "1x2 0x3 1x15"},
        "13m",
        {"host": "controller", "state": "unknown", "severity": "warning"},
    ),
    (
        "SlackVMStoreBehind",
        {'slackvm_store_behind{host="controller"}': "1x1 0x3 1x15"},
        "10m",
        {"host": "controller", "severity": "critical"},
    ),
    (
        "SlackVMHostSuspect",
        {'slackvm_cluster_hosts_suspect{host="controller"}': "0x5 1x20"},
        "13m",
        {"host": "controller", "severity": "warning"},
    ),
    (
        "SlackVMHostOvercommitted",
        {f"slackvm_host_overcommitted{{{LABELS}}}": "0x5 1x20"},
        "13m",
        {"host": "host-1", "severity": "warning"},
    ),
    (
        "SlackVMForeignUnpinned",
        {f"slackvm_foreign_unpinned{{{LABELS}}}": "0x5 2x20"},
        "13m",
        {"host": "host-1", "severity": "warning"},
    ),
    (
        "SlackVMContention",
        {
            f'slackvm_vm_cpu_wait_ratio{{{LABELS},level="3.0",vm="a"}}': "0.1x5 0.5x20",
            f'slackvm_vm_cpu_wait_ratio{{{LABELS},level="3.0",vm="b"}}': "0.1x5 0.3x20",
        },
        "18m",
        {"host": "host-1", "level": "3.0", "severity": "warning"},
    ),
    (
        "SlackVMPinsRestored",
        {f"slackvm_pins_restored_total{{{LABELS}}}": "0x5 2x20"},
        "8m",
        {"host": "host-1", "severity": "warning"},
    ),
    (
        "SlackVMPinsFailed",
        {f"slackvm_pins_failed_total{{{LABELS}}}": "0x5 2x20"},
        "8m",
        {"host": "host-1", "severity": "critical"},
    ),
    (
        "SlackVMCapacityLow",
        {
            "slackvm_host_cpus": "32x25",
            "slackvm_host_cpus_free": "16x5 2x20",
            "slackvm_host_memory_bytes": "100x25",
            "slackvm_host_memory_free_bytes": "50x25",
        },
        "18m",
        {"severity": "warning"},
    ),
    (
        "SlackVMCapacityLow",
        {
            "slackvm_host_cpus": "32x25",
            "slackvm_host_cpus_free": "16x25",
            "slackvm_host_memory_bytes": "100x25",
            "slackvm_host_memory_free_bytes": "50x5 5x20",
        },
        "18m",
        {"severity": "warning"},
    ),
]

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None,
    reason="the Debian package is missing: apt-get install prometheus",
)


@pytest.fixture
def rules(tmp_path):
    """The file of rules, as the role writes it with its defaults."""
    defaults = yaml.safe_load((ROLE / "defaults/main.yml").read_text())
    template = jinja2.Template((ROLE / "templates/alerts.yml.j2").read_text())
    path = tmp_path / "alerts.yml"
    path.write_text(template.render(defaults))
    return path


def _promtool(*arguments, cwd):
    done = subprocess.run(["promtool", *arguments], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_promtool_accepts_the_rules(rules):
    _promtool("check", "rules", rules.name, cwd=rules.parent)


@needs_promtool
@pytest.mark.parametrize(("alert", "series", "fires_at", "labels"), CASES)
def test_an_alert_fires_when_it_must_and_not_before(rules, alert, series, fires_at, labels):
    firing = f'ALERTS{{alertname="{alert}",alertstate="firing"}}'
    alert_labels = {**labels, "alertname": alert, "alertstate": "firing"}
    sample = "ALERTS{" + ",".join(f'{name}="{value}"' for name, value in alert_labels.items()) + "}"
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": given} for name, given in series.items()],
        "promql_expr_test": [
            {"expr": firing, "eval_time": "4m", "exp_samples": []},
            {
                "expr": firing,
                "eval_time": fires_at,
                "exp_samples": [{"labels": sample, "value": 1}],
            },
        ],
    }
    (rules.parent / "test.yml").write_text(
        yaml.safe_dump({"rule_files": [rules.name], "evaluation_interval": "1m", "tests": [test]})
    )
    _promtool("test", "rules", "test.yml", cwd=rules.parent)


def test_every_alert_has_a_case_in_which_it_fires(rules):
    named = [rule["alert"] for rule in yaml.safe_load(rules.read_text())["groups"][0]["rules"]]
    assert {case[0] for case in CASES} == set(named)


def test_every_metric_of_rules_and_dashboard_is_exported(rules, tmp_path):
    dashboard = json.loads((ROLE / "files/slackvm-dashboard.json").read_text())
    asked = rules.read_text() + json.dumps(
        [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    )
    named = set(re.findall(r"\bslackvm_\w+", asked))
    with cluster(tmp_path, ["i7-1185g7"]) as (controller, [daemon]):
        assert daemon.deploy("a", 2, 2.0).status_code == 201

        def exported():
            text = "".join(each.call("GET", "/metrics").text for each in (controller, daemon))
            return set(re.findall(r"^(slackvm_\w+)", text, re.M))

        wait_until(lambda: "slackvm_vm_cpu_wait_ratio" in exported())
        assert len(named) > 8
        assert named - exported() == set()
