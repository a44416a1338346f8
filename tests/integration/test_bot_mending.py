"""What a machine can mend: suggested once unasked, committed by `/fix` where the author lets us, else suggested."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot import pulls, sandbox
from bot.commands import Asked
from bot.forge.memory import MemoryForge
from bot.forge.port import Forbidden, ForgeError
from bot.render import texts
from bot.wall import Stopped
from tests.integration.bot_bench import ATTRIBUTION, GOOD, QNA, Bench
from validators import lint
from validators.examples import SKILL

SLOPPY = GOOD[QNA].replace(b"created_by: ada", b"created_by: ada  ").replace(b"sleeps.\n", b"sleeps. \n")
MESSY = {**GOOD, QNA: SLOPPY}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def fix(bench: Bench, number: int, id: str = "fix-1", **more: Any) -> Any:
    """Run the job as the command enqueues it; the status."""
    payload = {"pull": number, "sha": bench.forge.pull(number).head_sha, "author": "grace", "comment": 77, **more}
    return bench.job("fix", payload, id)


def answers(bench: Bench, number: int) -> list[str]:
    return [c.body for c in bench.forge.comments(number) if c.body.startswith("<!-- seedbed:fix ")]


def at_head(bench: Bench, number: int, path: str) -> bytes | None:
    return bench.forge.file(bench.forge.pull(number).head_sha, path, limit=1 << 20)


def test_suggestions_come_once_unasked(bench: Bench) -> None:
    number = bench.forge.add_pull(MESSY)
    bench.job("lint", {"pull": number}, "gh-1")
    (review,) = bench.forge.reviews(number)
    made = bench.forge.suggestions[review.id]
    assert review.sha == bench.forge.pull(number).head_sha
    first = next(s for s in made if s.start_line == 2)
    assert (first.path, first.line) == (QNA, 3)
    assert first.body.endswith("```suggestion\ncreated_by: ada\ntask_description: Say where an animal sleeps.\n```")
    assert len(first.body.split("\n\n")[0]) > 10  # says what it does
    bench.forge.push(number, {QNA: SLOPPY.replace(b"wolf", b"fox")})
    bench.job("lint", {"pull": number}, "gh-2")
    assert len(bench.forge.reviews(number)) == 1
    assert pulls.load(bench.store, number).suggested == review.sha


def test_no_suggestion_where_nothing_is_mechanical(bench: Bench) -> None:
    number = bench.forge.add_pull(GOOD)
    bench.job("lint", {"pull": number}, "gh-1")
    assert bench.forge.reviews(number) == []


def test_a_review_that_is_refused_costs_no_verdict(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> int:
        raise ForgeError("pull_request_review_thread.line must be part of the diff")

    monkeypatch.setattr(MemoryForge, "ensure_review", refuse)
    number = bench.forge.add_pull(MESSY)
    assert bench.job("lint", {"pull": number}, "gh-1").state == "done"
    assert bench.check(texts.LINT, number).conclusion == "failure"


def test_fix_pushes_where_the_author_lets_us(bench: Bench) -> None:
    number = bench.forge.add_pull(MESSY, fork="ada/taxonomy", editable=True)
    old = bench.forge.pull(number).head_sha
    status = fix(bench, number)
    assert status.state == "done", status.error
    assert bench.forge.pull(number).head_sha == status.result["commit"] != old
    assert at_head(bench, number, QNA) == GOOD[QNA]
    (commit,) = [c for c in bench.forge.commits(number) if c.sha == status.result["commit"]]
    assert commit.message.startswith("Mend ")
    assert f"- {QNA}: " in commit.message
    assert "Requested-by: grace" in commit.message
    assert "\nSigned-off-by: seedbed[bot] <seedbed[bot]@users.noreply.github.com>" in commit.message
    (answer,) = answers(bench, number)
    assert status.result["commit"][:7] in answer
    assert "`grace`" in answer


def test_a_repeated_fix_commits_once_and_answers_once(bench: Bench) -> None:
    number = bench.forge.add_pull(MESSY)
    fix(bench, number)
    head, writes = bench.forge.pull(number).head_sha, list(bench.forge.writes)
    again = fix(bench, number, "fix-2")
    assert bench.forge.pull(number).head_sha == head
    assert texts.FIX_NOTHING in answers(bench, number)[0]
    assert len(answers(bench, number)) == 1
    assert again.state == "done"
    assert not [w for w in bench.forge.writes[len(writes) :] if w.startswith("commit")]


def test_a_fix_that_is_cut_short_after_its_commit_goes_on(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    number = bench.forge.add_pull(MESSY)
    ensure = MemoryForge.ensure_comment
    failures = [ForgeError("no answer"), ForgeError("no answer")]

    def unlucky(forge: Any, *given: Any) -> int:
        if failures:
            raise failures.pop()
        return ensure(forge, *given)

    monkeypatch.setattr(MemoryForge, "ensure_comment", unlucky)
    assert fix(bench, number).state == "failed"
    assert bench.engine.retry("fix-1")
    bench.drain()
    status = bench.engine.status("fix-1")
    assert status is not None
    assert status.state == "done", status.error
    assert status.result["commit"] == bench.forge.pull(number).head_sha
    assert len([w for w in bench.forge.writes if w.startswith("commit ")]) == 1


def test_fix_suggests_where_we_may_not_push(bench: Bench) -> None:
    number = bench.forge.add_pull(MESSY, fork="ada/taxonomy", editable=False)
    head = bench.forge.pull(number).head_sha
    status = fix(bench, number)
    assert status.result["suggested"] >= 1
    assert bench.forge.pull(number).head_sha == head
    (review,) = bench.forge.reviews(number)
    assert len(bench.forge.suggestions[review.id]) == status.result["suggested"]
    assert "Allow edits by maintainers" in answers(bench, number)[0]
    assert "```diff" not in answers(bench, number)[0]


def test_what_cannot_stand_on_a_line_is_told_as_a_patch(bench: Bench) -> None:
    files = {QNA.replace("qna.yaml", "qna.yml"): SLOPPY, ATTRIBUTION: GOOD[ATTRIBUTION]}
    number = bench.forge.add_pull(files, fork="ada/taxonomy", editable=False)
    assert fix(bench, number).state == "done"
    assert f"```diff\n--- /dev/null\n+++ b/{QNA}" in answers(bench, number)[0]


def test_a_permission_that_was_taken_back_means_suggestions(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> str:
        raise Forbidden("not ours")

    monkeypatch.setattr(MemoryForge, "commit_files", refuse)
    number = bench.forge.add_pull(MESSY)
    assert fix(bench, number).result["suggested"] >= 1


def test_a_renamed_file_moves(bench: Bench) -> None:
    wrong = QNA.replace("qna.yaml", "qna.yml")
    number = bench.forge.add_pull({wrong: GOOD[QNA], ATTRIBUTION: GOOD[ATTRIBUTION]})
    assert "commit" in fix(bench, number).result
    assert at_head(bench, number, wrong) is None
    assert at_head(bench, number, QNA) == GOOD[QNA]


def test_nothing_to_mend_says_so(bench: Bench) -> None:
    number = bench.forge.add_pull(GOOD)
    fix(bench, number)
    assert answers(bench, number) == [f"{texts.FIX_MARK.format(ask=77)}\n{texts.FIX_NOTHING}"]


def test_another_head_is_left_alone(bench: Bench) -> None:
    number = bench.forge.add_pull(MESSY)
    old = bench.forge.pull(number).head_sha
    new = bench.forge.push(number, {QNA: SLOPPY.replace(b"wolf", b"fox")})
    fix(bench, number, sha=old)
    assert bench.forge.pull(number).head_sha == new
    assert "another commit was pushed meanwhile" in answers(bench, number)[0]


def test_a_push_between_mending_and_committing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    number = bench.forge.add_pull(MESSY)
    commit = MemoryForge.commit_files

    def late(forge: Any, *given: Any) -> str:
        forge.push(number, {QNA: SLOPPY.replace(b"wolf", b"fox")})
        return commit(forge, *given)

    monkeypatch.setattr(MemoryForge, "commit_files", late)
    assert fix(bench, number).state == "done"
    assert "another commit was pushed meanwhile" in answers(bench, number)[0]


def test_hostile_files_are_told_and_nothing_is_done(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: Any, **__: Any) -> Any:
        raise Stopped("that took longer than 20 seconds")

    monkeypatch.setattr(sandbox, "mend", stop)
    number = bench.forge.add_pull(MESSY)
    assert fix(bench, number).state == "done"
    assert "that took longer than 20 seconds" in answers(bench, number)[0]


def test_a_failure_of_ours_is_told(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "mend", lambda *_, **__: 1 / 0)
    number = bench.forge.add_pull(MESSY)
    assert fix(bench, number).state == "failed"
    assert "division by zero" in answers(bench, number)[0]
    assert "`/retry`" in answers(bench, number)[0]


def test_a_button_has_an_answer_too(bench: Bench) -> None:
    number = bench.forge.add_pull(GOOD)
    fix(bench, number, "fix-button", comment=None)
    assert answers(bench, number)[0].startswith("<!-- seedbed:fix fix-button -->")


def test_a_push_folds_old_answers(bench: Bench) -> None:
    number = bench.forge.add_pull(GOOD)
    fix(bench, number)
    (answer,) = [c for c in bench.forge.comments(number) if c.body.startswith("<!-- seedbed:fix ")]
    bench.job("lint", {"pull": number}, "gh-1")
    assert bench.forge.minimized == set()
    bench.forge.push(number, MESSY)
    bench.job("lint", {"pull": number}, "gh-2")
    assert bench.forge.minimized == {answer.id}
    assert pulls.load(bench.store, number).replies == ()


def test_the_answer_to_a_push_of_ours_stays_until_the_next(bench: Bench) -> None:
    number = bench.forge.add_pull(MESSY)
    fix(bench, number)
    bench.job("lint", {"pull": number}, "gh-1")
    assert bench.forge.minimized == set()


def test_migrate_carries_old_leaves_over(bench: Bench) -> None:
    old = SKILL.replace("version: 3", "version: 2").encode()
    number = bench.forge.add_pull({QNA: old, ATTRIBUTION: GOOD[ATTRIBUTION]})
    status = fix(bench, number, migrate=True)
    assert "commit" in status.result, answers(bench, number)
    new = at_head(bench, number, QNA)
    assert new is not None
    assert b"version: 3" in new
    assert lint({QNA: new, ATTRIBUTION: GOOD[ATTRIBUTION]}).errors == 0
    message = bench.forge.commits(number)[-1].message
    assert message.startswith("Carry 1 leaf to the newest format")
    assert fix(bench, number, "again", migrate=True, comment=78).state == "done"
    assert texts.MIGRATE_NOTHING in answers(bench, number)[1]


def test_a_push_folds_old_answers_to_status(bench: Bench) -> None:
    number = bench.forge.add_pull(GOOD)
    asked = [Asked("/status", "status").plain()]
    bench.job("command", {"pull": number, "comment": None, "author": "grace", "asked": asked}, "c-1")
    (answer,) = [c for c in bench.forge.comments(number) if c.body.startswith("<!-- seedbed:reply ")]
    bench.forge.push(number, MESSY)
    bench.job("lint", {"pull": number}, "gh-1")
    assert bench.forge.minimized == {answer.id}
