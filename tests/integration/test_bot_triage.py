"""States, labels, assignment and reminders, through the jobs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot import pulls
from bot.jobs.remind import DAY_S
from bot.pulls import Decision, PreviewPart, TriagePart
from bot.render import texts
from tests.integration.bot_bench import GOOD, QNA, Bench

BAD = {QNA: b"version: 3\ncreated_by: ada\nseed_examples:\n  - question: Where?\n"}


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, days: float) -> None:
        self.now += days * DAY_S


def bench_with(tmp_path: Path, **settings: Any) -> tuple[Bench, Clock]:
    bench, clock = Bench(tmp_path, settings_changes=settings), Clock()
    bench.context = replace(bench.context, clock=clock)
    return bench, clock


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return bench_with(tmp_path)[0]


def opened(bench: Bench, files: Mapping[str, bytes] = GOOD, **fields: Any) -> int:
    number = bench.forge.add_pull(files, **fields)
    linted(bench, number)
    return number


def linted(bench: Bench, number: int) -> None:
    assert bench.job("lint", {"pull": number}, f"lint-{bench.forge.pull(number).head_sha}").state == "done"


def triaged(bench: Bench, number: int) -> TriagePart:
    ended = bench.job("triage", {"pull": number}, f"triage-{len(bench.engine.jobs(limit=1000))}")
    assert ended.state == "done"
    return triage_of(bench, number)


def triage_of(bench: Bench, number: int) -> TriagePart:
    triage = pulls.load(bench.store, number).triage
    assert triage is not None
    return triage


def labels(bench: Bench, number: int) -> set[str]:
    return set(bench.forge.pull(number).labels)


def test_a_job_that_saw_an_older_head_voids_nothing(bench: Bench) -> None:
    """A preview looked at its pull request; then came a push, its check and an approval; then the preview's word."""
    number = opened(bench)
    old = bench.forge.pull(number)
    bench.forge.push(number, {"README.md": b"changed\n"})
    linted(bench, number)
    head = bench.forge.pull(number).head_sha
    approved = Decision("maintainer", head)
    bench.context.publish(number, lambda triage: replace(triage, approved=approved))
    bench.context.publish(number, PreviewPart(old.head_sha, "done"), pull=old)
    triage = triage_of(bench, number)
    assert (triage.sha, triage.approved, triage.state) == (head, approved, "ready-to-merge")


def test_labels_follow_the_way_of_a_contribution(bench: Bench) -> None:
    number = opened(bench, BAD)
    assert labels(bench, number) == {"seedbed:needs-fixes", "skill"}
    bench.forge.push(number, GOOD)
    linted(bench, number)
    assert labels(bench, number) == {"seedbed:needs-preview", "skill"}
    sha = bench.forge.pull(number).head_sha
    bench.job("preview", {"pull": number, "sha": sha}, "preview-1")
    assert labels(bench, number) == {"seedbed:needs-review", "skill"}
    bench.context.publish(number, lambda triage: replace(triage, approved=Decision("grace", sha)))
    assert labels(bench, number) == {"seedbed:ready-to-merge", "skill"}
    assert texts.NEXT_MERGE in bench.sticky(number)
    bench.merge(number)
    triaged(bench, number)
    assert labels(bench, number) == {"skill"}
    assert triage_of(bench, number).state == "merged"


def test_a_push_voids_the_approval_and_the_comment_says_so(bench: Bench) -> None:
    number = opened(bench)
    sha = bench.forge.pull(number).head_sha
    bench.context.publish(number, lambda triage: replace(triage, approved=Decision("grace", sha)))
    bench.forge.push(number, {QNA: GOOD[QNA] + b"\n"})
    linted(bench, number)
    triage = triage_of(bench, number)
    assert triage.approved is None
    assert triage.state in ("needs-preview", "needs-fixes")
    assert f"The approval by `grace` was for commit `{sha[:7]}`; a push made it void." in bench.sticky(number)


def test_a_lint_writes_comment_and_labels_once(bench: Bench) -> None:
    number = opened(bench)
    mine = [line for line in bench.forge.writes if "comment" in line or "labels" in line]
    assert len(mine) == 2
    bench.context.publish(number)
    assert [line for line in bench.forge.writes if "comment" in line or "labels" in line] == mine


def test_reviews_of_triagers_count_and_those_of_others_do_not(bench: Bench) -> None:
    bench.forge.set_permission("grace", "triage")
    bench.forge.set_permission("contributor", "write")
    number = opened(bench)  # by a maintainer, so with samples
    sha = bench.forge.pull(number).head_sha
    bench.forge.review_as("stranger", number, "changes_requested")
    bench.forge.review_as("contributor", number, "approved")
    assert triaged(bench, number).state == "needs-review"
    bench.forge.review_as("grace", number, "changes_requested")
    assert triaged(bench, number).state == "changes-requested"
    assert texts.NEXT_CHANGES in bench.sticky(number)
    bench.forge.review_as("grace", number, "commented")
    assert triaged(bench, number).state == "changes-requested"
    bench.forge.review_as("grace", number, "approved")
    assert triaged(bench, number).state == "ready-to-merge"
    assert triage_of(bench, number).verdicts[0].sha == sha


def test_a_push_after_requested_changes_asks_for_a_new_look(bench: Bench) -> None:
    bench.forge.set_permission("grace", "write")
    bench.forge.set_permission("contributor", "write")
    number = opened(bench)
    bench.forge.review_as("grace", number, "changes_requested")
    assert triaged(bench, number).state == "changes-requested"
    bench.forge.push(number, {QNA: GOOD[QNA].replace(b"winter", b"autumn")})
    linted(bench, number)
    assert triage_of(bench, number).state == "needs-review"
    assert triaged(bench, number).state == "needs-review"


def test_a_permission_that_is_unknown_is_asked_again_and_counts_for_nobody(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bot.forge.port import ForgeError
    from bot.jobs.triage import PermissionUnknown, run

    number = opened(bench)
    bench.forge.review_as("grace", number, "changes_requested")

    def refuse(login: str) -> Any:
        raise ForgeError("GET …: 500")

    monkeypatch.setattr(bench.forge, "permission", refuse)

    class Once:
        job_id = "t"

        def run(self, name: str, work: Any) -> Any:
            return work()

        def cancelled(self) -> bool:
            return False

    with pytest.raises(PermissionUnknown, match="grace"):
        run(bench.context, Once(), {"pull": number})
    assert triage_of(bench, number).verdicts == ()


def test_labels_of_people_stay_and_ours_come_back(bench: Bench) -> None:
    number = opened(bench, BAD)
    from bot.forge.port import Label

    bench.forge.ensure_labels(number, add=[Label("bug", "000000", "")], remove=["seedbed:needs-fixes"])
    bench.context.publish(number)
    assert labels(bench, number) == {"bug", "seedbed:needs-fixes", "skill"}


def test_a_pull_request_that_closed_before_we_spoke_is_left_in_peace(bench: Bench) -> None:
    number = bench.forge.add_pull(GOOD)
    bench.forge.close(number)
    assert bench.job("triage", {"pull": number}, "t-1").result["skip"]
    assert bench.forge.comments(number) == []


def test_closing_takes_the_state_label_off_and_reopening_puts_it_on(bench: Bench) -> None:
    number = opened(bench)
    bench.forge.close(number)
    assert triaged(bench, number).state == "closed"
    assert labels(bench, number) == {"skill"}
    assert texts.NEXT_CLOSED in bench.sticky(number)


def test_a_reopened_or_undrafted_pull_request_is_settled_though_its_commit_was_checked(bench: Bench) -> None:
    number = opened(bench)
    for change, name in (({"state": "closed"}, "closed"), ({"draft": True}, "draft")):
        bench.forge.edit(number, **change)
        assert triaged(bench, number).state == name
        bench.forge.edit(number, state="open", draft=False)
        assert bench.job("lint", {"pull": number}, f"back-{name}").result["skip"]
        assert triage_of(bench, number).state == "needs-preview"
        assert labels(bench, number) == {"seedbed:needs-preview", "skill"}


def test_work_is_shared_among_triagers(tmp_path: Path) -> None:
    bench, _ = bench_with(tmp_path, triagers="grace,linus,contributor")
    for login in ("grace", "linus", "contributor"):
        bench.forge.set_permission(login, "write")
    numbers = [opened(bench, {QNA: GOOD[QNA], **GOOD}) for _ in range(4)]
    chosen = [triage_of(bench, number).assignee for number in numbers]
    assert sorted(chosen) == ["grace", "grace", "linus", "linus"]
    assert [bench.forge.pull(number).assignees for number in numbers] == [(login,) for login in chosen]
    assert f"`{chosen[0]}` looks at this." in bench.sticky(numbers[0])


def test_nobody_is_assigned_to_what_the_author_must_mend(tmp_path: Path) -> None:
    bench, _ = bench_with(tmp_path, triagers="grace")
    bench.forge.set_permission("grace", "write")
    number = opened(bench, BAD)
    assert bench.forge.pull(number).assignees == ()


def test_whom_the_forge_refuses_is_passed_over_and_a_persons_choice_stays(tmp_path: Path) -> None:
    bench, _ = bench_with(tmp_path, triagers="ghost,grace")
    bench.forge.set_permission("grace", "write")
    number = opened(bench)
    assert bench.forge.pull(number).assignees == ("grace",)
    other = bench.forge.add_pull(GOOD)
    bench.forge.set_permission("linus", "write")
    bench.forge.ensure_assignee(other, "linus")
    linted(bench, other)
    assert bench.forge.pull(other).assignees == ("linus",)
    assert triage_of(bench, other).assignee == "linus"


def reminders(bench: Bench, number: int) -> list[str]:
    return [c.body for c in bench.forge.comments(number) if "seedbed:remind" in c.body]


def remind(bench: Bench, clock: Clock) -> list[int]:
    ended = bench.job("remind", {}, f"remind-{clock.now}-{len(bench.engine.jobs(limit=1000))}")
    assert ended.state == "done"
    found: list[int] = ended.result["reminded"]
    return found


def test_reminders_are_few_and_kind(tmp_path: Path) -> None:
    bench, clock = bench_with(tmp_path, remind_days="14,30")
    number = opened(bench, BAD)
    clock.sleep(13)
    assert remind(bench, clock) == []
    clock.sleep(1)
    assert remind(bench, clock) == [number]
    assert remind(bench, clock) == []
    body = reminders(bench, number)[0]
    assert "waited for its author, `contributor`, for 14 days" in body
    assert texts.NEXT_MEND in body
    clock.sleep(16)
    assert remind(bench, clock) == [number]
    clock.sleep(400)
    assert remind(bench, clock) == []
    assert len(reminders(bench, number)) == 2
    assert bench.forge.pull(number).state == "open"


def test_after_a_long_sleep_there_is_one_reminder(tmp_path: Path) -> None:
    bench, clock = bench_with(tmp_path, remind_days="14,30")
    number = opened(bench)
    clock.sleep(31)
    assert remind(bench, clock) == [number]
    assert remind(bench, clock) == []
    assert "waited for a maintainer for 31 days" in reminders(bench, number)[0]


def test_a_second_wait_in_the_same_state_is_reminded_again(tmp_path: Path) -> None:
    bench, clock = bench_with(tmp_path, remind_days="14")
    number = opened(bench, BAD)
    clock.sleep(15)
    assert remind(bench, clock) == [number]
    bench.forge.push(number, {QNA: BAD[QNA] + b"  - question: Why?\n"})
    linted(bench, number)
    assert remind(bench, clock) == []
    clock.sleep(15)
    assert remind(bench, clock) == [number]
    assert len(reminders(bench, number)) == 2


def test_what_is_held_or_moved_unnoticed_is_not_reminded(tmp_path: Path) -> None:
    bench, clock = bench_with(tmp_path, remind_days="14")
    held, pushed = opened(bench, BAD), opened(bench, BAD)
    bench.context.publish(held, lambda triage: replace(triage, hold=Decision("grace", "")))
    clock.sleep(20)
    bench.forge.push(pushed, GOOD)  # its webhook was lost
    assert remind(bench, clock) == []
    assert reminders(bench, held) == reminders(bench, pushed) == []
    assert triage_of(bench, pushed).state == "checking"


def test_a_reminder_that_was_cut_short_is_not_written_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench, clock = bench_with(tmp_path, remind_days="14")
    number = opened(bench, BAD)
    clock.sleep(15)
    save, calls = pulls.save, []

    def die_after_the_comment(store: Any, state: Any) -> None:
        calls.append(state)
        if len(calls) == 2:
            raise RuntimeError("killed")
        save(store, state)

    monkeypatch.setattr(pulls, "save", die_after_the_comment)
    assert bench.job("remind", {}, "r-1").state == "failed"
    assert remind(bench, clock) == [number]
    assert len(reminders(bench, number)) == 1


def test_the_checklist_is_filled_in_by_the_lint(bench: Bench) -> None:
    first = opened(bench)
    body = bench.sticky(first)
    assert "<details><summary>For the reviewer: " in body
    assert "- ✅ Licence: the taxonomy accepts it." in body
    assert "- 👀 Sign-off: " in body
    assert "- ✅ Overlap: " in body
    second = opened(bench, {QNA: GOOD[QNA].replace(b"winter", b"autumn")})
    assert f"is also changed by pull request #\u200b{first}" in bench.sticky(second)
    bench.forge.close(first)
    triaged(bench, first)
    bench.forge.push(second, {QNA: GOOD[QNA].replace(b"winter", b"spring")})
    linted(bench, second)
    assert "- ✅ Overlap: " in bench.sticky(second)


@pytest.mark.parametrize("dies_at", ["ensure_assignee", "ensure_comment", "ensure_labels", "save"])
@pytest.mark.parametrize("done", [False, True])
def test_a_publish_that_is_cut_short_and_repeated_leaves_no_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dies_at: str, done: bool
) -> None:
    bench, _ = bench_with(tmp_path, triagers="grace,linus")
    for login in ("grace", "linus"):
        bench.forge.set_permission(login, "write")
    number = bench.forge.add_pull(GOOD)
    part = pulls.LintPart(bench.forge.pull(number).head_sha, 1, leaves=("knowledge/a",), preview="ask")
    place, name = (pulls, "save") if dies_at == "save" else (bench.forge, dies_at)
    work = getattr(place, name)

    def die(*given: Any, **named: Any) -> Any:
        if done:
            work(*given, **named)
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(place, name, die)
        with pytest.raises(RuntimeError, match="killed"):
            bench.context.publish(number, part)
    bench.context.publish(number, part)
    bench.context.publish(number, part)
    assert sorted(line.split()[0] for line in bench.forge.writes) == ["assign", "comment", "labels"]
    assert labels(bench, number) == {"seedbed:needs-preview", "knowledge"}
    assert bench.forge.pull(number).assignees == (triage_of(bench, number).assignee,)
