"""What the clock starts: comparing, redelivering, ending stale checks, forgetting."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot import pulls
from bot.forge.memory import MemoryForge
from bot.forge.port import Check, ForgeError, NotFound, RateLimited, Sent
from bot.jobs import lint as lint_job
from bot.jobs import redeliver as module
from bot.jobs.redeliver import missing, redeliver
from bot.jobs.stale import end_stale
from bot.pulls import PreviewPart
from bot.render import texts
from bot.settings import Settings
from bot.wiring import jobs, schedules
from bot.worker import work
from pipeline.store.memory import MemoryStore
from tests.integration.bot_bench import GOOD, Bench

DAY = 86_400.0
NOW = 30 * DAY


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = Bench(tmp_path)
    made.commit({"README.md": b"A taxonomy.\n"}, "Start")
    made.job("merge", {}, "gh-0")
    return made


def linted(bench: Bench) -> int:
    number = bench.forge.add_pull(GOOD)
    bench.job("lint", {"pull": number}, f"gh-{number}")
    return number


def found(bench: Bench, id: str = "again") -> dict[str, Any]:
    """One comparison, as the schedule makes it, without what follows from it."""
    assert bench.engine.enqueue("reconcile", {}, id=id, queue="lint")
    known = jobs(bench.context)
    bench.engine.drain({"reconcile": known["reconcile"], **{n: lambda *_: None for n in known if n != "reconcile"}})
    status = bench.engine.status(id)
    assert status is not None
    assert status.state == "done", status.error
    return dict(status.result)


def test_nothing_is_found_where_all_is_done(bench: Bench) -> None:
    linted(bench)
    bench.job("reconcile", {}, "first")  # may look at what happened lately, once
    writes = list(bench.forge.writes)
    assert bench.job("reconcile", {}, "second").result == {"lint": [], "triage": [], "merge": []}
    assert bench.forge.writes == writes


def test_a_lost_push_is_found(bench: Bench) -> None:
    number = linted(bench)
    head = bench.forge.push(number, {"README.md": b"Changed.\n"})
    assert found(bench)["lint"] == [f"lint-{number}-{head}"]


def test_labels_that_a_person_took_off_come_back(bench: Bench) -> None:
    number = linted(bench)
    bench.job("reconcile", {}, "first")
    assert bench.forge.pull(number).labels
    bench.forge.edit(number, labels=())
    assert bench.job("reconcile", {}, "second").result["triage"]
    assert bench.forge.pull(number).labels


def test_a_close_that_nobody_told_of_is_found(bench: Bench) -> None:
    number = linted(bench)
    bench.forge.close(number)
    assert found(bench, "first")["triage"] == [f"triage-{number}-closed"]
    bench.job("triage", {"pull": number}, "by-hand")
    assert found(bench, "second")["triage"] == []


def test_a_merge_whose_pull_request_never_heard_is_found(bench: Bench) -> None:
    number = linted(bench)
    bench.merge(number)
    bench.job("merge", {}, "gh-merge")
    bench.job("triage", {"pull": number}, "gh-closed")
    assert found(bench, "first")["merge"] == []
    state = pulls.load(bench.store, number)
    pulls.save(bench.store, replace(state, merge=None))  # as after a kill between datasets and comment
    assert bench.job("reconcile", {}, "second").result["merge"]
    assert pulls.load(bench.store, number).merge is not None


def test_a_suite_that_is_run_again_checks_its_heads_again(bench: Bench) -> None:
    number, other = linted(bench), linted(bench)
    head = bench.forge.pull(number).head_sha
    result = bench.job("reconcile", {"again": head}, "gh-suite").result
    same = [n for n in (number, other) if bench.forge.pull(n).head_sha == head]
    assert result == {"lint": [f"gh-suite-{n}" for n in same]}
    status = bench.engine.status(f"gh-suite-{number}")
    assert status is not None
    assert status.state == "done"
    assert not status.result.get("skip")


def test_a_silent_forge_ends_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(_: MemoryForge) -> Any:
        raise ForgeError("no answer")

    monkeypatch.setattr(MemoryForge, "open_pulls", silent)
    assert bench.job("reconcile", {}, "again").result == {"lint": [], "triage": [], "merge": []}


class Log:
    """A forge's log of deliveries, as far as `redeliver` asks for it."""

    def __init__(self, *sent: Sent) -> None:
        self.sent = list(sent)
        self.asked: list[str] = []
        self.error: Exception | None = None

    def deliveries(self, since: float) -> list[Sent]:
        return sorted((s for s in self.sent if s.at >= since), key=lambda s: -s.at)

    def redeliver(self, sent: Sent) -> None:
        if self.error:
            raise self.error
        self.asked.append(sent.guid)


def sent(id: int, guid: str, ago: float, *, ok: bool = False) -> Sent:
    return Sent(id, guid, "push", ok, NOW - ago)


def test_what_arrived_by_any_attempt_is_left_alone() -> None:
    log = [sent(1, "a", 900), sent(2, "a", 800, ok=True), sent(3, "b", 700), sent(4, "c", 10), sent(5, "d", 600)]
    assert [(s.guid, s.id) for s in missing([*log, sent(6, "b", 500)])] == [("b", 6), ("d", 5), ("c", 4)]


def test_lost_deliveries_are_asked_for_a_few_times(bench: Bench) -> None:
    log: Any = Log(sent(1, "lost", 2 * DAY), sent(2, "old", 4 * DAY), sent(3, "fine", DAY, ok=True))
    rounds = [redeliver(log, bench.store, NOW + n * 600) for n in range(5)]
    assert rounds == [["lost"]] * module.ATTEMPTS + [[], []]
    log.sent.append(sent(4, "later", -4 * 600))
    assert redeliver(log, bench.store, NOW + 5 * 600) == ["later"]


def test_the_cursor_waits_for_what_is_still_missing(bench: Bench) -> None:
    log: Any = Log(sent(1, "lost", DAY))
    redeliver(log, bench.store, NOW)
    log.sent.append(sent(2, "lost", 10, ok=True))
    assert redeliver(log, bench.store, NOW + 600) == []
    asked: list[float] = []
    log.deliveries = lambda since: asked.append(since) or []
    redeliver(log, bench.store, NOW + 1200)
    assert asked == [NOW]  # all before is settled, but for ten minutes of lateness


def test_a_forgotten_delivery_stops_no_other_and_a_limit_is_waited_for(bench: Bench) -> None:
    log: Any = Log(sent(1, "a", 900), sent(2, "b", 800))
    log.error = NotFound("gone")
    assert redeliver(log, bench.store, NOW) == ["a", "b"]
    log.error = RateLimited("slow down", 5)
    with pytest.raises(RateLimited):
        redeliver(log, bench.store, NOW + 600)


def test_the_job_redelivers(bench: Bench) -> None:
    assert bench.job("redeliver", {}, "clock").result == {"redelivered": []}


def open_check(bench: Bench, number: int, name: str) -> None:
    head = bench.forge.pull(number).head_sha
    bench.forge.ensure_check(Check(name, head, f"{bench.forge.repository}#{number}", "Under way", "Wait."))


def test_a_check_whose_job_is_gone_is_ended(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a job does that its engine cancelled for taking too long: its last words were "in progress"."""
    number = bench.forge.add_pull(GOOD)
    bench.engine.enqueue("lint", {"pull": number}, id="gh-1", queue="lint", key=str(number))
    open_check(bench, number, texts.LINT)
    assert end_stale(bench.context) == []  # it waits or runs
    bench.engine.cancel("gh-1")
    assert end_stale(bench.context) == [f"{texts.LINT} of #{number} at {bench.forge.pull(number).head_sha}"]
    check = bench.check(texts.LINT, number)
    assert check.conclusion == "timed_out"
    assert texts.AGAIN_LINT in check.summary
    assert end_stale(bench.context) == []
    monkeypatch.setattr(lint_job, "LAG_S", 0)
    bench.job("reconcile", {}, "clock")  # and then it is done after all
    assert bench.check(texts.LINT, number).conclusion == "success"


def test_an_open_check_of_an_earlier_head_is_superseded(bench: Bench) -> None:
    number = bench.forge.add_pull(GOOD)
    old = bench.forge.pull(number).head_sha
    bench.engine.enqueue("lint", {"pull": number}, id="gh-1", queue="lint", key=str(number))
    open_check(bench, number, texts.LINT)
    bench.engine.cancel("gh-1")
    bench.forge.push(number, {"README.md": b"Changed.\n"})
    bench.job("lint", {"pull": number}, "gh-2")
    assert end_stale(bench.context) == [f"{texts.LINT} of #{number} at {old}"]
    assert bench.check(texts.LINT, number, old).conclusion == "cancelled"


def test_a_preview_that_nobody_makes_is_told(bench: Bench) -> None:
    number = linted(bench)
    head = bench.forge.pull(number).head_sha
    bench.context.publish(number, PreviewPart(head, "running", job="preview-gone"))
    open_check(bench, number, texts.PREVIEW)
    assert len(end_stale(bench.context)) == 2
    assert bench.check(texts.PREVIEW, number).conclusion == "timed_out"
    preview = pulls.load(bench.store, number).preview
    assert preview is not None
    assert preview.status == "failed"
    assert texts.STALE_PART in bench.sticky(number)
    assert bench.job("stale", {}, "clock").result == {"ended": []}


def test_prune_asks_for_the_days_of_the_settings(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []
    monkeypatch.setattr(type(bench.engine), "prune", lambda _, older_than_s: asked.append(older_than_s) or 3)
    assert bench.job("prune", {}, "clock").result == {"jobs": 3}
    assert asked == [30 * DAY]


def test_prune_keeps_the_limits_of_the_store(tmp_path: Path) -> None:
    bench = Bench(tmp_path, store=MemoryStore(clock=lambda: 0.0), settings_changes={"store_max_days": 30})
    bench.store.write("leaves/k/manifest.json", b"{}")
    pruned = bench.job("prune", {}, "clock").result
    assert pruned == {"jobs": 0, "store": {"datasets": {"count": 1, "bytes": 2}, "left_bytes": 0}}
    assert not bench.store.exists("leaves/k/manifest.json")


def test_a_worker_begins_by_comparing_and_ends_when_told(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    number = linted(bench)
    head = bench.forge.push(number, GOOD | {"README.md": b"Changed.\n"})
    stopped = threading.Event()
    worker = threading.Thread(target=work, args=(bench.context, bench.engine, stopped))
    worker.start()
    try:
        until(lambda: (s := bench.engine.status(f"lint-{number}-{head}")) is not None and s.state == "done")
    finally:
        stopped.set()
        worker.join(30)
    assert not worker.is_alive()
    state = pulls.load(bench.store, number)
    assert state.lint is not None
    assert state.lint.sha == head


def until(so: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not so():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_every_schedule_has_its_job(bench: Bench) -> None:
    planned = schedules(bench.context.settings)
    assert {schedule.job for schedule in planned} <= set(jobs(bench.context))
    assert ("nightly", "30 2 * * *", "build") in [(s.job, s.cron, s.queue) for s in planned]
    quiet = Settings(repository="a/b", nightly_at="")
    assert "nightly" not in {schedule.job for schedule in schedules(quiet)}
