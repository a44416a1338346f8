"""Decisions hold for their head; labels are remembered; work is shared."""

from __future__ import annotations

from dataclasses import replace

from bot.forge.port import Pull
from bot.pulls import Decision, LintPart, PreviewPart, PullState, TriagePart, Verdict
from bot.render import texts
from bot.render.triage import lines, reminder
from bot.triage.assignment import candidates
from bot.triage.settling import settle, spare_labels, wanted_labels

OLD, NEW = "a" * 40, "b" * 40
PULL = Pull(7, "A leaf", "ada", "open", False, False, OLD, "main", "c" * 40, None, "https://forge.invalid/o/r/pull/7")
LEAF, FACTS = "compositional_skills/animals/sleep", "knowledge/science/otters"


def reviewed(**fields: object) -> PullState:
    triage = TriagePart(**fields)  # type: ignore[arg-type]
    return PullState(7, LintPart(OLD, leaves=(LEAF,)), PreviewPart(OLD, "done"), triage=triage)


def state_at(state: PullState, pull: Pull = PULL, now: float = 5.0) -> TriagePart:
    triage = settle(state, pull, now).triage
    assert triage is not None
    return triage


def test_an_approval_holds_until_the_next_push_and_the_comment_says_so() -> None:
    state = settle(reviewed(approved=Decision("grace", OLD)), PULL, 1.0)
    assert state.triage
    assert state.triage.state == "ready-to-merge"
    after = settle(state, replace(PULL, head_sha=NEW), 2.0)
    assert after.triage
    assert (after.triage.state, after.triage.approved) == ("checking", None)
    assert after.triage.void == texts.VOID_APPROVAL.format(by="grace", sha=OLD[:7])
    assert "> The approval by `grace` was for commit `aaaaaaa`; a push made it void." in list(lines(after))
    again = settle(
        replace(after, triage=replace(after.triage, approved=Decision("grace", NEW))), replace(PULL, head_sha=NEW), 3.0
    )
    assert again.triage
    assert again.triage.void == ""


def test_trust_is_for_one_head() -> None:
    after = state_at(reviewed(trusted=Decision("grace", OLD)), replace(PULL, head_sha=NEW))
    assert after.trusted is None
    assert after.void.startswith("`/ok-to-test` by `grace`")
    assert state_at(reviewed(trusted=Decision("grace", OLD))).trusted == Decision("grace", OLD)


def test_a_review_that_a_push_overtook_is_said_and_does_not_count() -> None:
    state = settle(reviewed(verdicts=(Verdict("grace", "approved", OLD),)), PULL, 1.0)
    assert state.triage
    assert state.triage.state == "ready-to-merge"
    after = state_at(state, replace(PULL, head_sha=NEW))
    assert "approval by `grace`" in after.void
    asked = settle(reviewed(verdicts=(Verdict("grace", "changes_requested", OLD),)), PULL, 1.0)
    assert asked.triage
    assert asked.triage.state == "changes-requested"
    mended = replace(asked, lint=LintPart(NEW, leaves=(LEAF,)), preview=PreviewPart(NEW, "done"))
    assert state_at(mended, replace(PULL, head_sha=NEW)).state == "needs-review"


def test_whoever_approves_takes_back_what_they_asked_for_and_nobody_elses() -> None:
    said = Decision("Grace", OLD)
    assert state_at(reviewed(verdicts=(Verdict("grace", "changes_requested", OLD),), approved=said)).state == (
        "ready-to-merge"
    )
    assert state_at(reviewed(verdicts=(Verdict("bob", "changes_requested", OLD),), approved=said)).state == (
        "changes-requested"
    )


def test_a_push_starts_the_wait_anew() -> None:
    state = replace(reviewed(), lint=LintPart(OLD, errors=1, leaves=(LEAF,)))
    first = settle(state, PULL, 10.0)
    assert first.triage
    first = replace(first, triage=replace(first.triage, reminded=2))
    assert state_at(first, now=99.0) == first.triage
    pushed = replace(first, lint=LintPart(NEW, errors=1, leaves=(LEAF,)))
    after = state_at(pushed, replace(PULL, head_sha=NEW), now=99.0)
    assert (after.state, after.since, after.reminded) == ("needs-fixes", 99.0, 0)


def test_kinds_follow_the_leaves_and_only_our_labels_go() -> None:
    both = settle(replace(reviewed(), lint=LintPart(OLD, leaves=(LEAF, FACTS))), PULL, 1.0)
    assert [label.name for label in wanted_labels(both)] == ["seedbed:needs-review", "knowledge", "skill"]
    assert both.triage
    kept = replace(both, triage=replace(both.triage, labels=("seedbed:draft", "knowledge", "skill")))
    one = replace(kept, lint=LintPart(OLD, leaves=(LEAF,)))
    carried = ("bug", "knowledge", "skill", "seedbed:draft", "seedbed:of-a-person")
    assert spare_labels(one, carried) == ("knowledge", "seedbed:draft")
    by_hand = replace(one, triage=replace(both.triage, labels=()))
    assert spare_labels(by_hand, carried) == ("seedbed:draft",)


def test_the_comment_says_who_holds_and_who_looks() -> None:
    held = settle(reviewed(hold=Decision("grace", OLD, "wait for @everyone")), PULL, 1.0)
    assert list(lines(held)) == [f"{texts.NEXT_HELD} Held by `grace`: wait for @\u200beveryone."]
    assigned = settle(reviewed(), replace(PULL, assignees=("grace", "bob")), 1.0)
    assert list(lines(assigned)) == [f"{texts.NEXT_REVIEW} `grace` looks at this."]
    assert list(lines(PullState(7))) == []
    assert list(lines(settle(reviewed(), replace(PULL, state="closed"), 1.0))) == [texts.NEXT_CLOSED]
    assert list(lines(settle(reviewed(), replace(PULL, state="closed", merged=True), 1.0))) == []


def test_who_looks_at_it_is_who_the_forge_says() -> None:
    both = replace(PULL, assignees=("bob", "Grace"))
    assert state_at(reviewed(assignee="grace"), both).assignee == "Grace"
    assert state_at(reviewed(assignee="linus"), both).assignee == "bob"
    assert state_at(reviewed(assignee="linus")).assignee == ""


def test_without_samples_the_review_speaks_of_none() -> None:
    state = settle(replace(reviewed(), lint=LintPart(OLD), preview=None), PULL, 1.0)
    assert list(lines(state)) == [texts.NEXT_REVIEW_ONLY]


def test_a_reminder_is_kind_and_says_the_next_step() -> None:
    state = settle(reviewed(), replace(PULL, assignees=("grace",)), 86_400.0)
    marker, body = reminder(state, "ada", days=15, nth=1)
    assert marker == "<!-- seedbed:remind needs-review 86400 1 -->"
    assert body.startswith(marker)
    assert "waited for a maintainer for 15 days. `grace` looks at this." in body
    assert texts.NEXT_REVIEW in body
    assert "nothing closes by itself" in body


def pull(number: int, *assignees: str, author: str = "ada") -> Pull:
    return replace(PULL, number=number, assignees=assignees, author=author)


def test_work_goes_to_whoever_has_least_of_it() -> None:
    others = [pull(1, "grace"), pull(2, "Grace"), pull(3, "linus")]
    assert candidates(pull(9), others, ("grace", "linus", "margaret")) == ["margaret", "linus", "grace"]
    assert candidates(pull(9, author="Margaret"), others, ("grace", "linus", "margaret")) == ["linus", "grace"]
    assert candidates(pull(9), others, ()) == []
    assert candidates(pull(9, "grace"), [pull(9, "grace")], ("grace", "linus")) == ["linus"]


def test_equals_share_by_hash_and_always_alike() -> None:
    team = ("grace", "linus", "margaret")
    first = [candidates(pull(number), [], team)[0] for number in range(300)]
    assert first == [candidates(pull(number), [], team[::-1])[0] for number in range(300)]
    assert all(70 <= first.count(login) <= 130 for login in team)
