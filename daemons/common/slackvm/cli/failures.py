"""How the commands end when something is wrong: one line, and an exit code that says whose fault.

0 done, 1 refused or failed, 2 usage or bad input.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import click


class BadInput(click.ClickException):
    """Input that the user must mend."""

    exit_code = 2


@contextmanager
def reported() -> Iterator[None]:
    """Turn an error about input, or about a file that cannot be written, into one line."""
    try:
        yield
    except (ValueError, LookupError) as error:
        raise BadInput(str(error)) from error
    except MemoryError as error:
        # numpy says how much it wanted.
        needed = f" ({error})" if str(error) else ""
        raise click.ClickException(f"not enough memory{needed}; ask for less at once") from error
    except OSError as error:
        told = f"{error.filename or 'output'}: {error.strerror}" if error.strerror else str(error)
        raise click.ClickException(told) from error
