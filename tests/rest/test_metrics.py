"""Metrics of the interface."""

import re

import requests

from rest.toy import FULL, Toy, serving


def test_requests_are_counted_by_template_method_and_status() -> None:
    with serving(Toy()) as server:
        for path in ("/v1/vms/vm1", "/v1/vms/vm2", "/healthz", "/healthz"):
            requests.get(server.url + path, headers=FULL, timeout=5)
        answer = requests.get(f"{server.url}/metrics", headers=FULL, timeout=5)
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    count = 'slackvm_http_requests_total{{method="GET",route="{}",status="{}"}} 2.0\n'
    assert count.format("/v1/vms/{name}", 404) in answer.text
    assert count.format("/healthz", 200) in answer.text
    assert 'slackvm_http_request_seconds_count{method="GET",route="/healthz"} 2.0' in answer.text


def test_clients_add_no_values_to_labels() -> None:
    """However many paths and methods they try."""
    with serving(Toy()) as server:
        for number in range(20):
            requests.request(f"BREW{number}", f"{server.url}/pot{number}", timeout=5)
        text = requests.get(f"{server.url}/metrics", headers=FULL, timeout=5).text
    assert re.findall(r"slackvm_http_requests_total{.*", text) == [
        'slackvm_http_requests_total{method="other",route="none",status="404"} 20.0'
    ]
