"""Where sizings come from: columns that say which hosts, lists and code made each row."""

from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path

import pandas as pd

import slackanalysis
import slackvm.model
from slackanalysis.sizing.hosts import Hosts, HostSize
from slackanalysis.sizing.policies import policy_file
from slackvm import __version__

_PACKAGES = ("sizing", "workload")
"""Packages of this one that sizings depend on, beside `slackvm.model`."""


def with_origin(
    table: pd.DataFrame, hosts: Hosts, generated: Mapping[str, object] | None = None
) -> pd.DataFrame:
    """Return a table of sizings with the columns that say where its rows come from.

    They come last, behind `list_sha256` (`RequestList.sha256` of the list that was sized):
    `host_cpus` and `host_memory_mib` of each host, or `host_pattern` where there are several kinds;
    what `generated` has; `slackvm_version`; and `code_sha256`, a digest of the code that decides
    and of the policy's own file.

    Args:
        table: as `sizing.sizing_table` returns it.
        hosts: what each host offers.
        generated: of lists that were generated, by column: `temporality`, `generator` and
            `catalogue_sha256`; a value for all rows, or one for each.

    Raises:
        ValueError: a column that tells lists apart has the name of one of these.
    """
    of_policy = {name: code_sha256(name) for name in table["policy"].unique()}
    columns = {
        **_of_hosts(hosts),
        **(generated or {}),
        "slackvm_version": __version__,
        "code_sha256": table["policy"].map(of_policy),
    }
    if clash := columns.keys() & set(table):
        raise ValueError(f"column {sorted(clash)[0]} cannot tell lists apart: it is a result")
    return pd.concat([table, pd.DataFrame(columns, index=table.index)], axis=1)


def _of_hosts(hosts: Hosts) -> dict[str, object]:
    if isinstance(hosts, HostSize):
        return {"host_cpus": hosts.cpus, "host_memory_mib": hosts.memory_mib}
    return {"host_pattern": str(hosts)}


@cache
def code_sha256(policy: str) -> str:
    """Return a digest of the code that decides sizings by a policy, in hexadecimal.

    It covers `slackvm.model`, this package, `slackanalysis.workload`, and the file that defines a
    policy of the user's own.

    Raises:
        LookupError: there is no such policy.
    """
    here = Path(slackanalysis.__file__).parent
    folders = [Path(slackvm.model.__file__).parent, *(here / name for name in _PACKAGES)]
    files = [file for folder in folders for file in sorted(folder.rglob("*.py"))]
    own = own_policy_file(policy)
    digest = sha256()
    for file in [*files, *([own] if own else [])]:
        content = file.read_bytes()
        digest.update(f"{file.parent.name}/{file.name} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def own_policy_file(name: str) -> Path | None:
    """Return the file that defines a policy of the user's own; None of SlackVM's.

    Raises:
        LookupError: there is no such policy.
    """
    file = policy_file(name)
    is_ours = file is None or file.is_relative_to(Path(slackvm.model.__file__).parent)
    return None if is_ours else file
