"""What every engine promises, on each adapter. Durability under SIGKILL: tests/integration/test_engine_crash.py."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.engine.dbos import DbosEngine, DbosEnqueuer
from bot.engine.memory import MemoryEngine
from bot.engine.port import JSON, Engine, JobStatus, Steps
from bot.engine.rules import EngineError, NotJson

DEADLINE_S = 20.0
ENDED = ("done", "failed", "cancelled")


@pytest.fixture(params=["memory", "dbos-sqlite"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    made = (
        MemoryEngine()
        if request.param == "memory"
        else DbosEngine(f"sqlite:///{tmp_path}/state/seedbed.db", poll_s=0.05)
    )
    yield made
    made.close()


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f"still not so after {DEADLINE_S:.0f} s: {what}"
        time.sleep(0.01)


def ended(engine: Engine, id: str) -> JobStatus:
    def over() -> bool:
        status = engine.status(id)
        return status is not None and status.state in ENDED

    until(over, f"job {id} has ended")
    status = engine.status(id)
    assert status is not None
    return status


def echo(steps: Steps, payload: JSON) -> JSON:
    return steps.run("echo", lambda: {"id": steps.job_id, "got": payload})


def test_runs_a_job_and_keeps_its_result(engine: Engine) -> None:
    assert engine.status("a") is None
    assert engine.enqueue("echo", {"n": 1, "text": "ä – 日本"}, id="a", queue="lint")
    assert engine.status("a") == JobStatus("a", "echo", "queued")
    engine.start({"echo": echo})
    assert ended(engine, "a") == JobStatus("a", "echo", "done", {"id": "a", "got": {"n": 1, "text": "ä – 日本"}})


def test_second_enqueue_under_one_id_adds_nothing(engine: Engine) -> None:
    assert engine.enqueue("echo", 1, id="a", queue="lint")
    assert not engine.enqueue("echo", 2, id="a", queue="lint")
    assert not engine.enqueue("other", 3, id="a", queue="build")
    engine.start({"echo": echo})
    assert ended(engine, "a").result == {"id": "a", "got": 1}
    assert not engine.enqueue("echo", 4, id="a", queue="lint")
    assert [job.id for job in engine.jobs()] == ["a"]


def test_racing_enqueues_accept_exactly_one(engine: Engine) -> None:
    barrier = threading.Barrier(8)
    accepted: list[bool] = []

    def race(n: int) -> None:
        barrier.wait()
        accepted.append(engine.enqueue("echo", n, id="same", queue="lint"))

    threads = [threading.Thread(target=race, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(accepted) == [False] * 7 + [True]
    assert len(engine.jobs()) == 1


def test_a_failing_job_says_why_and_harms_no_other(engine: Engine) -> None:
    def fails(steps: Steps, payload: JSON) -> JSON:
        leaves: dict[str, int] = {}
        steps.run("break", lambda: leaves["missing leaf"])

    def silent(steps: Steps, payload: JSON) -> JSON:
        raise MemoryError

    def leaves(steps: Steps, payload: JSON) -> JSON:
        raise SystemExit(3)

    engine.start({"echo": echo, "fails": fails, "silent": silent, "leaves": leaves})
    for name in ("fails", "nobody-knows", "silent", "leaves", "echo"):
        engine.enqueue(name, None, id=name, queue="build")
    assert ended(engine, "fails") == JobStatus("fails", "fails", "failed", None, "'missing leaf'")
    unknown = ended(engine, "nobody-knows")
    assert unknown.state == "failed"
    assert unknown.error == "this worker has no job called 'nobody-knows'; it knows: echo, fails, leaves, silent"
    assert ended(engine, "silent").error == "MemoryError"
    assert ended(engine, "leaves").error == "the job asked its process to exit with 3"
    assert ended(engine, "echo").state == "done"


def test_what_a_step_raises_reaches_the_job_as_it_is(engine: Engine) -> None:
    class Refused(Exception):
        pass

    def refuse() -> JSON:
        raise Refused("no")

    def job(steps: Steps, payload: JSON) -> JSON:
        try:
            steps.run("ask", refuse)
        except Refused as refused:
            answer = f"was told {refused}"
        return steps.run("tell", lambda: answer)

    engine.enqueue("job", None, id="a", queue="lint")
    engine.start({"job": job})
    assert ended(engine, "a").result == "was told no"


def test_what_json_cannot_hold_is_refused_by_name(engine: Engine) -> None:
    with pytest.raises(NotJson, match="the payload of job 'a' cannot be stored as JSON"):
        engine.enqueue("echo", {1, 2}, id="a", queue="lint")
    assert engine.status("a") is None
    with pytest.raises(EngineError, match="no queue called 'mint'"):
        engine.enqueue("echo", 1, id="a", queue="mint")  # type: ignore[arg-type]

    engine.enqueue("step", None, id="b", queue="lint")
    engine.enqueue("nan", None, id="c", queue="lint")
    engine.start({"step": lambda steps, _: steps.run("bad", lambda: b"bytes"), "nan": lambda steps, _: float("nan")})
    assert "the result of step 'bad' of job 'b' cannot be stored as JSON" in str(ended(engine, "b").error)
    assert "the result of job 'c' cannot be stored as JSON" in str(ended(engine, "c").error)


def test_steps_return_what_a_record_would(engine: Engine) -> None:
    seen: list[object] = []

    def job(steps: Steps, payload: JSON) -> JSON:
        seen.append(steps.run("pair", lambda: (1, {2: "two"})))
        seen.append(steps.run("nothing", lambda: None))
        return seen

    engine.enqueue("job", None, id="a", queue="lint")
    engine.start({"job": job})
    ended(engine, "a")
    assert seen == [[1, {"2": "two"}], None]


@pytest.mark.parametrize("queue", ["build", "generate", "preview"])
def test_heavy_queues_run_one_job_at_a_time_in_order(engine: Engine, queue: Any) -> None:
    order: list[str] = []
    inside = 0
    most = 0
    lock = threading.Lock()

    def job(steps: Steps, payload: JSON) -> JSON:
        nonlocal inside, most
        with lock:
            order.append(steps.job_id)
            inside += 1
            most = max(most, inside)
        steps.run("work", lambda: None)
        with lock:
            inside -= 1

    ids = [f"job-{n}" for n in range(6)]
    for id in ids:
        engine.enqueue("job", None, id=id, queue=queue)
    engine.start({"job": job})
    ended(engine, ids[-1])
    assert order == ids
    assert most == 1


def test_lint_jobs_run_side_by_side_and_do_not_wait_for_a_build(engine: Engine) -> None:
    together = threading.Barrier(4)
    go = threading.Event()
    engine.enqueue("build", None, id="build", queue="build")
    for n in range(4):
        engine.enqueue("lint", None, id=f"lint-{n}", queue="lint")
    engine.start(
        {
            "build": lambda steps, _: steps.run("wait", lambda: go.wait(DEADLINE_S)),
            "lint": lambda steps, _: steps.run("meet", lambda: together.wait(DEADLINE_S) >= 0),
        }
    )
    assert all(ended(engine, f"lint-{n}").result is True for n in range(4))
    go.set()
    assert ended(engine, "build").result is True


def test_a_step_may_enqueue(engine: Engine) -> None:
    def parent(steps: Steps, payload: JSON) -> JSON:
        return steps.run("hand on", lambda: engine.enqueue("echo", "from parent", id="child", queue="generate"))

    engine.start({"parent": parent, "echo": echo})
    engine.enqueue("parent", None, id="parent", queue="lint")
    assert ended(engine, "parent").result is True
    assert ended(engine, "child").result == {"id": "child", "got": "from parent"}


def test_lists_newest_first_by_state(engine: Engine) -> None:
    for n in range(3):
        engine.enqueue("echo", n, id=f"old-{n}", queue="build")
    engine.start({"echo": echo})
    ended(engine, "old-2")
    engine.stop()
    engine.enqueue("echo", 9, id="new", queue="build")
    assert [job.id for job in engine.jobs()] == ["new", "old-2", "old-1", "old-0"]
    assert [job.id for job in engine.jobs(states=("done", "failed"), limit=2)] == ["old-2", "old-1"]
    assert [(job.id, job.name) for job in engine.jobs(states=("queued",))] == [("new", "echo")]
    assert engine.jobs(states=("cancelled",)) == []


def test_a_cancelled_job_in_the_queue_never_starts(engine: Engine) -> None:
    engine.enqueue("echo", 1, id="unwanted", queue="build")
    engine.enqueue("echo", 2, id="wanted", queue="build")
    engine.cancel("unwanted")
    engine.cancel("nobody")
    engine.start({"echo": echo})
    assert ended(engine, "wanted").state == "done"
    assert engine.status("unwanted") == JobStatus("unwanted", "echo", "cancelled")
    engine.cancel("wanted")
    assert ended(engine, "wanted").state == "done"


def test_a_cancelled_job_stops_at_its_next_step(engine: Engine) -> None:
    inside = threading.Event()
    ran: list[str] = []

    def long(steps: Steps, payload: JSON) -> JSON:
        def batches() -> str:
            inside.set()
            until(steps.cancelled, "the step sees that it was cancelled")
            return "saw it"

        ran.append(steps.run("batches", batches))
        ran.append(steps.run("next", lambda: "next"))
        return "finished"

    engine.start({"long": long, "echo": echo})
    engine.enqueue("long", None, id="long", queue="build")
    engine.enqueue("echo", None, id="after", queue="build")
    assert inside.wait(DEADLINE_S)
    engine.cancel("long")
    assert ended(engine, "after").state == "done"
    status = engine.status("long")
    assert status == JobStatus("long", "long", "cancelled")
    assert "next" not in ran


def test_stop_returns_soon_and_the_next_start_goes_on(engine: Engine) -> None:
    inside = threading.Event()
    release = threading.Event()
    calls: list[str] = []

    def slow() -> str:
        calls.append("two")
        inside.set()
        release.wait(DEADLINE_S)
        return "two"

    def job(steps: Steps, payload: JSON) -> JSON:
        one = steps.run("one", lambda: calls.append("one") or "one")  # type: ignore[func-returns-value]
        return [one, steps.run("two", slow), steps.run("three", lambda: calls.append("three") or "three")]  # type: ignore[func-returns-value]

    engine.start({"job": job})
    engine.enqueue("job", None, id="a", queue="build")
    assert inside.wait(DEADLINE_S)
    started = time.monotonic()
    engine.stop()
    assert time.monotonic() - started < 5
    status = engine.status("a")
    assert status is not None
    assert status.state in ("queued", "running")

    engine.start({"job": job})
    until(lambda: calls.count("two") == 2, "the step that was cut short runs again")
    release.set()  # both the old run of the step and the new one return now
    assert ended(engine, "a").result == ["one", "two", "three"]
    assert calls == ["one", "two", "two", "three"]


def test_stop_lets_a_step_that_ends_soon_be_recorded(engine: Engine) -> None:
    inside = threading.Event()
    calls: list[str] = []

    def soon() -> str:
        calls.append("one")
        inside.set()
        until(lambda: bool(getattr(engine, "_stopping")), "stop was asked")  # noqa: B009
        return "one"

    def job(steps: Steps, payload: JSON) -> JSON:
        return [steps.run("one", soon), steps.run("two", lambda: "two")]

    engine.start({"job": job})
    engine.enqueue("job", None, id="a", queue="build")
    assert inside.wait(DEADLINE_S)
    engine.stop()
    engine.start({"job": job})
    assert ended(engine, "a").result == ["one", "two"]
    assert calls == ["one"]


def test_starting_twice_is_refused(engine: Engine) -> None:
    engine.start({"echo": echo})
    with pytest.raises(EngineError, match="started already"):
        engine.start({"echo": echo})
    engine.stop()
    engine.stop()


def test_drain_runs_everything_here_and_in_order() -> None:
    engine = MemoryEngine()
    ran: list[tuple[str, threading.Thread]] = []

    def job(steps: Steps, payload: JSON) -> JSON:
        ran.append((steps.job_id, threading.current_thread()))
        if payload:
            steps.run("child", lambda: engine.enqueue("job", None, id=f"child of {steps.job_id}", queue="lint"))

    engine.enqueue("job", True, id="a", queue="build")
    engine.enqueue("job", None, id="b", queue="lint")
    engine.drain({"job": job})
    assert ran == [(id, threading.current_thread()) for id in ("a", "b", "child of a")]
    assert [job.state for job in engine.jobs()] == ["done"] * 3


def test_a_second_worker_with_the_same_id_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/seedbed.db"
    first, second = DbosEngine(url), DbosEngine(url)
    first.start({})
    try:
        with pytest.raises(EngineError, match=r"a worker called 'worker-0' already runs .*process \d+"):
            second.start({})
    finally:
        first.close()
    second.start({})
    second.close()


def test_another_process_enqueues_before_any_worker_ran(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/seedbed.db"
    web = DbosEnqueuer(url)
    assert web.enqueue("echo", 1, id="a", queue="lint")
    worker = DbosEngine(url, poll_s=0.05)
    worker.start({"echo": echo})
    assert ended(worker, "a").state == "done"
    assert web.status("a") == worker.status("a")
    assert not web.enqueue("echo", 1, id="a", queue="lint")
    worker.close()
    web.close()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///", "sqlite:///:memory:"])
def test_a_database_that_would_not_outlive_the_process_is_refused(url: str) -> None:
    with pytest.raises(EngineError, match="names no file"):
        DbosEnqueuer(url)


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "seedbed.db"
    path.write_bytes(b"not a database, by any means" * 100)
    with pytest.raises(EngineError, match=r"seedbed\.db cannot be used as the job database"):
        DbosEnqueuer(f"sqlite:///{path}")
