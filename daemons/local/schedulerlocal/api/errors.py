"""Errors of the agent and the hypervisor as errors of REST."""

from collections.abc import Iterator
from contextlib import contextmanager

from schedulerlocal.agent.errors import BusyError, RefusedError
from schedulerlocal.hypervisor import HypervisorError, UnavailableError
from slackvm.api.errors import RestError
from slackvm.model.codes import Code
from slackvm.model.refusal import Refusal

_RETRY = {"Retry-After": "2"}


@contextmanager
def rest_errors() -> Iterator[None]:
    """Turn the errors of an operation into those of REST."""
    try:
        yield
    except RefusedError as error:
        raise refused(error.refusal) from error
    except BusyError as error:
        raise RestError(Code.OVERLOADED, str(error), headers=_RETRY) from error
    except UnavailableError as error:
        # 503: nothing was done. 504: unknown, so the controller must not try another host.
        raise RestError(error.code, str(error), headers=_RETRY) from error
    except HypervisorError as error:
        raise RestError(error.code, str(error)) from error


def refused(refusal: Refusal) -> RestError:
    """Return a refusal of the host as an error of REST."""
    return RestError(refusal.code, refusal.message, needed=refusal.needed, free=refusal.free)
