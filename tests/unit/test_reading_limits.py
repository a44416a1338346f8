"""The process that reads a PDF: what it cannot do."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.child import ChildError, run


@pytest.mark.parametrize("attempt", ["write", "connect", "start", "fork", "unpickle"])
def test_it_can_do_nothing_but_read(attempt: str, tmp_path: Path) -> None:
    with pytest.raises(ChildError) as caught:
        run("tests.unit.child_limited:tries", {"attempt": attempt, "path": str(tmp_path / "written")}, timeout=60)
    assert caught.value.type_name == "PermissionError"
    assert list(tmp_path.iterdir()) == []


def test_it_gets_no_more_memory_than_it_may() -> None:
    with pytest.raises(ChildError) as caught:
        run("tests.unit.child_limited:tries", {"attempt": "memory"}, timeout=60)
    assert caught.value.type_name == "MemoryError"
