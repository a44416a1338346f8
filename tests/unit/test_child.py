"""Children answer, fail and die in ways that their parent understands, and never outlive it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.child import Child, ChildDied, ChildError, run

HERE = "tests.unit.child_targets"
ROOT = Path(__file__).parents[2]


def gone(pid: int, seconds: float = 5.0) -> bool:
    """Whether the process ends before the deadline. A zombie that waits for init to reap it has ended."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout
        if state.strip().startswith("Z"):
            return True
        time.sleep(0.01)
    return False


def test_result_events_and_environment_cross_and_stdout_does_not_disturb() -> None:
    events: list[int] = []
    result = run(
        f"{HERE}:echo",
        {"events": 3, "env": "BIRD", "text": "é \ud800 \u2028 line\nbreak"},
        on_event=lambda event: events.append(event["number"]),
        env={"BIRD": "wren"},
    )
    assert events == [0, 1, 2]
    assert result["env"] == "wren"
    assert result["payload"]["text"] == "é \ud800 \u2028 line\nbreak"


def test_waiting_threads_are_told_to_sleep() -> None:
    assert run(f"{HERE}:echo", {"env": "OMP_WAIT_POLICY"})["env"] == "PASSIVE"


def test_keys_and_tokens_of_the_bot_stay_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SEEDBED_FORGE_TOKEN", "SEEDBED_APP_PRIVATE_KEY", "SEEDBED_WEBHOOK_SECRETS", "SEEDBED_DATABASE_URL"):
        monkeypatch.setenv(name, "secret")
        assert run(f"{HERE}:echo", {"env": name})["env"] is None
    monkeypatch.setenv("SEEDBED_CACHE", "/models")
    assert run(f"{HERE}:echo", {"env": "SEEDBED_CACHE"})["env"] == "/models"


def test_a_child_keeps_its_state_and_survives_an_exception() -> None:
    with Child(f"{HERE}:echo") as child:
        assert child.call({})["calls"] == 1
        assert child.call({})["calls"] == 2
    child.close()
    assert not child.alive
    with pytest.raises(ChildDied, match="was closed"):
        child.call({})


def test_an_exception_arrives_with_message_type_and_traceback() -> None:
    with pytest.raises(ChildError, match="no such bird") as caught:
        run(f"{HERE}:fail", {})
    assert caught.value.type_name == "LookupError"
    assert "child_targets.py" in caught.value.trace


def test_a_missing_function_is_an_error_not_a_death() -> None:
    with pytest.raises(ChildError, match="nothing_here"):
        run(f"{HERE}:nothing_here", {})


def test_a_full_disk_reads_as_one() -> None:
    with pytest.raises(ChildError, match=r"the disk is full: cannot save the model\. Free some space"):
        run(f"{HERE}:full_disk", {})


def test_death_tells_code_and_last_lines() -> None:
    with pytest.raises(ChildDied, match="exit code 3") as caught:
        run(f"{HERE}:die", {"code": 3})
    assert caught.value.code == 3
    assert caught.value.tail[-1] == "last words"


def test_sigkill_hints_at_memory() -> None:
    with pytest.raises(ChildDied, match="out of memory"):
        run(f"{HERE}:die", {"signal": int(signal.SIGKILL)})


def test_timeout_ends_the_child_and_its_descendants() -> None:
    pids: list[int] = []
    with pytest.raises(ChildDied, match=r"no result in 1\.5 s"):
        run(f"{HERE}:hang", {}, on_event=lambda event: pids.extend(event["pids"]), timeout=1.5)
    assert len(pids) == 2
    assert all(gone(pid) for pid in pids)


def test_leaving_a_stream_early_kills_the_busy_child() -> None:
    child = Child(f"{HERE}:hang")
    stream = child.stream({})
    pids = next(stream)["pids"]
    stream.close()
    assert not child.alive
    assert all(gone(pid) for pid in pids)
    child.close()


def test_an_exception_of_the_listener_kills_the_busy_child() -> None:
    def interrupt(event: object) -> None:
        raise KeyboardInterrupt

    child = Child(f"{HERE}:hang")
    with pytest.raises(KeyboardInterrupt):
        child.call({}, interrupt)
    assert not child.alive
    child.close()


def test_sigkill_of_the_parent_ends_child_and_grandchild() -> None:
    program = (
        f"from pipeline.child import run; run('{HERE}:hang', {{}}, on_event=lambda e: print(e['pids'], flush=True))"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert parent.stdout is not None
    pids = json.loads(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert all(gone(pid) for pid in pids)
