"""Every pull request is in exactly one state, and every move that an event makes is one of the table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.forge.port import Pull
from bot.pulls import Decision, LintPart, PreviewPart, PullState, TriagePart, Verdict
from bot.triage.facts import Facts
from bot.triage.moves import MOVES, legal
from bot.triage.page import PAGE, with_tables
from bot.triage.settling import settle, spare_labels, wanted_labels
from bot.triage.states import BY_NAME, PREFIX, STATES, state_of

LEAF = "compositional_skills/animals/sleep"
PULL = Pull(
    7, "A leaf", "ada", "open", False, False, "a" * 40, "main", "b" * 40, None, "https://forge.invalid/o/r/pull/7"
)


def every_fact() -> Iterator[Facts]:
    values = []
    for hint in get_type_hints(Facts).values():
        values.append([True, False] if hint is bool else list(get_args(hint)))
    yield from (Facts(*row) for row in product(*values))


def judged(f: Facts) -> Iterator[Facts]:
    for lint, samples in product(("failed", "errors", "clean"), {f.samples, "none", "coming", "made"}):
        yield replace(f, lint=lint, samples=samples)  # type: ignore[arg-type]


EVENTS: dict[str, Callable[[Facts], list[Facts]]] = {
    "a push": lambda f: [replace(f, lint="none", samples="none", requested=False, approved=False)],
    "the check of the head": lambda f: list(judged(f)),
    "a preview starts": lambda f: [replace(f, samples="coming")],
    "a preview ends": lambda f: [replace(f, samples=s) for s in ("made", "failed")] if f.samples == "coming" else [],
    "a review, or `/approve`": lambda f: [
        replace(f, requested=r, approved=a) for r, a in product((True, False), repeat=2)
    ],
    "`/hold`": lambda f: [replace(f, held=True)],
    "`/unhold`": lambda f: [replace(f, held=False)],
    "it becomes a draft": lambda f: [replace(f, draft=True)],
    "it is ready for review": lambda f: [replace(f, draft=False)],
    "a merge": lambda f: [replace(f, life="merged")],
    "it is closed": lambda f: [replace(f, life="closed")],
    "it is reopened": lambda f: [],
}


def pairs(event: str) -> set[tuple[str, str]]:
    found = set()
    for facts in every_fact():
        if event == "it is reopened":
            after = [replace(facts, life="open")] if facts.life == "closed" else []
        else:
            after = EVENTS[event](facts) if facts.life == "open" else []
        found |= {(state_of(facts).name, state_of(one).name) for one in after}
    return {(before, after) for before, after in found if before != after}


def test_the_last_state_takes_all_that_is_left_and_every_state_is_reached() -> None:
    assert {state_of(facts).name for facts in every_fact()} == set(BY_NAME)
    assert STATES[-1].when(Facts())


@pytest.mark.parametrize("move", MOVES, ids=lambda move: move.event)
def test_the_table_of_moves_is_what_events_do(move: object) -> None:
    event = move.event  # type: ignore[attr-defined]
    made = pairs(event)
    assert all(legal(event, *pair) for pair in made)
    assert {before for before, _ in made} == set(move.before)  # type: ignore[attr-defined]
    assert {after for _, after in made} == set(move.after)  # type: ignore[attr-defined]


def test_every_event_is_in_the_table() -> None:
    assert [move.event for move in MOVES] == list(EVENTS)


def test_labels_are_ours_and_fit_the_forge() -> None:
    labels = [state.label for state in STATES if state.label]
    assert {state.name for state in STATES if not state.label} == {"merged", "closed"}
    assert all(label.name.startswith(PREFIX) for label in labels)
    assert all(len(label.description) <= 100 and len(label.name) <= 50 for label in labels)
    assert len({label.name for label in labels}) == len(labels)


def test_whoever_must_act_is_told_what_to_do() -> None:
    assert all(state.next for state in STATES if state.name != "merged")


# A small world: a pull request, what is stored of it, and what can happen to it.

World = tuple[PullState, Pull]


def _triage(state: PullState, **changes: object) -> PullState:
    return replace(state, triage=replace(state.triage or TriagePart(), **changes))  # type: ignore[arg-type]


def _push(state: PullState, pull: Pull) -> World:
    return state, replace(pull, head_sha=f"{int(pull.head_sha, 16) + 1:040x}")


def _check(**fields: object) -> Callable[[PullState, Pull], World]:
    return lambda state, pull: (
        replace(state, lint=LintPart(sha=pull.head_sha, leaves=(LEAF,), **fields)),  # type: ignore[arg-type]
        pull,
    )


def _preview(status: str) -> Callable[[PullState, Pull], World]:
    return lambda state, pull: (replace(state, preview=PreviewPart(pull.head_sha, status)), pull)  # type: ignore[arg-type]


def _ends(status: str) -> Callable[[PullState, Pull], World]:
    def end(state: PullState, pull: Pull) -> World:
        running = state.preview and state.preview.status == "running" and state.preview.sha == pull.head_sha
        return _preview(status)(state, pull) if running else (state, pull)

    return end


def _review(says: str) -> Callable[[PullState, Pull], World]:
    return lambda state, pull: (_triage(state, verdicts=(Verdict("grace", says, pull.head_sha),)), pull)  # type: ignore[arg-type]


def _reopen(state: PullState, pull: Pull) -> World:
    return state, replace(pull, state="open") if not pull.merged else pull


THINGS: list[tuple[str, Callable[[PullState, Pull], World]]] = [
    ("a push", _push),
    ("the check of the head", _check()),
    ("the check of the head", _check(errors=2)),
    ("the check of the head", _check(failed="the disk is full")),
    ("the check of the head", _check(preview="queued")),
    ("the check of the head", lambda s, p: (replace(s, lint=LintPart(p.head_sha)), p)),
    ("a preview starts", _preview("running")),
    ("a preview ends", _ends("done")),
    ("a preview ends", _ends("failed")),
    ("a review, or `/approve`", _review("approved")),
    ("a review, or `/approve`", _review("changes_requested")),
    ("a review, or `/approve`", lambda s, p: (_triage(s, verdicts=()), p)),
    ("a review, or `/approve`", lambda s, p: (_triage(s, approved=Decision("grace", p.head_sha)), p)),
    ("`/hold`", lambda s, p: (_triage(s, hold=Decision("grace", p.head_sha)), p)),
    ("`/unhold`", lambda s, p: (_triage(s, hold=None), p)),
    ("it becomes a draft", lambda s, p: (s, replace(p, draft=True))),
    ("it is ready for review", lambda s, p: (s, replace(p, draft=False))),
    ("it is closed", lambda s, p: (s, replace(p, state="closed"))),
    ("a merge", lambda s, p: (s, replace(p, state="closed", merged=True)) if p.state == "open" else (s, p)),
    ("it is reopened", _reopen),
]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(range(len(THINGS))), max_size=30))
def test_whatever_happens_there_is_one_state_label_and_no_illegal_move(happened: list[int]) -> None:
    state, pull = settle(PullState(7), PULL, 0.0), PULL
    carried: set[str] = {"good first issue", "seedbed-like"}
    for now, thing in enumerate(happened, 1):
        event, happen = THINGS[thing]
        if pull.state == "closed" and event != "it is reopened":
            continue
        assert state.triage is not None
        before, since = state.triage.state, state.triage.since
        state, pull = happen(state, pull)
        state = settle(state, pull, float(now))
        assert state.triage is not None
        assert legal(event, before, state.triage.state)
        assert settle(state, pull, now + 0.5) == state
        changed = before != state.triage.state or event == "a push"
        assert state.triage.since == (now if changed else since)
        labels = wanted_labels(state)
        carried = (carried | {label.name for label in labels}) - set(spare_labels(state, tuple(carried)))
        state = replace(state, triage=replace(state.triage, labels=tuple(label.name for label in labels)))
        assert sum(name.startswith(PREFIX) for name in carried) == (pull.state == "open")
        assert carried >= {"good first issue", "seedbed-like"}


def test_the_page_shows_the_tables_as_they_are() -> None:
    page = (Path(__file__).parents[2] / PAGE).read_text("utf-8")
    assert with_tables(page) == page, "run: python -m bot.triage.page"
    assert page.count("<!-- end -->") == 4
    assert all(f"| {state.name} |" in page for state in STATES)
