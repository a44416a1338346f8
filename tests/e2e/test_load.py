"""`make bench-bot` in a small form. The bar on lint results per second is for a machine that does nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.bench_bot import ANSWER_BAR_S, bench

pytestmark = pytest.mark.timeout(600)


def test_a_burst_is_accepted_answered_and_linted(tmp_path: Path) -> None:
    result = bench(tmp_path, 100, 100)
    assert (result.accepted, result.lost, result.comments) == (100, 0, 100)
    assert result.p99_s <= ANSWER_BAR_S
