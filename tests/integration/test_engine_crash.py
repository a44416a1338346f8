"""A worker that is killed with SIGKILL loses no job and repeats no finished step. Real processes, one SQLite file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bot.engine.dbos import DbosEngine, DbosEnqueuer
from bot.engine.port import JSON, Job, JobStatus, Steps
from bot.engine.rules import EngineError

ROOT = Path(__file__).parents[2]
DEADLINE_S = 30.0

WORKER = """
import sys
from pathlib import Path
from bot.engine.dbos import DbosEngine
from tests.integration.test_engine_crash import three_steps
url, folder = sys.argv[1:]
engine = DbosEngine(url, poll_s=0.05)
engine.start({"three": three_steps(Path(folder), hold=True)})
print("started", flush=True)
sys.stdin.read()
"""

STOPPED_WORKER = """
import sys, threading
from bot.engine.dbos import DbosEngine
engine = DbosEngine(sys.argv[1], poll_s=0.05)
inside = threading.Event()
def forever():
    inside.set()
    threading.Event().wait()
engine.start({"three": lambda steps, payload: steps.run("forever", forever)})
inside.wait()
engine.stop()
print("stopped", flush=True)
"""

ENQUEUER = """
import os, signal, sys
from bot.engine.dbos import DbosEnqueuer
web = DbosEnqueuer(sys.argv[1])
for n in range(5):
    web.enqueue("three", n, id=f"job-{n}", queue="lint")
    print(n, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def three_steps(folder: Path, *, hold: bool) -> Job:
    """A job that notes each step it runs in `folder`; with `hold` it waits in the second step to be killed."""

    def note(steps: Steps, step: str) -> int:
        with (folder / steps.job_id).open("a") as file:
            file.write(f"{step}\n")
        return len((folder / steps.job_id).read_text().split())

    def second(steps: Steps) -> int:
        count = note(steps, "two")
        if hold:
            (folder / f"{steps.job_id}.inside").touch()
            sys.stdin.read()
        return count

    def job(steps: Steps, payload: JSON) -> JSON:
        one = steps.run("one", lambda: note(steps, "one"))
        two = steps.run("two", lambda: second(steps))
        return [payload, one, two, steps.run("three", lambda: note(steps, "three"))]

    return job


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/seedbed.db"


@pytest.fixture
def engine(url: str) -> Iterator[DbosEngine]:
    made = DbosEngine(url, poll_s=0.05)
    yield made
    made.close()


def spawn(script: str, *arguments: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f"still not so after {DEADLINE_S:.0f} s: {what}"
        time.sleep(0.01)


def ended(engine: DbosEngine, id: str) -> JobStatus:
    def over() -> bool:
        status = engine.status(id)
        return status is not None and status.state not in ("queued", "running")

    until(over, f"{id} has ended")
    status = engine.status(id)
    assert status is not None
    return status


def kill_in_second_step(url: str, folder: Path, *ids: str) -> None:
    worker = spawn(WORKER, url, folder)
    try:
        until(lambda: all((folder / f"{id}.inside").exists() for id in ids), "the worker is in step two")
    finally:
        kill(worker)
    for id in ids:
        (folder / f"{id}.inside").unlink()


def test_killed_in_a_step_goes_on_there(url: str, engine: DbosEngine, tmp_path: Path) -> None:
    assert engine.enqueue("three", "payload", id="a", queue="build")
    assert engine.enqueue("three", "waits", id="b", queue="build")
    kill_in_second_step(url, tmp_path, "a")
    assert (tmp_path / "a").read_text().split() == ["one", "two"]
    assert not (tmp_path / "b").exists()

    engine.start({"three": three_steps(tmp_path, hold=False)})
    assert ended(engine, "a") == JobStatus("a", "three", "done", ["payload", 1, 3, 4])
    assert (tmp_path / "a").read_text().split() == ["one", "two", "two", "three"]
    assert ended(engine, "b").result == ["waits", 1, 2, 3]


def test_killed_again_and_again_with_several_jobs_at_once(url: str, engine: DbosEngine, tmp_path: Path) -> None:
    for id in ("a", "b", "c"):
        assert engine.enqueue("three", id, id=id, queue="lint")
    kill_in_second_step(url, tmp_path, "a", "b", "c")
    kill_in_second_step(url, tmp_path, "a", "b", "c")
    assert not engine.enqueue("three", "a redelivery", id="a", queue="lint")

    engine.start({"three": three_steps(tmp_path, hold=False)})
    for id in ("a", "b", "c"):
        assert ended(engine, id).result == [id, 1, 4, 5]
        assert (tmp_path / id).read_text().split() == ["one", "two", "two", "two", "three"]


def test_cancelled_while_no_worker_runs(url: str, engine: DbosEngine, tmp_path: Path) -> None:
    assert engine.enqueue("three", None, id="a", queue="build")
    assert engine.enqueue("three", None, id="b", queue="build")
    kill_in_second_step(url, tmp_path, "a")
    engine.cancel("a")
    engine.start({"three": three_steps(tmp_path, hold=False)})
    assert ended(engine, "b").state == "done"
    assert engine.status("a") == JobStatus("a", "three", "cancelled")
    assert (tmp_path / "a").read_text().split() == ["one", "two"]


def test_an_enqueuer_killed_right_after_loses_nothing(url: str, engine: DbosEngine, tmp_path: Path) -> None:
    web = spawn(ENQUEUER, url)
    output, _ = web.communicate(timeout=DEADLINE_S)
    assert web.returncode == -signal.SIGKILL
    accepted = output.split()
    assert accepted == ["0", "1", "2", "3", "4"]
    engine.start({"three": three_steps(tmp_path, hold=False)})
    assert [ended(engine, f"job-{n}").result for n in range(5)] == [[n, 1, 2, 3] for n in range(5)]


def test_jobs_that_arrive_while_no_worker_runs_are_done_later(url: str, engine: DbosEngine, tmp_path: Path) -> None:
    engine.start({"three": three_steps(tmp_path, hold=False)})
    engine.stop()
    web = DbosEnqueuer(url)
    assert web.enqueue("three", None, id="later", queue="generate")
    web.close()
    engine.start({"three": three_steps(tmp_path, hold=False)})
    assert ended(engine, "later").state == "done"


def test_a_killed_worker_leaves_no_lock_and_a_living_one_does(url: str, engine: DbosEngine, tmp_path: Path) -> None:
    worker = spawn(WORKER, url, tmp_path)
    assert worker.stdout is not None
    assert worker.stdout.readline() == "started\n"
    with pytest.raises(EngineError, match=f"already runs on this database \\(process {worker.pid}\\)"):
        engine.start({})
    kill(worker)
    engine.start({})


def test_a_stopped_worker_can_exit_while_a_step_goes_on(url: str, engine: DbosEngine, tmp_path: Path) -> None:
    assert engine.enqueue("three", None, id="a", queue="build")
    worker = spawn(STOPPED_WORKER, url)
    output, _ = worker.communicate(timeout=DEADLINE_S)
    assert (output, worker.returncode) == ("stopped\n", os.EX_OK)
    engine.start({"three": three_steps(tmp_path, hold=False)})
    assert ended(engine, "a").result == [None, 1, 2, 3]
