"""The TypeScript types that the checks of the page use."""

from browsers.rest_types import declarations


def test_every_model_has_an_interface_with_typed_fields() -> None:
    interfaces = {text.split()[1]: text for text in declarations().split("\n\n") if text.strip()}
    host = interfaces["ClusterHostReply"]
    for field in (
        "state: string;",
        "hypervisor: string | null;",
        "levels: Record<string, LevelReply>;",
        "topology?: (CPUReply)[];",
        "labels?: Record<string, string>;",
    ):
        assert f"  {field}\n" in host
    assert "  require?: Record<string, string>;\n" in interfaces["ClusterPlanRequest"]
    # The log of another release may have other fields in the `room` of an event.
    assert [name for name, text in interfaces.items() if "unknown" in text] == ["EventReply"]
