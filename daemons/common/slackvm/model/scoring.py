"""Progress: how far a VM brings a host's memory per CPU toward its ideal."""

from collections.abc import Mapping
from types import EllipsisType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from slackvm.model.placement.candidates import Candidates

_BLOCK = 8192
"""Hosts scored at a time: few enough for the arrays in between to need no new pages of memory."""


def progress(
    owned_cpus: ArrayLike,
    owned_memory_mib: ArrayLike,
    added_cpus: ArrayLike,
    added_memory_mib: ArrayLike,
    cpus: ArrayLike,
    memory_mib: ArrayLike,
) -> NDArray[np.float64]:
    """Return the progress of hosts for a VM; higher is better. Arguments broadcast.

    With `ideal` = all memory / all CPUs, `current` = owned memory / owned CPUs (`ideal` where no
    CPU is owned) and `potential` = the same with what the VM adds, progress is
    `|current - ideal| - |potential - ideal|`; below zero it is multiplied by
    `1 + owned CPUs / all CPUs`: a bad fit hurts more on a fuller host (SlackVM, IEEE Cluster 2024).

    Args:
        owned_cpus: CPUs that the host's vNodes own.
        owned_memory_mib: MiB that its VMs take.
        added_cpus: CPUs by which the VM's vNode would grow.
        added_memory_mib: MiB of the VM.
        cpus: all CPUs of the host.
        memory_mib: all MiB of the host.

    Returns:
        Doubles of MiB per CPU, no rounding, in the broadcast shape.
    """
    ideal = np.asarray(np.divide(memory_mib, cpus))
    is_owned = np.asarray(owned_cpus, dtype=np.bool_)
    shape = np.broadcast(ideal, owned_memory_mib, is_owned).shape
    current = np.array(np.broadcast_to(ideal, shape)) if shape != ideal.shape else ideal.copy()
    np.divide(owned_memory_mib, owned_cpus, out=current, where=is_owned)
    potential = np.add(owned_memory_mib, added_memory_mib) / np.add(owned_cpus, added_cpus)
    gain = np.abs(current - ideal) - np.abs(potential - ideal)
    # The factor is 1 or more, so the smaller of the two is the gain itself where that is positive.
    scores: NDArray[np.float64] = np.minimum(gain, gain * (1 + np.divide(owned_cpus, cpus)))
    return scores


def progress_parts(
    owned_cpus: ArrayLike,
    owned_memory_mib: ArrayLike,
    added_cpus: ArrayLike,
    added_memory_mib: ArrayLike,
    cpus: ArrayLike,
    memory_mib: ArrayLike,
) -> dict[str, NDArray[np.float64]]:
    """Return the numbers that `progress` is computed from, for people; the arguments are the same.

    Returns:
        `current`, `potential` and `ideal` in MiB per CPU, and the factor `penalty`: progress is
        `|current - ideal| - |potential - ideal|`, times `penalty` where that is below zero.
    """
    owned, memory, all_cpus, ideal, growth, more = np.broadcast_arrays(
        *(np.asarray(each, dtype=np.float64) for each in (owned_cpus, owned_memory_mib, cpus)),
        np.asarray(memory_mib) / np.asarray(cpus, dtype=np.float64),
        np.asarray(added_cpus, dtype=np.float64),
        np.asarray(added_memory_mib, dtype=np.float64),
    )
    return {
        "current": np.where(owned > 0, memory / np.maximum(owned, 1), ideal),
        "potential": (memory + more) / (owned + growth),
        "ideal": ideal,
        "penalty": 1 + owned / all_cpus,
    }


def by_progress(candidates: Candidates) -> NDArray[np.float64]:
    """Score by progress toward the host's ideal memory per CPU (the published policy)."""
    hosts = len(candidates.cpus)
    if hosts <= _BLOCK or candidates.cpus.ndim > 1:
        return _progress(candidates)
    parts = (slice(start, start + _BLOCK) for start in range(0, hosts, _BLOCK))
    return np.concatenate([_progress(candidates, part) for part in parts])


def explain_progress(candidates: Candidates) -> Mapping[str, NDArray[np.float64]]:
    """Return `current`, `potential` and `ideal` in MiB per CPU, and the factor `penalty`."""
    return progress_parts(
        candidates.owned_cpus,
        candidates.owned_memory_mib,
        candidates.added_cpus,
        candidates.vm.memory_mib,
        candidates.cpus,
        candidates.memory_mib,
    )


def _progress(candidates: Candidates, part: slice | EllipsisType = ...) -> NDArray[np.float64]:
    cpus, memory_mib = candidates.cpus[part], candidates.memory_mib[part]
    return progress(
        cpus - candidates.cpus_free[part],
        memory_mib - candidates.memory_free_mib[part],
        candidates.added_cpus[part],
        candidates.vm.memory_mib,
        cpus,
        memory_mib,
    )
