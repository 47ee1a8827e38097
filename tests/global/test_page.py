"""The controller's web page in a browser: a real controller, and hosts without guests."""

import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("playwright", reason="Playwright is missing (pip install playwright)")

from playwright.sync_api import Browser, Locator, Page, Route, expect

from browsers.axe import barriers
from browsers.chromium import CHROMIUM, Visit, chromium, visiting
from clusters.processes import LAPTOP, Controller, cluster
from slackvm.topologies import format_cpu_list

if not CHROMIUM.exists():
    pytest.skip(f"{CHROMIUM} is missing (Debian package chromium)", allow_module_level=True)

TOKEN, READ_TOKEN = "full-token-0123456789", "read-token-0123456789"
HOSTILE = "<img src=x onerror=\"document.title='taken over'\">"
NARROW = {"width": 360, "height": 740}
FIELDS = {
    "name": "Name",
    "vcpus": "vCPUs",
    "level": "Level",
    "image": "Image",
    "labels": "Labels",
    "require": "Required host labels",
}
VMS = (("web", 2, 2.0), ("db", 2, 1.0), ("batch", 3, 3.0))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    folder = tmp_path_factory.mktemp("cluster")
    with cluster(folder, [LAPTOP] * 3, SCG_DELAY="0.2") as (controller, _):
        yield controller


@pytest.fixture
def controller(running: Controller) -> Controller:
    for vm in running.get("/v1/vms")["vms"]:
        assert running.remove(vm["name"]).status_code == 200
    for name, vcpus, level in VMS:
        assert running.deploy(name, vcpus, level).status_code == 201
    return running


@pytest.fixture
def visit(browser: Browser, controller: Controller) -> Iterator[Visit]:
    with visiting(browser, controller.url) as visit:
        yield visit


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    folder = tmp_path_factory.mktemp("guarded")
    tokens = {"SCG_TOKEN": TOKEN, "SCG_READ_TOKEN": READ_TOKEN}
    with cluster(folder, [LAPTOP], **tokens) as (controller, _):
        controller.session.headers["Authorization"] = f"Bearer {TOKEN}"
        yield controller


def card(page: Page, host: str) -> Locator:
    return page.locator("#hosts > li").filter(has=page.get_by_role("heading", name=host))


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


def heading(page: Page) -> Locator:
    return page.locator("main h1:visible")


def fact(page: Page, name: str) -> Locator:
    return page.locator("dl > div").filter(has=page.get_by_text(name, exact=True)).locator("dd")


def fill(page: Page, **fields: str) -> None:
    for field, value in {"image": "/images/any.qcow2", **fields}.items():
        page.get_by_role("textbox", name=FIELDS[field], exact=True).fill(value)


def cells_drawn(canvas: Locator) -> int:
    """Return how many colours a grid has: an empty one has a single one."""
    return canvas.evaluate(
        """(canvas) => {
          const { width, height } = canvas;
          const pixels = canvas.getContext("2d").getImageData(0, 0, width, height).data;
          return new Set(new Uint32Array(pixels.buffer)).size;
        }"""
    )


def test_every_card_shows_cpus_memory_vms_and_state(visit: Visit, controller: Controller) -> None:
    visit.go()
    page = visit.page
    expect(page.locator("#cluster-facts")).to_have_text("3 hosts · all ready · 3 VMs · 24 CPUs")
    for host in controller.get("/v1/hosts")["hosts"]:
        shown = card(page, host["name"])
        expect(shown).to_contain_text("✓ ready")
        expect(shown).to_contain_text("simulated")
        expect(shown).to_contain_text(f"{host['cpus_free']} of 8 CPUs free")
        expect(shown).to_contain_text(re.compile(r"answered \d+ s ago"))
        used_gib = (host["memory_mib"] - host["memory_free_mib"]) / 1024
        expect(shown.locator(".memory")).to_contain_text(f"{used_gib:g} of 31 GiB")
        expect(shown.locator(".memory")).to_contain_text("ideal 3.9 GiB/CPU")
        assert shown.locator(".names a").all_text_contents() == host["vms"]
        owned = [
            f"{vnode['owned']} of level {float(level):g}:1"
            for level, vnode in sorted(host["levels"].items())
        ]
        message = ", ".join([*owned, f"{host['cpus_free']} free"])
        expect(
            shown.get_by_role("img", name=f"8 CPUs of {host['name']}: {message}")
        ).to_be_visible()
        assert cells_drawn(shown.locator("canvas.grid")) > len(owned) + 1
    totals = page.get_by_role("region", name="CPUs by level").get_by_role("row")
    assert [row.split()[:4] for row in totals.all_inner_texts()[1:]] == [
        *(["1:1", "2", "2", "1.0"], ["2:1", "2", "2", "1.0"], ["3:1", "3", "3", "1.0"]),
        ["free", "17"],
    ]


def test_a_vm_is_shown_with_its_cpus_in_the_grid_of_its_host(
    visit: Visit, controller: Controller
) -> None:
    visit.go("#/hosts")
    page = visit.page
    page.get_by_role("link", name="web", exact=True).click()
    expect(heading(page)).to_have_text("web")
    vm = controller.get("/v1/vms/web")
    expect(fact(page, "CPUs it may use")).to_have_text(format_cpu_list(vm["cpu_list"]))
    expect(fact(page, "Size")).to_have_text("2 vCPUs, 1 GiB memory")
    expect(fact(page, "Console")).to_have_text("none: this VM is simulated")
    assert cells_drawn(page.locator("#view-vm canvas")) > 3
    fact(page, "Host").get_by_role("link").click()
    expect(heading(page)).to_have_text(vm["host"])
    page.go_back()
    expect(heading(page)).to_have_text("web")
    page.go_back()
    expect(heading(page)).to_have_text("Cluster")


def test_a_vm_is_deployed_after_its_plan_and_appears_without_a_reload(
    visit: Visit, browser: Browser, controller: Controller
) -> None:
    with visiting(browser, controller.url) as other:
        other.go()
        expect(other.page.get_by_role("link", name="web", exact=True)).to_be_visible()
        visit.go("#/deploy")
        page = visit.page
        fill(page, name="cache", vcpus="2", level="1.5")
        button(page, "Show the plan").click()
        plan = page.get_by_role("region", name="Result for each host")
        expect(plan.get_by_role("row")).to_have_count(1 + 3)
        winner = plan.get_by_role("row").filter(has_text="✓ the best")
        host = winner.get_by_role("link").inner_text()
        expect(page.locator("#plan-heading")).to_have_text(f"cache would go to {host}")
        assert "cache" not in [vm["name"] for vm in controller.get("/v1/vms")["vms"]]
        button(page, "Deploy cache").click()
        expect(page.get_by_text(f"cache runs on {host}.")).to_be_visible()
        expect(heading(page)).to_have_text("cache")
        assert controller.get("/v1/vms/cache")["host"] == host
        expect(card(other.page, host).get_by_role("link", name="cache")).to_be_visible()
        assert sum(url.endswith("/page/main.js") for url in other.requested) == 1


def test_a_plan_that_no_host_takes_says_why_for_each(visit: Visit) -> None:
    visit.go("#/deploy")
    page = visit.page
    fill(page, name="huge", vcpus="99", level="1")
    button(page, "Show the plan").click()
    expect(page.get_by_text("huge cannot be placed")).to_be_visible()
    verdicts = page.get_by_role("region", name="Result for each host")
    expect(verdicts.get_by_text("99 CPUs needed, 8 in total")).to_have_count(3)
    expect(page.locator("#plan-deploy")).to_be_hidden()


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [("vcpus", "two", "Enter a number"), ("name", "-rf", "name"), ("level", "0.5", "level")],
)
def test_a_wrong_field_is_pointed_out(
    browser: Browser, controller: Controller, field: str, value: str, message: str
) -> None:
    with visiting(browser, controller.url, refused={400}) as visit:
        visit.go("#/deploy")
        page = visit.page
        fill(page, **{"name": "a", "vcpus": "1", "level": "1", field: value})
        button(page, "Show the plan").click()
        expect(page.get_by_role("alert").filter(has_text=message)).to_be_visible()
        expect(page.locator(f"#deploy input[name={field}]")).to_be_focused()
        expect(page.locator("[aria-invalid=true]")).to_have_count(1)
        expect(page.locator("#plan")).to_be_hidden()


def test_what_is_done_with_a_vm_is_confirmed_first(visit: Visit, controller: Controller) -> None:
    visit.go("#/vms/web")
    page = visit.page
    for verb, state in (("Stop", "■ stopped"), ("Start", "▶ running"), ("Restart", "▶ running")):
        button(page, verb if verb == "Start" else f"{verb}…").click()
        if verb != "Start":
            expect(page.get_by_role("dialog", name=f"{verb} web?")).to_be_visible()
            button(page, verb).click()
        expect(page.locator("#view-vm .badge")).to_have_text(state)
    button(page, "Remove…").click()
    button(page, "Cancel").click()
    assert controller.get("/v1/vms/web")["name"] == "web"
    button(page, "Remove…").click()
    button(page, "Remove").click()
    expect(page.get_by_text("web was removed.")).to_be_visible()
    expect(heading(page)).to_have_text("VMs")
    expect(page.locator("#view-vms caption")).to_have_text("2 VMs")
    assert controller.call("GET", "/v1/vms/web").status_code == 404


def test_a_host_is_cordoned_and_uncordoned(visit: Visit, controller: Controller) -> None:
    visit.go("#/hosts/host1")
    page = visit.page

    def is_cordoned() -> bool:
        hosts = controller.get("/v1/hosts")["hosts"]
        return next(host["cordoned"] for host in hosts if host["name"] == "host1")

    button(page, "Cordon…").click()
    button(page, "Cordon").click()
    expect(page.locator("#view-host .badges")).to_contain_text("cordoned")
    assert is_cordoned()
    button(page, "Uncordon").click()
    expect(page.locator("#view-host .badges")).not_to_contain_text("cordoned")
    assert not is_cordoned()


def test_vms_are_searched(visit: Visit) -> None:
    visit.go("#/vms")
    page = visit.page
    names = page.locator("#view-vms tbody td:first-child")
    expect(names).to_have_text(["batch", "db", "web"])
    page.get_by_label("Search").fill("B")
    expect(names).to_have_text(["batch", "db", "web"])
    page.get_by_label("Search").fill("DB")
    expect(names).to_have_text(["db"])
    page.get_by_label("Search").fill("")
    page.locator("#view-vms").get_by_label("Level").select_option("3:1")
    expect(names).to_have_text(["batch"])


@pytest.fixture
def labelled(controller: Controller) -> Iterator[Controller]:
    """host1 has the label rack=b, and the VM `shop` has two labels."""

    def label(value: str | None) -> None:
        changes = {"labels": {"rack": value}}
        assert controller.call("PATCH", "/v1/hosts/host1", json=changes).status_code == 200

    label("b")
    labels = {"app": "shop", "tier": "web"}
    assert controller.deploy("shop", 1, 1.0, labels=labels).status_code == 201
    yield controller
    label(None)


def test_labels_of_hosts_and_vms_are_shown_and_searched(
    labelled: Controller, browser: Browser
) -> None:
    with visiting(browser, labelled.url) as visit:
        page = visit.page
        visit.go()
        expect(card(page, "host1").locator(".label")).to_have_text(["rack=b"])
        page.get_by_label("Filter").fill("RACK=b")
        expect(page.locator("#hosts > li")).to_have_count(1)
        visit.go("#/hosts/host1")
        expect(page.locator("#view-host .label")).to_have_text(["rack=b"])
        visit.go("#/vms/shop")
        expect(fact(page, "Labels").locator(".label")).to_have_text(["app=shop", "tier=web"])
        visit.go("#/vms/web")
        expect(fact(page, "Labels")).to_have_text("none")
        visit.go("#/vms")
        names = page.locator("#view-vms tbody td:first-child")
        field = page.locator("#vms-filter").get_by_label("Label")
        field.fill("tier=web, app=shop")
        field.press("Enter")
        expect(names).to_have_text(["shop"])
        field.fill("tier=db")
        field.press("Enter")
        expect(page.locator("#view-vms").get_by_text("No VMs.")).to_be_visible()
        field.fill("")
        expect(names).to_have_count(4)
        page.get_by_label("Search").fill("App=Shop")
        expect(names).to_have_text(["shop"])


def test_a_label_filter_that_is_not_a_label_is_an_error(
    browser: Browser, controller: Controller
) -> None:
    with visiting(browser, controller.url) as visit:
        visit.go("#/vms")
        field = visit.page.locator("#vms-filter").get_by_label("Label")
        field.fill("tier")
        field.press("Enter")
        wrong = visit.page.get_by_role("alert").filter(has_text="Write labels as key=value")
        expect(wrong).to_be_visible()
        field.fill("")
        expect(wrong).to_be_hidden()
        expect(visit.page.locator("#view-vms caption")).to_have_text("3 VMs")


def test_a_vm_is_deployed_with_labels_on_a_host_that_has_the_required_ones(
    labelled: Controller, browser: Browser
) -> None:
    with visiting(browser, labelled.url) as visit:
        visit.go("#/deploy")
        page = visit.page
        fill(page, name="cache", vcpus="1", level="1", require="rack")
        button(page, "Show the plan").click()
        wrong = page.get_by_role("alert").filter(has_text="Write labels as key=value")
        expect(wrong).to_be_visible()
        expect(page.locator("#deploy input[name=require]")).to_be_focused()
        fill(page, require="rack=b", labels="app=cache, tier=")
        button(page, "Show the plan").click()
        expect(page.locator("#plan-heading")).to_have_text("cache would go to host1")
        verdicts = page.get_by_role("region", name="Result for each host")
        expect(verdicts.get_by_text("required labels: rack=b")).to_have_count(2)
        button(page, "Deploy cache").click()
        expect(heading(page)).to_have_text("cache")
        vm = labelled.get("/v1/vms/cache")
        assert (vm["host"], vm["labels"]) == ("host1", {"app": "cache", "tier": ""})


def test_a_wrong_token_is_refused(browser: Browser, guarded: Controller) -> None:
    with visiting(browser, guarded.url, refused={401}) as visit:
        visit.go()
        page = visit.page
        dialog = page.get_by_role("dialog", name="Token")
        expect(dialog).to_contain_text("The controller requires a token.")
        dialog.get_by_label("Token").fill("wrong-token-0123456789")
        button(page, "Use it").click()
        expect(dialog).to_contain_text("The controller refuses this token")
        expect(page.locator("#hosts > li")).to_have_count(0)
        button(page, "Cancel").click()
        expect(page.locator("#lost")).to_contain_text("The controller requires a token.")
        button(page, "Try now").click()
        dialog.get_by_label("Token").fill(TOKEN)
        button(page, "Use it").click()
        expect(page.locator("#hosts > li")).to_have_count(1)
        assert page.evaluate("[localStorage.length, document.cookie]") == [0, ""]
        assert not any(TOKEN in url for url in visit.requested)


def test_a_token_that_may_only_read_shows_everything_and_changes_nothing(
    browser: Browser, guarded: Controller
) -> None:
    with visiting(browser, guarded.url, refused={401, 403}) as visit:
        visit.go("#/deploy")
        page = visit.page
        page.get_by_role("dialog").get_by_label("Token").fill(READ_TOKEN)
        button(page, "Use it").click()
        fill(page, name="a", vcpus="1", level="1")
        button(page, "Show the plan").click()
        button(page, "Deploy a").click()
        expect(page.get_by_role("alert").filter(has_text="has the role read")).to_be_visible()
        button(page, "Token…").click()
        page.get_by_role("dialog").get_by_label("Token").fill(TOKEN)
        button(page, "Use it").click()
        button(page, "Show the plan").click()
        button(page, "Deploy a").click()
        expect(heading(page)).to_have_text("a")


def test_text_from_elsewhere_is_text(browser: Browser, controller: Controller) -> None:
    """What a request or a link holds; daemons take no such names."""
    assert controller.deploy("hostile", 1, 1.0, image=f"/images/{HOSTILE}").status_code == 201
    with visiting(browser, controller.url, refused={400}) as visit:
        page = visit.page
        visit.go("#/vms")
        expect(page.get_by_text(f"/images/{HOSTILE}")).to_be_visible()
        visit.go("#/vms/hostile")
        expect(fact(page, "Image")).to_have_text(f"/images/{HOSTILE}")
        for view in ("hosts", "vms"):
            page.evaluate(f"location.hash = '#/{view}/' + encodeURIComponent({HOSTILE!r})")
            expect(heading(page)).to_have_text(HOSTILE)
            expect(page.get_by_text("of this name.").and_(page.locator(":visible"))).to_be_visible()
        expect(page).to_have_title(f"{HOSTILE} · SlackVM")
        assert page.locator("img:not(.brand img)").count() == 0


def test_a_keyboard_is_enough(visit: Visit, controller: Controller) -> None:
    visit.go()
    page = visit.page
    focused = page.locator(":focus")

    def press_until(name: str, key: str = "Tab") -> None:
        for _ in range(60):
            page.keyboard.press(key)
            text = focused.evaluate("(each) => each.labels?.[0]?.textContent ?? each.textContent")
            if text.strip().startswith(name):
                assert focused.evaluate("(each) => getComputedStyle(each).outlineStyle") != "none"
                return
        raise AssertionError(f"{key} does not lead to {name}")

    expect(page.locator("#hosts > li")).to_have_count(3)
    press_until("Skip to the content")
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    press_until("Deploy a VM", "Shift+Tab")
    page.keyboard.press("Enter")
    expect(heading(page)).to_be_focused()
    for label, value in (("Name", "keys"), ("Level", "2"), ("vCPUs", "2"), ("Memory", "1.5")):
        press_until(label)
        page.keyboard.press("Control+A")
        page.keyboard.type(value)
    press_until("Image")
    page.keyboard.type("/images/any.qcow2")
    page.keyboard.press("Enter")
    expect(page.locator("#plan-heading")).to_be_focused()
    press_until("Deploy keys")
    page.keyboard.press("Enter")
    expect(heading(page)).to_have_text("keys")
    assert controller.get("/v1/vms/keys")["memory_mib"] == 1536
    press_until("Remove…")
    page.keyboard.press("Enter")
    expect(button(page, "Cancel")).to_be_focused()
    page.keyboard.press("Escape")
    expect(button(page, "Remove…")).to_be_focused()
    page.keyboard.press("Enter")
    expect(button(page, "Cancel")).to_be_focused()
    press_until("Remove", "Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("keys was removed.")).to_be_visible()


def test_what_changes_leaves_focus_and_scroll_where_they_are(
    visit: Visit, controller: Controller
) -> None:
    visit.page.set_viewport_size({"width": 600, "height": 300})
    visit.go()
    page = visit.page
    link = card(page, "host2").get_by_role("link", name="host2")
    link.focus()
    assert page.evaluate("scrollY") > 0
    # What is above may grow, and the browser scrolls by as much.
    seen_at = "(each) => each.getBoundingClientRect().top"
    before = link.evaluate(seen_at)
    page.evaluate("window.grid = document.querySelector('#hosts canvas')")
    assert controller.deploy("new", 1, 1.0).status_code == 201
    expect(page.get_by_role("link", name="new", exact=True)).to_be_attached()
    expect(link).to_be_focused()
    assert link.evaluate(seen_at) == pytest.approx(before, abs=1)
    assert page.evaluate("grid.isConnected")


def test_a_banner_shows_that_the_controller_does_not_answer(
    browser: Browser, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with (
        cluster(tmp_path, [LAPTOP], SCG_PORT=str(port)) as (controller, _),
        visiting(browser, controller.url, refused={0}) as visit,
    ):
        visit.go()
        page = visit.page
        expect(page.locator("#link")).to_have_text("live")
        controller.end(signal.SIGTERM)
        expect(page.locator("#link")).to_contain_text("not live since")
        expect(page.locator("#lost")).to_contain_text("The controller does not answer.")
        expect(page.locator("#lost")).to_contain_text("This page shows the state at")
        expect(page.locator("#hosts > li")).to_have_count(1)
        button(page, "Try now").click()
        expect(page.locator("#link")).to_contain_text("not live since")
        controller.start()
        expect(page.locator("#link")).to_have_text("live")
        expect(page.locator("#lost")).to_be_hidden()


def many_hosts(controller: Controller, count: int) -> dict[str, Any]:
    """Return the reply of a controller of many hosts, each of them a recorded one."""
    reply = controller.get("/v1/hosts")
    recorded = reply["hosts"]
    hosts = [
        {**recorded[number % len(recorded)], "name": f"host{number}"} for number in range(count)
    ]
    return {**reply, "hosts": hosts, "ages": {host["name"]: 1.0 for host in hosts}}


def test_500_hosts_are_a_table_that_is_filtered_and_sorted(
    visit: Visit, controller: Controller
) -> None:
    reply = many_hosts(controller, 500)
    for number, host in enumerate(reply["hosts"]):
        host["memory_free_mib"] = 1024 * (number % 7)

    def answer(route: Route) -> None:
        known = reply if "since" not in route.request.url else {**reply, "hosts": []}
        route.fulfill(json=known)

    page = visit.page
    page.route(re.compile(r"/v1/hosts(\?|$)"), answer)
    visit.go()
    rows = page.locator("#hosts-table tbody tr")
    expect(rows).to_have_count(500)
    assert page.evaluate("document.documentElement.scrollHeight") < 2500
    page.get_by_label("Filter").fill("host49")
    expect(rows).to_have_count(11)
    button(page, "GiB free").click()
    button(page, "GiB free").click()
    expect(page.locator("th[aria-sort=descending]")).to_contain_text("GiB free")
    expect(rows.first.locator("td").nth(5)).to_have_text("6")
    # A link keeps filter and order.
    page.reload()
    expect(rows).to_have_count(11)
    expect(page.get_by_label("Filter")).to_have_value("host49")
    expect(rows.first.locator("td").nth(5)).to_have_text("6")


def test_vms_are_sorted_by_any_column(visit: Visit) -> None:
    visit.go("#/vms")
    page = visit.page
    names = page.locator("#view-vms tbody td:first-child")
    expect(names).to_have_text(["batch", "db", "web"])
    button(page, "vCPUs").click()
    expect(names.last).to_have_text("batch")
    button(page, "vCPUs").click()
    expect(names.first).to_have_text("batch")
    button(page, "Name").click()
    button(page, "Name").click()
    expect(names).to_have_text(["web", "db", "batch"])


def test_capacity_is_counted(visit: Visit, controller: Controller) -> None:
    visit.go("#/capacity")
    page = visit.page
    page.get_by_label("Mix of sizes").fill("1:1:1")
    page.get_by_label("Number of VMs").fill("20")
    page.get_by_label("Size of these hosts").fill("4:16")
    button(page, "Count").click()
    # The controller counts for one at a time.
    expect(page.locator("#capacity-facts")).to_contain_text("20 VMs need 5 such hosts.")
    asked = {"mix": [{"vcpus": 1, "memory_gib": 1, "level": 1}]}
    counted = controller.call("POST", "/v1/capacity", json=asked).json()["vms"]
    expect(page.locator("#capacity-facts")).to_have_text(
        f"{counted} more VMs of this mix fit. 20 VMs need 5 such hosts."
    )
    expect(page.locator("#capacity-result tbody tr")).to_have_count(3)
    page.get_by_label("Mix of sizes").fill("2:4")
    button(page, "Count").click()
    expect(page.locator("#capacity-error")).to_contain_text("VCPUS:GIB:LEVEL")


def test_events_are_shown_the_newest_first_and_filtered(
    visit: Visit, controller: Controller
) -> None:
    visit.go("#/events")
    page = visit.page
    rows = page.locator("#view-events tbody tr")
    expect(rows.first).to_contain_text("VM exists")
    controller.call("POST", "/v1/hosts/host1/cordon")
    expect(rows.first).to_contain_text("host cordoned")
    controller.call("POST", "/v1/hosts/host1/uncordon")
    page.locator("#view-events").get_by_label("VM").fill("web")
    expect(page.locator("#view-events tbody td:nth-child(3)").first).to_have_text("web")
    expect(page.locator("#view-events")).not_to_contain_text("cordoned")


def test_a_controller_that_hangs_is_not_live(browser: Browser, tmp_path: Path) -> None:
    """It accepts connections and answers none: ages go on, and the time of the state is said."""
    with (
        cluster(tmp_path, [LAPTOP]) as (controller, _),
        visiting(browser, controller.url, refused={0}) as visit,
    ):
        visit.go()
        page = visit.page
        expect(page.locator("#link")).to_have_text("live")
        assert controller.process is not None
        controller.process.send_signal(signal.SIGSTOP)
        try:
            expect(page.locator("#link")).to_contain_text("not live since", timeout=20_000)
            expect(page.locator("#lost")).to_contain_text("This page shows the state at")
            facts = card(page, "host0").locator(".facts").first
            expect(facts).to_contain_text(re.compile(r"answered (\d\d|[7-9]) s ago"))
        finally:
            controller.process.send_signal(signal.SIGCONT)
        expect(page.locator("#link")).to_have_text("live", timeout=30_000)


def test_a_second_click_does_not_repeat_an_operation(visit: Visit) -> None:
    page = visit.page
    held: list[Route] = []
    page.route(re.compile(r"/v1/vms/web/restart$"), lambda route: held.append(route))
    visit.go("#/vms/web")
    button(page, "Restart…").click()
    button(page, "Restart").click()
    expect(page.locator("button[aria-busy]")).to_have_text("Restart…")
    for name in ("Restart…", "Stop…", "Remove…"):
        expect(button(page, name)).to_be_disabled()
    [route] = held
    route.continue_()
    expect(page.locator("#notice")).to_contain_text("web was restarted")
    expect(button(page, "Restart…")).to_be_enabled()


def test_300_hosts_are_shown_compactly_filtered_and_sorted(
    visit: Visit, controller: Controller
) -> None:
    reply = many_hosts(controller, 300)

    def answer(route: Route) -> None:
        known = reply if "since" not in route.request.url else {**reply, "hosts": []}
        route.fulfill(json=known)

    page = visit.page
    page.route(re.compile(r"/v1/hosts(\?|$)"), answer)
    visit.go()
    page.get_by_label("Show as").select_option("small cards")
    expect(page.locator("#hosts.compact > li")).to_have_count(300)
    drawn = page.evaluate(
        """() => [...document.querySelectorAll("#hosts canvas.grid")]
          .filter((canvas) => canvas.width !== 300 || canvas.height !== 150).length"""
    )
    assert 0 < drawn < 150  # only those in sight
    page.get_by_label("Filter").fill("host29")
    expect(page.locator("#hosts-shown")).to_have_text("11 of 300 hosts")
    page.get_by_label("Filter").fill("")
    page.get_by_label("Sort by").select_option("most CPUs free")
    free = [host["cpus_free"] for host in reply["hosts"]]
    first = page.locator("#hosts > li").first
    expect(first).to_contain_text(f"{max(free)} of 8 free")


def test_words_and_fields_of_a_later_release_are_shown_as_they_are(visit: Visit) -> None:
    """A controller hands on what its hosts report, also what this release does not know."""

    def hosts(route: Route) -> None:
        reply = route.fetch().json()
        for host in reply["hosts"]:
            host |= {"state": "draining", "hypervisor": "firecracker", "mood": {"calm": [1]}}
            for vnode in host["levels"].values():
                vnode["weight"] = 7
        route.fulfill(json={**reply, "news": 1})

    def vms(route: Route) -> None:
        reply = route.fetch().json()
        for vm in reply.get("vms", [reply]):
            vm |= {"state": "migrating", "progress_percent": 40}
        route.fulfill(json=reply)

    page = visit.page
    page.route(re.compile(r"/v1/hosts(\?|$)"), hosts)
    page.route(re.compile(r"/v1/vms(/|\?|$)"), vms)
    visit.go()
    expect(page.locator("#cluster-facts")).to_contain_text("3 hosts · 3 not ready · 3 VMs")
    expect(card(page, "host0").locator(".badge")).to_have_text("draining")
    page.locator("#view-hosts").get_by_label("State").select_option("not ready")
    expect(page.locator("#hosts > li")).to_have_count(3)
    visit.go("#/hosts/host0")
    expect(page.locator("#view-host .badges")).to_have_text("draining")
    visit.go("#/vms")
    expect(page.locator("#view-vms tbody td:nth-child(2)")).to_have_text(["migrating"] * 3)
    visit.go("#/vms/web")
    expect(page.locator("#view-vm .badge")).to_have_text("migrating")
    expect(button(page, "Stop…")).to_be_enabled()


VIEWS = {
    "hosts": "#/hosts",
    "host": "#/hosts/host0",
    "vms": "#/vms",
    "vm": "#/vms/web",
    "deploy": "#/deploy",
    "capacity": "#/capacity",
    "events": "#/events",
    "nothing": "#/nothing",
}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_barrier_in_any_view(
    browser: Browser, controller: Controller, scheme: str
) -> None:
    with visiting(browser, controller.url, color_scheme=scheme) as visit:
        page = visit.page
        for address in VIEWS.values():
            visit.go(address)
            expect(page.locator("#link")).to_have_text("live")
            assert barriers(page) == []
        visit.go("#/hosts")
        for form in ("small cards", "table"):
            page.get_by_label("Show as").select_option(form)
            assert barriers(page) == []
        visit.go("#/hosts/host0")
        page.get_by_text("Every CPU as a table").click()
        assert barriers(page) == []
        visit.go("#/deploy")
        fill(page, name="a", vcpus="1", level="1")
        button(page, "Show the plan").click()
        expect(page.locator("#plan")).to_be_visible()
        assert barriers(page) == []
        visit.go("#/vms/web")
        button(page, "Remove…").click()
        assert barriers(page) == []


def test_a_narrow_window_is_wide_enough(browser: Browser, controller: Controller) -> None:
    with visiting(browser, controller.url, viewport=NARROW) as visit:
        page = visit.page
        for address in VIEWS.values():
            visit.go(address)
            expect(page.locator("#link")).to_have_text("live")
            assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
