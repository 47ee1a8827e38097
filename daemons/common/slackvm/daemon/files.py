"""How many files a daemon may open; each connection is one."""

import resource

_ENOUGH = 1 << 16
"""More than all limits of a daemon together; some programs reserve memory for each."""


def raise_file_limit() -> int:
    """Raise the soft limit of open files to the hard one; return what holds then."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _ENOUGH if hard == resource.RLIM_INFINITY else min(hard, _ENOUGH)
    if soft == resource.RLIM_INFINITY or soft >= most:
        return _ENOUGH if soft == resource.RLIM_INFINITY else soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    except (OSError, ValueError):
        # A sandbox may forbid it; the unit sets both limits.
        return soft
    return most
