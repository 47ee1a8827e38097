"""A cluster of many hosts and VMs: listed completely, and searched."""

from pathlib import Path

from clusters.simulated import controlled, simulated

HOSTS, VMS = 100, 34


def test_thousands_of_vms_on_a_hundred_hosts(tmp_path: Path) -> None:
    with simulated(HOSTS, VMS) as urls, controlled(tmp_path, urls, SCG_DELAY="15") as controller:
        hosts = controller.hosts()
        assert len(hosts) == HOSTS
        names: list[str] = []
        after: str | None = ""
        while after is not None:
            page = controller.get(f"/v1/vms?limit=1500&after={after}")
            names += [vm["name"] for vm in page["vms"]]
            after = page["after"]
        assert len(names) == page["total"] == sum(len(host["vms"]) for host in hosts.values())
        assert len(names) == HOSTS * VMS
        assert names == sorted(set(names))
        assert controller.get("/v1/vms/sim0042-vm07")["host"] == "sim0042"
        found = controller.get("/v1/vms?search=042-vm0&limit=100")
        assert found["total"] == 10
        assert controller.get("/v1/vms?host=sim0020")["total"] == len(hosts["sim0020"]["vms"])
        assert controller.deploy("web", 2, 2.0).status_code == 201
        since = controller.get("/v1/hosts")["revision"]
        changed = controller.get(f"/v1/hosts?since={since}")
        assert (len(changed["hosts"]), len(changed["ages"])) == (0, HOSTS)
        mix = [{"vcpus": 4, "memory_gib": 64, "level": 1}]
        message = controller.call("POST", "/v1/capacity", json={"mix": mix}).json()
        assert len(message["hosts"]) == HOSTS
        assert message["vms"] > HOSTS
