"""Processes that an engine started end with their parent, also when only that is killed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.teacher.tether import tether_children
from tests.unit.test_child import gone

PROGRAM = """
import multiprocessing, signal, time
from pipeline.teacher.tether import tether_children
children = [multiprocessing.get_context("fork").Process(target=signal.pause) for _ in range(2)]
for child in children:
    child.start()
watcher = tether_children()
print(watcher.pid, *(child.pid for child in children), flush=True)
signal.pause()
"""


@pytest.mark.timeout(30)
def test_children_end_with_a_parent_that_is_killed_alone() -> None:
    root = Path(__file__).parents[2]
    parent = subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True, cwd=root)
    assert parent.stdout is not None
    pids = [int(word) for word in parent.stdout.readline().split()]
    assert len(pids) == 3
    assert parent.poll() is None
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert all(gone(pid) for pid in pids)


def test_no_children_no_watcher(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("multiprocessing.active_children", list)
    assert tether_children() is None
