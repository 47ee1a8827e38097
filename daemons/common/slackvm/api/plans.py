"""Plans of a host."""

from slackvm.api.base import Reply


class VNodeChange(Reply):
    """The CPUs that a vNode would gain or lose, in order."""

    level: float
    gains: list[int]
    loses: list[int]


class PlanReply(Reply):
    """What a deploy would do on a host.

    Attributes:
        accepted: whether the host would take the VM.
        code: why not, for programs.
        message: why not, for people.
        needed: the amount that the VM needs, if the refusal is about an amount.
        free: the amount that is free.
        score: progress of the host for the VM; None if it is refused.
        vnodes: vNodes whose CPUs would change.
        pins: CPUs that each VM of the host would be pinned to.
    """

    accepted: bool
    code: str | None
    message: str | None
    needed: int | None
    free: int | None
    score: float | None
    vnodes: list[VNodeChange]
    pins: dict[str, list[int]]
