"""`make chaos` in a small form: what design §5.1 promises holds while processes are killed, on both databases."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.run import chaos

pytestmark = pytest.mark.timeout(600)


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_nothing_is_lost_and_nothing_done_twice(tmp_path: Path, database: str) -> None:
    result = chaos(tmp_path / "run", database, pulls=12, every_s=4.0, seed=1)
    assert result.faults == []
    assert min(result.kills.values()) >= 1, "nobody was killed, so nothing was shown"
    assert {"open", "push", "ask"} <= set(result.steps)
