"""Who gets the teacher's time."""

from __future__ import annotations

import json
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import pytest

from bot.forge.port import Permission
from bot.pulls import Decision, PullState, TriagePart
from bot.trust import Grant, teacher_time
from pipeline.store.files import FileStore
from tests.integration.commands_bench import Comments, MoodyForge

DAY = 86_400.0
YES, STRANGER, BUDGET, UNKNOWN = Grant(True), Grant(False, "stranger"), Grant(False, "budget"), Grant(False, "unknown")


@pytest.fixture
def bench(tmp_path: Path) -> Comments:
    return Comments(tmp_path, settings_changes={"daily_previews": 2})


@pytest.fixture
def known(bench: Comments) -> Comments:
    """A bench on which ada has merged before."""
    bench.forge.merge(bench.pull(author="Ada"))
    return bench


def ask(bench: Comments, number: int, asker: str = "ada", spend: str = "") -> Grant:
    return teacher_time(bench.context, bench.forge.pull(number), asker, bench.state(number), spend=spend)


def at(bench: Comments, now: float) -> None:
    bench.context = replace(bench.context, clock=lambda: now)


@pytest.mark.parametrize(
    ("permission", "grant"), [("read", STRANGER), ("none", STRANGER), ("triage", YES), ("write", YES), ("admin", YES)]
)
def test_permission_and_nothing_else_makes_a_maintainer(bench: Comments, permission: Permission, grant: Grant) -> None:
    bench.forge.set_permission("ada", permission)
    bench.forge.set_permission("eve", permission)
    number = bench.pull(author="ada")
    assert ask(bench, number, "ada", "a") == grant
    assert ask(bench, number, "eve", "b") == grant
    assert list(bench.store.keys("budgets/")) == []


def test_a_known_author_has_a_daily_budget(known: Comments) -> None:
    at(known, 20_000 * DAY)
    number = known.pull(author="ada")
    assert [ask(known, number, spend=f"s{n}") for n in range(3)] == [YES, YES, BUDGET]
    assert ask(known, number, "ADA", "s0") == YES  # the same one, asked for again
    assert ask(known, number, spend="") == BUDGET
    at(known, 20_001 * DAY - 1)
    assert ask(known, number, spend="s9") == BUDGET
    at(known, 20_001 * DAY)
    assert ask(known, number, spend="s1") == YES  # repeated after midnight: booked yesterday
    assert [ask(known, number, spend=f"t{n}") for n in range(3)] == [YES, YES, BUDGET]
    for day in range(20_002, 20_010):
        at(known, day * DAY)
        assert ask(known, number, spend=f"d{day}") == YES
    (key,) = known.store.keys("budgets/")
    assert len(json.loads(known.store.read(key))) == 2


def test_asking_without_spending_books_nothing(known: Comments) -> None:
    number = known.pull(author="ada")
    assert [ask(known, number) for _ in range(5)] == [YES] * 5
    assert list(known.store.keys("budgets/")) == []


def test_the_budget_is_the_authors_alone(known: Comments) -> None:
    number = known.pull(author="eve")
    assert ask(known, number, "ada", "a") == STRANGER  # known here, but this is not hers
    assert ask(known, number, "eve", "b") == STRANGER


def test_a_trusted_head_costs_no_budget_and_is_one_head_alone(bench: Comments) -> None:
    number = bench.pull(author="ada")
    pull = bench.forge.pull(number)
    trusted = PullState(number, triage=TriagePart(trusted=Decision("grace", pull.head_sha)))
    assert teacher_time(bench.context, pull, "ada", trusted, spend="a") == YES
    assert teacher_time(bench.context, pull, "eve", trusted, spend="b") == STRANGER
    pushed = replace(pull, head_sha="f" * 40)
    assert teacher_time(bench.context, pushed, "ada", trusted, spend="c") == STRANGER
    assert list(bench.store.keys("budgets/")) == []


def test_a_budget_of_none(tmp_path: Path) -> None:
    bench = Comments(tmp_path, settings_changes={"daily_previews": 0})
    bench.forge.merge(bench.pull(author="ada"))
    assert ask(bench, bench.pull(author="ada"), spend="a") == STRANGER


@pytest.mark.parametrize("silent", ["ada", "merged"])
def test_no_answer_is_a_no(known: Comments, silent: str) -> None:
    number = known.pull(author="ada")
    known.forge.silent = frozenset({silent})
    assert ask(known, number, spend="a") == UNKNOWN


def test_a_damaged_record_gives_nothing_away(known: Comments) -> None:
    number = known.pull(author="ada")
    assert ask(known, number, spend="a") == YES
    (key,) = known.store.keys("budgets/")
    known.store.write(key, b"{")
    assert ask(known, number, spend="b") == UNKNOWN


def _spend(folder: Path, name: str) -> list[bool]:
    """In a process of its own: ada asks ten times."""
    bench = Comments(folder, forge=MoodyForge(files={"README.md": b"x"}), settings_changes={"daily_previews": 7})
    bench.forge.merge(bench.pull(author="ada"))
    number = bench.pull(author="ada")
    bench.context = replace(bench.context, store=FileStore(folder / "store"), clock=lambda: 20_000 * DAY)
    return [ask(bench, number, spend=f"{name}-{n}").allowed for n in range(10)]


def test_processes_share_one_budget(tmp_path: Path) -> None:
    with ProcessPoolExecutor(3, mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(_spend, tmp_path, name) for name in "abc"]
        allowed = [future.result(120) for future in futures]
    assert sum(map(sum, allowed)) == 7


def test_the_author_is_told_what_comes_next(known: Comments) -> None:
    number = known.pull(author="ada")
    comments = [known.say(number, "ada", f"/preview n={n}") for n in (1, 2, 3)]
    assert [known.refused(comment) for comment in comments] == [False, False, True]
    (told,) = known.replies(number)
    assert told == (
        "`/preview n=3` was not run: you have used up today's 2 previews (prechecks and impact runs count, too). "
        "You get new ones at midnight UTC, and a maintainer can type it at any time."
    )


def test_what_cannot_be_done_costs_nothing(known: Comments) -> None:
    number = known.pull(author="ada")
    for body in ("/preview nosuchleaf", "/preview n=99", "/previw"):
        assert known.refused(known.say(number, "ada", body))
    assert list(known.store.keys("budgets/")) == []
