"""What every engine promises, on each adapter. Durability under SIGKILL: tests/integration/test_engine_crash.py."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.engine.dbos import DbosEngine, DbosEnqueuer
from bot.engine.memory import MemoryEngine
from bot.engine.port import JSON, Engine, JobStatus, Schedule, Steps
from bot.engine.rules import EngineError, NotJson
from bot.retry import TryAgain
from tests.contract.postgres import fresh_database

DEADLINE_S = 20.0
ENDED = ("done", "failed", "cancelled")


@pytest.fixture(params=["memory", "dbos-sqlite", "dbos-postgres"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Makes an engine; its options are those that all adapters have."""
    made: list[Any] = []

    def make_one(**options: Any) -> Any:
        if request.param == "memory":
            engine: Any = MemoryEngine(**options)
        else:
            url = f"sqlite:///{tmp_path}/state/seedbed.db" if request.param == "dbos-sqlite" else fresh_database()
            engine = DbosEngine(url, poll_s=0.02, **options)
        made.append(engine)
        return engine

    yield make_one
    for engine in made:
        engine.close()


@pytest.fixture
def engine(make: Callable[..., Any]) -> Any:
    return make()


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


def outcome(status: JobStatus | None) -> tuple[Any, ...]:
    assert status is not None
    return status.id, status.name, status.state, status.result, status.error


def stop_was_asked(engine: Any) -> bool:
    return bool(engine._stopping if isinstance(engine, MemoryEngine) else engine._runs.stopping)


def echo(steps: Steps, payload: JSON) -> JSON:
    return steps.run("echo", lambda: {"id": steps.job_id, "got": payload})


def test_runs_a_job_and_keeps_its_result(engine: Engine) -> None:
    assert engine.status("a") is None
    assert engine.enqueue("echo", {"n": 1, "text": "ä – 日本"}, id="a", queue="lint")
    assert outcome(engine.status("a")) == ("a", "echo", "queued", None, None)
    engine.start({"echo": echo})
    result = {"id": "a", "got": {"n": 1, "text": "ä – 日本"}}
    assert outcome(ended(engine, "a")) == ("a", "echo", "done", result, None)


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
    assert outcome(ended(engine, "fails")) == ("fails", "fails", "failed", None, "'missing leaf'")
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


@pytest.mark.parametrize("queue", ["build", "generate"])
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
    assert outcome(engine.status("unwanted")) == ("unwanted", "echo", "cancelled", None, None)
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
    assert outcome(engine.status("long")) == ("long", "long", "cancelled", None, None)
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
        until(lambda: stop_was_asked(engine), "stop was asked")
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


def test_a_status_says_where_and_when(engine: Engine) -> None:
    before = time.time()
    engine.enqueue("echo", 1, id="a", queue="preview", key="7")
    status = engine.status("a")
    assert status is not None
    assert (status.queue, status.key, status.ended_at) == ("preview", "7", None)
    assert before <= status.created_at <= time.time()
    engine.start({"echo": echo})
    end = ended(engine, "a")
    assert end.ended_at is not None
    assert status.created_at == end.created_at <= end.ended_at <= time.time()
    assert engine.jobs() == [end]


class Meeting:
    """A job that notes who is inside with whom, and leaves when it is let go."""

    def __init__(self) -> None:
        self.order: list[str] = []
        self.inside: set[str] = set()
        self.open = threading.Event()
        self.lock = threading.Lock()

    def job(self, steps: Steps, payload: JSON) -> JSON:
        steps.run("meet", lambda: self.meet(steps.job_id))

    def meet(self, id: str) -> None:
        with self.lock:
            self.order.append(id)
            self.inside.add(id)
        assert self.open.wait(DEADLINE_S)
        with self.lock:
            self.inside.remove(id)


def test_jobs_with_one_key_run_one_at_a_time_in_order_and_hold_no_place(engine: Engine) -> None:
    seven, other = Meeting(), Meeting()
    other.open.set()
    engine.start({"seven": seven.job, "other": other.job})
    ids = [f"z{9 - n}" for n in range(6)]  # neither ids nor whole seconds give the order
    for id in ids:
        engine.enqueue("seven", None, id=id, queue="lint", key="7")
    until(lambda: seven.order == ids[:1], "the first is inside")
    for n in range(6):
        engine.enqueue("other", None, id=f"other-{n}", queue="lint", key=f"8{n % 2}")
        engine.enqueue("other", None, id=f"free-{n}", queue="lint")
    for n in range(6):
        assert ended(engine, f"other-{n}").state == "done"
        assert ended(engine, f"free-{n}").state == "done"
    assert [id for id in other.order if id in ("other-0", "other-2", "other-4")] == ["other-0", "other-2", "other-4"]
    assert seven.inside == {ids[0]}
    most = 1
    seven.open.set()
    while seven.inside or len(seven.order) < len(ids):
        most = max(most, len(seven.inside))
        time.sleep(0.001)
    assert most == 1
    assert seven.order == ids
    assert ended(engine, ids[-1]).state == "done"


def test_one_key_in_two_queues_is_two_keys(engine: Engine) -> None:
    meeting = Meeting()
    engine.start({"meet": meeting.job})
    engine.enqueue("meet", None, id="preview", queue="preview", key="7")
    engine.enqueue("meet", None, id="lint", queue="lint", key="7")
    until(lambda: meeting.inside == {"preview", "lint"}, "both are inside")
    meeting.open.set()
    assert ended(engine, "preview").state == ended(engine, "lint").state == "done"


def test_a_key_is_free_again_after_a_failure_and_a_cancellation(engine: Engine) -> None:
    go = threading.Event()

    def fails(steps: Steps, payload: JSON) -> JSON:
        go.wait(DEADLINE_S)
        raise ValueError("no")

    engine.enqueue("fails", None, id="a", queue="lint", key="7")
    engine.enqueue("echo", None, id="b", queue="lint", key="7")
    engine.enqueue("echo", 3, id="c", queue="lint", key="7")
    engine.start({"fails": fails, "echo": echo})
    engine.cancel("b")
    go.set()
    assert ended(engine, "c").result == {"id": "c", "got": 3}
    assert [ended(engine, id).state for id in "abc"] == ["failed", "cancelled", "done"]


def test_lists_by_key(engine: Engine) -> None:
    for n in range(4):
        engine.enqueue("echo", n, id=f"job-{n}", queue="lint" if n else "preview", key=str(n % 2))
    engine.enqueue("echo", None, id="free", queue="lint")
    assert [job.id for job in engine.jobs(key="0")] == ["job-2", "job-0"]
    assert [job.id for job in engine.jobs(key="1", limit=1)] == ["job-3"]
    assert engine.jobs(key="1", states=("done",)) == []
    assert engine.jobs(key="2") == []


def test_a_delayed_job_waits_and_keeps_nobody_waiting(engine: Engine) -> None:
    ran: list[str] = []

    def note(steps: Steps, payload: JSON) -> JSON:
        ran.append(steps.job_id)
        return time.time()

    before = time.time()
    engine.enqueue("note", None, id="later", queue="lint", key="7", delay_s=1.0)
    engine.enqueue("note", None, id="never", queue="lint", delay_s=1.0)
    engine.enqueue("note", None, id="now", queue="lint", key="7")
    assert outcome(engine.status("later"))[2] == "queued"
    engine.cancel("never")
    engine.start({"note": note})
    assert ended(engine, "later").result >= before + 1.0
    assert ran == ["now", "later"]
    assert outcome(engine.status("never"))[2] == "cancelled"


def test_generation_goes_before_builds_and_previews_wait_for_neither(engine: Engine) -> None:
    meeting = Meeting()
    engine.start({"meet": meeting.job})
    engine.enqueue("meet", None, id="first", queue="build")
    until(lambda: meeting.order == ["first"], "a build runs")
    for id, queue in (("b", "build"), ("g", "generate"), ("g2", "generate")):
        engine.enqueue("meet", None, id=id, queue=queue)  # type: ignore[arg-type]
    for id, queue in (("lint", "lint"), ("p1", "preview"), ("p2", "preview"), ("p3", "preview")):
        engine.enqueue("meet", None, id=id, queue=queue)  # type: ignore[arg-type]
    until(lambda: {"lint", "p1", "p2"} <= meeting.inside, "neither lint nor previews wait for a build")
    assert meeting.inside == {"first", "lint", "p1", "p2"}, "two previews at a time"
    meeting.open.set()
    ended(engine, "b")
    ended(engine, "p3")
    assert [id for id in meeting.order if id in ("first", "g", "g2", "b")] == ["first", "g", "g2", "b"]


class Limited(TryAgain):
    def __init__(self, after_s: float | None = None) -> None:
        super().__init__(f"come back after {after_s} s")
        self.after_s = after_s


def test_a_step_that_says_try_again_is_run_again(make: Callable[..., Any]) -> None:
    engine = make(wait_scale=0.01)
    calls: list[float] = []

    def busy() -> int:
        calls.append(time.time())
        if len(calls) < 4:
            raise Limited(None if len(calls) == 1 else 30.0)
        return len(calls)

    def job(steps: Steps, payload: JSON) -> JSON:
        return [steps.run("first", lambda: "first"), steps.run("busy", busy), steps.run("last", lambda: "last")]

    engine.start({"job": job})
    engine.enqueue("job", None, id="a", queue="lint", key="7")
    assert ended(engine, "a").result == ["first", 4, "last"]
    waited = [later - sooner for sooner, later in itertools.pairwise(calls)]
    assert [wait >= least for wait, least in zip(waited, (0.01, 0.3, 0.3), strict=True)] == [True] * 3


@pytest.mark.parametrize(("after_s", "tries"), [(None, 9), (3000.0, 3)])
def test_trying_again_has_an_end_and_a_retry_begins_anew(
    make: Callable[..., Any], after_s: float | None, tries: int
) -> None:
    engine = make(wait_scale=1e-5)
    calls: list[str] = []
    works = False

    def busy() -> str:
        calls.append("busy")
        if not works:
            raise Limited(after_s)
        return "at last"

    def job(steps: Steps, payload: JSON) -> JSON:
        one = steps.run("one", lambda: calls.append("one"))
        return [one, steps.run("busy", busy)]

    engine.start({"job": job})
    engine.enqueue("job", None, id="a", queue="lint")
    assert outcome(ended(engine, "a")) == ("a", "job", "failed", None, f"come back after {after_s} s")
    assert calls == ["one"] + ["busy"] * tries
    assert engine.retry("a")
    until(lambda: len(calls) == 1 + 2 * tries, "it is tried as often as before")
    assert ended(engine, "a").state == "failed"
    works = True
    assert engine.retry("a")
    assert ended(engine, "a").result == [None, "at last"]
    assert calls.count("one") == 1


def test_who_waits_for_a_limit_keeps_the_key_but_not_the_place(make: Callable[..., Any]) -> None:
    engine = make(wait_scale=0.01)
    calls: list[str] = []

    def busy() -> None:
        calls.append("busy")
        if calls.count("busy") == 1:
            raise Limited(100.0)

    def preview(steps: Steps, payload: JSON) -> JSON:
        steps.run("busy", busy)

    def note(steps: Steps, payload: JSON) -> JSON:
        calls.append(steps.job_id)

    engine.enqueue("preview", None, id="waits", queue="generate", key="7")
    engine.enqueue("note", None, id="same key", queue="generate", key="7")
    engine.enqueue("note", None, id="other key", queue="generate", key="8")
    engine.enqueue("note", None, id="build", queue="build")
    engine.start({"preview": preview, "note": note})
    for id in ("waits", "same key", "other key", "build"):
        assert ended(engine, id).state == "done"
    assert calls == ["busy", "other key", "build", "busy", "same key"]


def test_a_wait_goes_on_after_a_stop(make: Callable[..., Any]) -> None:
    engine = make(wait_scale=0.01)
    calls: list[str] = []

    def busy() -> str:
        calls.append("busy")
        if calls.count("busy") < 2:
            raise Limited(60.0)
        return "busy no more"

    def job(steps: Steps, payload: JSON) -> JSON:
        return [steps.run("one", lambda: calls.append("one")), steps.run("busy", busy)]

    engine.start({"job": job})
    engine.enqueue("job", None, id="a", queue="preview", key="7")
    until(lambda: calls == ["one", "busy"], "the step was told to wait")
    until(lambda: outcome(engine.status("a"))[2] == "queued", "the job waits")
    engine.stop()
    engine.start({"job": job})
    assert ended(engine, "a").result == [None, "busy no more"]
    assert calls == ["one", "busy", "busy"]


def test_a_failed_job_that_is_retried_does_not_repeat_what_went_well(engine: Engine) -> None:
    calls: list[str] = []
    broken = True

    def repair(id: str) -> str:
        calls.append(f"two of {id}")
        if broken:
            raise OSError("the disk is full")
        return "two"

    def job(steps: Steps, payload: JSON) -> JSON:
        one = steps.run("one", lambda: calls.append("one") or f"one of {payload}")  # type: ignore[func-returns-value]
        return [one, steps.run("two", lambda: repair(steps.job_id)), steps.run("three", lambda: "three")]

    engine.start({"job": job, "echo": echo})
    engine.enqueue("job", "payload", id="a", queue="lint", key="7")
    engine.enqueue("echo", None, id="b", queue="lint", key="7")
    assert ended(engine, "b").state == "done"
    assert ended(engine, "a").error == "the disk is full"
    assert [job.id for job in engine.jobs(states=("failed",))] == ["a"]
    assert not engine.retry("b")
    assert not engine.retry("nobody")
    broken = False
    assert engine.retry("a")
    assert not engine.retry("a") or calls.count("two of a") > 1
    assert ended(engine, "a").result == ["one of payload", "two", "three"]
    assert calls == ["one", "two of a", "two of a"]
    assert [job.id for job in engine.jobs()] == ["b", "a"]
    assert engine.jobs(states=("failed",)) == []
    assert not engine.retry("a")


def test_a_cancelled_job_can_be_retried(engine: Engine) -> None:
    engine.enqueue("echo", 1, id="a", queue="build", key="7")
    engine.cancel("a")
    assert engine.retry("a")
    assert outcome(engine.status("a"))[2] == "queued"
    engine.start({"echo": echo})
    assert ended(engine, "a").result == {"id": "a", "got": 1}


def test_prune_forgets_what_has_ended(engine: Engine) -> None:
    engine.start({"echo": echo})
    engine.enqueue("echo", 1, id="done", queue="lint")
    engine.enqueue("nobody-knows", 1, id="failed", queue="lint")
    engine.enqueue("echo", 1, id="delayed", queue="lint", delay_s=3600)
    ended(engine, "done")
    ended(engine, "failed")
    assert engine.prune(3600.0) == 0
    assert len(engine.jobs()) == 3
    assert engine.prune(0.0) == 2
    assert [job.id for job in engine.jobs()] == ["delayed"]
    assert engine.enqueue("echo", 2, id="done", queue="lint")
    assert ended(engine, "done").result == {"id": "done", "got": 2}


def test_a_job_that_takes_too_long_is_stopped_and_says_so(make: Callable[..., Any]) -> None:
    engine = make(limits={"build": 0.2})
    ran: list[str] = []

    def long(steps: Steps, payload: JSON) -> JSON:
        steps.run("batches", lambda: until(steps.cancelled, "the step sees that its time is up"))
        ran.append("after the step")
        return steps.run("next", lambda: ran.append("next"))

    engine.start({"long": long, "echo": echo})
    engine.enqueue("long", None, id="long", queue="build", key="7")
    engine.enqueue("echo", None, id="after", queue="build", key="7")
    status = ended(engine, "long")
    assert (status.state, status.error) == (
        "failed",
        "took longer than 0.2 s, which is what its queue allows; it was stopped",
    )
    assert ended(engine, "after").state == "done"
    assert "next" not in ran


T0 = 1_800_000_000.0  # 2027-01-15T08:00Z, a Friday
HOURLY = Schedule("hourly", "30 * * * *", "lint")


def test_each_tick_is_enqueued_once(make: Callable[..., Any]) -> None:
    now = T0
    engine = make(clock=lambda: now)
    engine.start({"hourly": echo}, [HOURLY])
    engine.tick(T0 + 1799)
    assert engine.jobs() == []
    for _ in range(3):
        engine.tick(T0 + 1800)
    engine.tick(T0 + 1800 + 3600.5)
    assert [job.id for job in engine.jobs()] == ["hourly-2027-01-15T09:30Z", "hourly-2027-01-15T08:30Z"]
    assert ended(engine, "hourly-2027-01-15T09:30Z").result == {"id": "hourly-2027-01-15T09:30Z", "got": {}}


@pytest.mark.parametrize(
    ("away_s", "made_up"),
    [(600.0, []), (1800.0, ["hourly-2027-01-15T08:30Z"]), (10_000.0, ["hourly-2027-01-15T10:30Z"])],
)
def test_the_last_tick_that_was_missed_is_made_up(make: Callable[..., Any], away_s: float, made_up: list[str]) -> None:
    now = T0
    engine = make(clock=lambda: now)
    engine.start({"hourly": echo}, [HOURLY])
    engine.stop()
    now += away_s
    for _ in range(2):
        engine.start({"hourly": echo}, [HOURLY])
        engine.tick(now)
        engine.stop()
        assert [job.id for job in engine.jobs()] == made_up


def test_a_tick_of_long_ago_or_of_another_plan_is_not_made_up(make: Callable[..., Any]) -> None:
    now = T0
    engine = make(clock=lambda: now)
    monthly = Schedule("monthly", "0 9 15 * *", "build")
    engine.start({}, [monthly, HOURLY])
    engine.stop()
    now = T0 + 3600 + 86_401
    engine.start({}, [monthly, Schedule("hourly", "15 * * * *", "lint")])
    engine.tick(now)
    assert engine.jobs() == []


@pytest.mark.parametrize(
    ("schedules", "why"),
    [
        ([Schedule("a", "61 * * * *", "lint")], "'61 \\* \\* \\* \\*'"),
        ([Schedule("a", "* * * * * *", "lint")], "not five cron fields"),
        ([Schedule("a", "0 1 * * *", "lint"), Schedule("a", "0 2 * * *", "lint")], "two schedules"),
        ([Schedule("a", "0 1 * * *", "mint")], "no queue called 'mint'"),  # type: ignore[arg-type]
    ],
)
def test_a_schedule_that_cannot_run_is_refused(engine: Engine, schedules: list[Schedule], why: str) -> None:
    with pytest.raises(EngineError, match=why):
        engine.start({}, schedules)
    engine.start({"echo": echo})
    engine.enqueue("echo", 1, id="a", queue="lint")
    assert ended(engine, "a").state == "done"


def test_records_that_no_longer_fit_the_steps_are_dropped(engine: Engine) -> None:
    inside = threading.Event()
    release = threading.Event()
    calls: list[str] = []

    def step(name: str, result: str) -> str:
        calls.append(name)
        return result

    def old(steps: Steps, payload: JSON) -> JSON:
        steps.run("one", lambda: step("one", "1"))
        steps.run("two", lambda: step("two", "2"))
        steps.run("hold", lambda: inside.set() or release.wait(DEADLINE_S))  # type: ignore[func-returns-value]

    def new(steps: Steps, payload: JSON) -> JSON:
        one = steps.run("one", lambda: step("one", "1"))
        return [one, steps.run("another", lambda: step("another", "2")), steps.run("two", lambda: step("two", "3"))]

    engine.start({"job": old})
    engine.enqueue("job", None, id="a", queue="lint", key="7")
    assert inside.wait(DEADLINE_S)
    engine.stop()
    release.set()
    engine.start({"job": new})
    assert ended(engine, "a").result == ["1", "2", "3"]
    assert calls == ["one", "two", "another", "two"]


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


def test_drain_skips_the_time_that_would_be_waited() -> None:
    engine = MemoryEngine(clock=lambda: T0)
    calls: list[str] = []

    def job(steps: Steps, payload: JSON) -> JSON:
        def busy() -> str:
            calls.append(steps.job_id)
            if payload and calls.count(steps.job_id) < 3:
                raise Limited(600.0)
            return "done"

        return steps.run("busy", busy)

    engine.enqueue("job", False, id="delayed", queue="lint", key="7", delay_s=3600.0)
    engine.enqueue("job", False, id="build", queue="build")
    engine.enqueue("job", True, id="busy", queue="generate", key="7")
    engine.enqueue("job", False, id="after", queue="generate", key="7")
    engine.enqueue("job", False, id="other", queue="lint", key="7")
    engine.drain({"job": job})
    assert calls == ["busy", "build", "other", "busy", "busy", "after", "delayed"]
    assert [job.created_at for job in engine.jobs()] == [T0] * 5
    assert [job.ended_at for job in engine.jobs(key="7")] == [T0, T0 + 1200, T0 + 1200, T0 + 3600]


def test_drain_ticks_by_hand() -> None:
    engine = MemoryEngine(clock=lambda: T0)
    engine.schedule([HOURLY])
    engine.tick(T0 + 3600)
    engine.drain({"hourly": echo})
    assert outcome(engine.status("hourly-2027-01-15T08:30Z"))[2] == "done"


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/seedbed.db" if request.param == "sqlite" else fresh_database()


def test_a_second_worker_with_the_same_id_is_refused(url: str) -> None:
    first, second = DbosEngine(url), DbosEngine(url)
    first.start({})
    try:
        with pytest.raises(
            EngineError, match=r"a worker called 'worker-0' already runs .*(process \d+|another machine)"
        ):
            second.start({})
    finally:
        first.close()
    second.start({})
    second.close()


def test_a_job_that_does_not_notice_its_end_loses_its_place(url: str) -> None:
    engine = DbosEngine(url, poll_s=0.02, limits={"build": 0.1}, limit_grace_s=0.1)
    release = threading.Event()
    ran: list[str] = []

    def hangs(steps: Steps, payload: JSON) -> JSON:
        steps.run("hang", lambda: release.wait(DEADLINE_S))
        ran.append("went on")

    engine.start({"hangs": hangs, "echo": echo})
    engine.enqueue("hangs", None, id="hangs", queue="build")
    engine.enqueue("echo", None, id="after", queue="build")
    assert "took longer than 0.1 s" in str(ended(engine, "hangs").error)
    assert ended(engine, "after").state == "done"
    release.set()
    engine.close()
    assert ran == []


def test_another_process_enqueues_before_any_worker_ran(url: str) -> None:
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
