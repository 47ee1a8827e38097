"""Progress: how far a VM brings a host's memory per CPU toward its ideal."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


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
    current = np.divide(owned_memory_mib, owned_cpus, out=ideal.copy(), where=is_owned)
    potential = np.add(owned_memory_mib, added_memory_mib) / np.add(owned_cpus, added_cpus)
    gain = np.abs(current - ideal) - np.abs(potential - ideal)
    # The factor is 1 or more, so the smaller of the two is the gain itself where that is positive.
    scores: NDArray[np.float64] = np.minimum(gain, gain * (1 + np.divide(owned_cpus, cpus)))
    return scores
