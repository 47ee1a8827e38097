"""What the selections do to SMT pairs."""

import pytest

from benchmarks.decisions import split_pairs


@pytest.mark.parametrize("seed", range(3))
def test_compact_splits_few_pairs_between_levels(seed: int) -> None:
    """Over a long random run on the EPYC, less than a tenth of what `paper` splits."""
    paper, compact = (split_pairs(name, seed, steps=2000) for name in ("paper", "compact"))
    assert paper > 1
    assert compact < 0.1 * paper
