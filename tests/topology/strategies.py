"""Hosts for property tests."""

from hypothesis import strategies as st

from slackvm.topologies import Description

_NUMBERS = st.integers(min_value=1, max_value=255)


@st.composite
def descriptions(draw: st.DrawFn) -> Description:
    """A small host: several sockets, threads, L3 groups, NUMA nodes; some CPUs excluded."""
    sockets = draw(st.integers(1, 3))
    cores = draw(st.integers(1, 6))
    threads = draw(st.integers(1, 2))
    divisors = st.sampled_from([each for each in range(1, cores + 1) if cores % each == 0])
    nodes_per_socket = draw(divisors)
    nodes = sockets * nodes_per_socket
    row = st.tuples(*[_NUMBERS] * nodes)
    cpus = sockets * cores * threads
    total = draw(st.integers(2, 10**7))
    return Description(
        sockets=sockets,
        cores=cores,
        threads=threads,
        cores_per_l3=draw(st.none() | divisors),
        nodes_per_socket=nodes_per_socket,
        distances=tuple(draw(st.lists(_NUMBERS, min_size=2, max_size=3))),
        distance_matrix=draw(st.none() | st.tuples(*[row] * nodes)),
        excluded=frozenset(draw(st.sets(st.integers(0, cpus - 1), max_size=cpus - 1))),
        memory_total_mib=total,
        memory_mib=draw(st.none() | st.integers(1, total)),
        max_freq_khz=draw(st.none() | st.integers(1, 10**7)),
    )
