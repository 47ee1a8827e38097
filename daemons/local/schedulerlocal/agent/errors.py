"""Why the agent does not carry out an operation; in either case nothing has changed."""

from slackvm.model.refusal import Refusal


class RefusedError(Exception):
    """The host refuses the operation."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


class BusyError(Exception):
    """Other operations take too long; this one was not started."""
