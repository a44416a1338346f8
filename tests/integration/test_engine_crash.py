"""A worker that is killed with SIGKILL loses no job and repeats no finished step. Real processes, one database."""

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
from bot.retry import TryAgain
from tests.contract.postgres import fresh_database

ROOT = Path(__file__).parents[2]
DEADLINE_S = 30.0

WORKER = """
import sys
from pathlib import Path
import bot.engine.dbos as engines
from tests.integration.test_engine_crash import three_steps
url, folder, id, version = sys.argv[1:]
engines.VERSION = version
engine = engines.DbosEngine(url, id, poll_s=0.05)
engine.start({"three": three_steps(Path(folder), hold=True)})
print("started", flush=True)
sys.stdin.read()
"""

SHARER = """
import sys, time
from pathlib import Path
from bot.engine.dbos import DbosEngine
from bot.engine.port import Schedule
url, folder, id, now = sys.argv[1:]
def note(steps, payload):
    def write():
        with (Path(folder) / steps.job_id).open("a") as file:
            file.write(f"{id}\\n")
        time.sleep(0.02)
    steps.run("note", write)
engine = DbosEngine(url, id, poll_s=0.05, clock=lambda: float(now))
engine.start({"note": note}, [Schedule("note", "0 * * * *", "lint")])
print("started", flush=True)
sys.stdin.read()
engine.tick(float(now) + 3600)
print("ticked", flush=True)
sys.stdin.close()
engine.close()
"""

WAITER = """
import sys
from pathlib import Path
from bot.engine.dbos import DbosEngine
from tests.integration.test_engine_crash import limited
engine = DbosEngine(sys.argv[1], poll_s=0.05, wait_scale=0.02)
engine.start({"limited": limited(Path(sys.argv[2]))})
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


class Limited(TryAgain):
    after_s = 100.0


def limited(folder: Path) -> Job:
    """A job whose second step is told once to come back later."""

    def ask() -> int:
        tries = folder / "tries"
        before = len(tries.read_text().split()) if tries.exists() else 0
        with tries.open("a") as file:
            file.write("try\n")
        if before == 0:
            raise Limited
        return before

    def job(steps: Steps, payload: JSON) -> JSON:
        steps.run("one", (folder / "one").touch)
        return steps.run("ask", ask)

    return job


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/seedbed.db" if request.param == "sqlite" else fresh_database()


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


def outcome(engine: DbosEngine, id: str) -> tuple[str, JSON]:
    status = ended(engine, id)
    return status.state, status.result


def kill_in_second_step(url: str, folder: Path, *ids: str, worker_id: str = "worker-0", version: str = "1") -> None:
    worker = spawn(WORKER, url, folder, worker_id, version)
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
    assert outcome(engine, "a") == ("done", ["payload", 1, 3, 4])
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


@pytest.mark.parametrize(("worker_id", "version"), [("worker-0", "0"), ("gone", "1"), ("gone", "0"), ("gone", "2")])
def test_work_of_another_version_or_of_a_worker_that_is_gone_goes_on(
    url: str, engine: DbosEngine, tmp_path: Path, worker_id: str, version: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert engine.enqueue("three", "runs", id="a", queue="build", key="7")
    assert engine.enqueue("three", "waits", id="b", queue="build", key="7")
    kill_in_second_step(url, tmp_path, "a", worker_id=worker_id, version=version)

    engine.start({"three": three_steps(tmp_path, hold=False)})
    assert outcome(engine, "a") == ("done", ["runs", 1, 3, 4])
    assert outcome(engine, "b") == ("done", ["waits", 1, 2, 3])
    assert (tmp_path / "a").read_text().split() == ["one", "two", "two", "three"]
    assert [record.message for record in caplog.records if record.name.startswith("bot.engine")] == [
        "job a was cut short with its worker; it goes on from its last recorded step"
    ]


def test_the_work_of_another_worker_is_taken_over_when_that_dies_and_not_before(
    url: str, engine: DbosEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.engine.dbos.LOOK_FOR_DEAD_S", 0.1)
    assert engine.enqueue("three", None, id="a", queue="lint")
    worker = spawn(WORKER, url, tmp_path, "other", "0")
    try:
        until((tmp_path / "a.inside").exists, "the other worker is in step two")
        engine.start({"three": three_steps(tmp_path, hold=False)})
        for n in range(3):
            assert engine.enqueue("three", None, id=f"b{n}", queue="lint")
            assert outcome(engine, f"b{n}") == ("done", [None, 1, 2, 3])
        assert [job.id for job in engine.jobs(states=("running",))] == ["a"]
    finally:
        kill(worker)
    assert outcome(engine, "a") == ("done", [None, 1, 3, 4])


def test_a_job_that_kills_its_worker_fails_in_the_end(
    url: str, engine: DbosEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.engine.dbos.MAX_RESTARTS", 1)
    assert engine.enqueue("three", None, id="a", queue="build")
    for _ in range(2):
        kill_in_second_step(url, tmp_path, "a")
    engine.start({"three": three_steps(tmp_path, hold=False)})
    assert outcome(engine, "a") == ("failed", None)
    assert [(job.id, job.error) for job in engine.jobs(states=("failed",))] == [
        ("a", "the worker died too often while it ran this job")
    ]
    assert engine.retry("a")
    assert outcome(engine, "a") == ("done", [None, 1, 4, 5])


def test_killed_while_a_step_waits_to_run_again(url: str, engine: DbosEngine, tmp_path: Path) -> None:
    assert engine.enqueue("limited", None, id="a", queue="preview", key="7")
    assert engine.enqueue("limited", None, id="b", queue="preview", key="7")
    worker = spawn(WAITER, url, tmp_path)
    until((tmp_path / "tries").exists, "the step was told to wait")
    until(lambda: str(getattr(engine.status("a"), "state", "")) == "queued", "the job waits")
    kill(worker)
    engine.start({"limited": limited(tmp_path)})
    assert outcome(engine, "a") == ("done", 1)
    assert outcome(engine, "b") == ("done", 2)
    assert (tmp_path / "tries").read_text().split() == ["try"] * 3


def test_two_workers_share_the_work_and_the_clock(url: str, tmp_path: Path) -> None:
    now = 1_800_000_000.0 - 60
    web = DbosEnqueuer(url)
    ids = [f"job-{n}" for n in range(60)]
    for n, id in enumerate(ids):
        web.enqueue("note", None, id=id, queue="lint", key=str(n % 20))
    workers = [spawn(SHARER, url, tmp_path, f"worker-{n}", str(now)) for n in range(2)]
    until(lambda: not web.jobs(states=("queued", "running")), "all is done")
    for worker in workers:  # both tick the same hour
        output, _ = worker.communicate(timeout=DEADLINE_S)
        assert (output, worker.returncode) == ("started\nticked\n", os.EX_OK)
    ran = [(tmp_path / id).read_text().split() for id in ids]
    assert all(len(workers) == 1 for workers in ran), "no job ran twice"
    assert {worker for workers in ran for worker in workers} == {"worker-0", "worker-1"}
    scheduled = [job.id for job in web.jobs(limit=1000) if job.id not in ids]
    assert scheduled == ["note-2027-01-15T08:00Z"]
    web.close()


def test_cancelled_while_no_worker_runs(url: str, engine: DbosEngine, tmp_path: Path) -> None:
    assert engine.enqueue("three", None, id="a", queue="build")
    assert engine.enqueue("three", None, id="b", queue="build")
    kill_in_second_step(url, tmp_path, "a")
    engine.cancel("a")
    engine.start({"three": three_steps(tmp_path, hold=False)})
    assert ended(engine, "b").state == "done"
    assert outcome(engine, "a") == ("cancelled", None)
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
    worker = spawn(WORKER, url, tmp_path, "worker-0", "1")
    assert worker.stdout is not None
    assert worker.stdout.readline() == "started\n"
    holder = f"process {worker.pid}" if url.startswith("sqlite") else "perhaps on another machine"
    with pytest.raises(EngineError, match=f"already runs on this database \\({holder}\\)"):
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
