"""The life of a pull request through the jobs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
from fastapi.testclient import TestClient

from bot import datasets, pulls
from bot.app import create_app
from bot.forge.memory import MemoryForge
from bot.forge.port import ForgeError
from bot.jobs import lint as lint_job
from bot.jobs import nightly
from bot.jobs.reconcile import reconcile
from bot.render import texts
from pipeline.building import BuildRequest, BuildResult
from pipeline.gate import Row, Verdict
from pipeline.modes import BuildPlan
from pipeline.publishing.publish import Publication, Target
from pipeline.statistics import Interval
from tests.integration.bot_bench import ATTRIBUTION, GOOD, LEAF, QNA, Bench, Forge, no_teacher, qna
from validators.paths import CONFIG_FILE


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


BAD = {QNA: b"version: 3\ncreated_by: ada\nseed_examples:\n  - question: Where?\n"}


def test_faults_are_told_with_line_and_remedy(bench: Bench) -> None:
    number = bench.forge.add_pull(BAD)
    status = bench.job("lint", {"pull": number}, "gh-1")
    assert status.state == "done"
    check = bench.check(texts.LINT, number)
    assert check.conclusion == "failure"
    assert {a.path for a in check.annotations} == {QNA}
    assert any(a.start_line == 4 for a in check.annotations)
    body = bench.sticky(number)
    assert "to mend" in body.splitlines()[2]
    assert "**Line 4:**" in body
    assert "4 │ - question: Where?" in body
    assert "attribution.txt" in body
    assert texts.NEXT_MEND in body
    assert bench.opened == 0


def test_green_from_a_stranger_waits_for_a_maintainer(bench: Bench) -> None:
    number = bench.forge.add_pull(GOOD)
    bench.job("lint", {"pull": number}, "gh-1")
    assert bench.check(texts.LINT, number).conclusion == "success"
    assert texts.HEAD_GREEN in bench.sticky(number)
    assert texts.NEXT_ASK in bench.sticky(number)
    assert [job.name for job in bench.engine.jobs()] == ["lint"]


def test_green_from_a_maintainer_is_previewed(bench: Bench) -> None:
    bench.forge.set_permission("contributor", "triage")
    number = bench.forge.add_pull(GOOD)
    bench.job("lint", {"pull": number}, "gh-1")
    assert bench.check(texts.PREVIEW, number).conclusion == "success"
    body = bench.sticky(number)
    assert texts.HEAD_SAMPLES in body
    assert "Question: Where would the " in body
    assert "Answer: The " in body
    assert "Teacher: Script." in body
    assert f"http://bot.example/pulls/{number}/samples" in body
    assert len([c for c in bench.forge.comments(number) if texts.MARKER in c.body]) == 1


def test_the_page_shows_every_sample(bench: Bench) -> None:
    bench.forge.set_permission("contributor", "write")
    number = bench.forge.add_pull(GOOD)
    bench.job("lint", {"pull": number}, "gh-1")
    page = TestClient(create_app(bench.context.settings, bench.engine, bench.store)).get(f"/pulls/{number}/samples")
    assert page.status_code == 200
    assert page.text.count("<article") >= 2
    assert "Where would the " in page.text
    assert LEAF in page.text


def test_repeating_writes_nothing(bench: Bench) -> None:
    number = bench.forge.add_pull(BAD)
    bench.job("lint", {"pull": number}, "gh-1")
    writes = list(bench.forge.writes)
    bench.job("lint", {"pull": number}, "gh-2")
    assert bench.forge.writes == writes
    assert bench.engine.status("gh-2").result["skip"]  # type: ignore[union-attr]
    bench.job("lint", {"pull": number, "again": True}, "gh-3")
    assert bench.check(texts.LINT, number).conclusion == "failure"
    assert len(bench.forge.checks) == 1
    assert len(bench.forge.comments(number)) == 1


def test_a_push_while_linting_supersedes(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    number = bench.forge.add_pull(BAD)
    old = bench.forge.pull(number).head_sha
    examine = lint_job.examine

    def pushed(*given: Any) -> Any:
        bench.forge.push(number, GOOD)
        return examine(*given)

    monkeypatch.setattr(lint_job, "examine", pushed)
    bench.job("lint", {"pull": number}, "gh-1")
    assert bench.check(texts.LINT, number, old).conclusion == "cancelled"
    assert bench.forge.comments(number) == []
    monkeypatch.setattr(lint_job, "examine", examine)
    bench.job("lint", {"pull": number}, "gh-2")
    assert bench.check(texts.LINT, number).conclusion == "success"


def test_an_api_that_lags_behind_its_webhook_is_waited_for(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    number = bench.forge.add_pull(BAD)
    bench.job("lint", {"pull": number}, "gh-1")
    before = bench.forge.pull(number)
    new = bench.forge.push(number, GOOD)
    answers = [before, before]
    real = MemoryForge.pull
    monkeypatch.setattr(Forge, "pull", lambda forge, n: answers.pop() if answers else real(forge, n))
    monkeypatch.setattr(lint_job, "LAG_S", 0)
    bench.job("lint", {"pull": number, "sha": new}, "gh-2")
    assert bench.check(texts.LINT, number, new).conclusion == "success"


def test_a_huge_file_is_a_finding_and_no_download(bench: Bench) -> None:
    number = bench.forge.add_pull({**GOOD, QNA: b"x" * (10 << 20)})
    bench.job("lint", {"pull": number}, "gh-1")
    assert bench.check(texts.LINT, number).conclusion == "failure"
    assert "256 KiB" in bench.sticky(number)


def test_the_base_says_how_to_judge(bench: Bench) -> None:
    """Neither the one that the pull request brings, nor a broken one at the base, changes that linting goes on."""
    bench.forge.commit("main", {CONFIG_FILE: b"lint: {ignore: [attribution], levels: {dco-signoff: error}}\n"})
    number = bench.forge.add_pull({QNA: GOOD[QNA], CONFIG_FILE: b"lint: {select: [yaml]}\n"})
    bench.job("lint", {"pull": number}, "gh-1")
    assert bench.check(texts.LINT, number).conclusion == "failure"
    assert "`dco-signoff`" in bench.sticky(number)
    assert "attribution-missing" not in bench.sticky(number)
    assert "by the configuration at its base" in bench.sticky(number)
    signed = "Add\n\nSigned-off-by: contributor <contributor@example.org>"
    other = bench.forge.add_pull({QNA: GOOD[QNA]}, message=signed)
    bench.job("lint", {"pull": other}, "gh-2")
    assert bench.check(texts.LINT, other).conclusion == "success"
    bench.forge.commit("main", {CONFIG_FILE: b"lint:\n  slect: [yaml]\n"})
    broken = bench.forge.add_pull(GOOD)
    bench.job("lint", {"pull": broken}, "gh-3")
    assert bench.check(texts.LINT, broken).conclusion == "success"
    assert "did you mean `select`" in bench.sticky(broken)


def test_links_and_strays_are_told(bench: Bench) -> None:
    stray = f"{LEAF}/notes.docx"
    number = bench.forge.add_pull({**GOOD, QNA: b"/etc/passwd", stray: b"x"}, modes={QNA: "120000"})
    bench.job("lint", {"pull": number}, "gh-1")
    found = {(a.title.partition(":")[0], a.path) for a in bench.check(texts.LINT, number).annotations}
    assert {("symlink", QNA), ("stray-file", stray)} <= found
    assert bench.check(texts.LINT, number).conclusion == "failure"


def test_what_a_machine_can_mend_says_so(bench: Bench) -> None:
    number = bench.forge.add_pull({**GOOD, QNA: GOOD[QNA].replace(b"created_by: ada", b"created_by: ada  ")})
    bench.job("lint", {"pull": number}, "gh-1")
    assert "`/fix` mends this: " in bench.sticky(number)
    check = bench.check(texts.LINT, number)
    assert texts.FIXABLE_COUNT.format(n=1) in check.summary
    assert [action.identifier for action in check.actions] == ["fix"]
    assert any("/fix mends this: " in a.message for a in check.annotations)


def test_unchanged_siblings_are_read_too(bench: Bench) -> None:
    bench.forge.commit("main", GOOD)
    number = bench.forge.add_pull({QNA: qna() + b"  - question: Where is the yak?\n    answer: In a savanna.\n"})
    bench.job("lint", {"pull": number}, "gh-1")
    assert bench.check(texts.LINT, number).conclusion == "success", bench.sticky(number)
    other = bench.forge.add_pull({ATTRIBUTION: None})
    bench.job("lint", {"pull": other}, "gh-2")
    assert bench.check(texts.LINT, other).conclusion == "failure"
    assert "attribution.txt" in bench.sticky(other)


def test_an_unexpected_failure_concludes_the_check(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    number = bench.forge.add_pull(GOOD)
    monkeypatch.setattr(lint_job, "examine", lambda *_: 1 / 0)
    assert bench.job("lint", {"pull": number}, "gh-1").state == "failed"
    check = bench.check(texts.LINT, number)
    assert check.conclusion == "failure"
    assert "division by zero" in check.summary
    assert "`/retry`" in check.summary
    assert "division by zero" in bench.sticky(number)


def test_a_teacher_that_cannot_load_is_told_and_harms_no_other_job(tmp_path: Path) -> None:
    bench = Bench(tmp_path, open_teacher=no_teacher)
    bench.forge.set_permission("contributor", "triage")
    number = bench.forge.add_pull(GOOD)
    bench.job("lint", {"pull": number}, "gh-1")
    check = bench.check(texts.PREVIEW, number)
    assert check.conclusion == "failure"
    assert "the disk is full" in check.summary
    assert "`/preview`" in check.summary
    assert "the disk is full" in bench.sticky(number)
    assert bench.check(texts.LINT, number).conclusion == "success"
    other = bench.forge.add_pull(BAD)
    assert bench.job("lint", {"pull": other}, "gh-2").state == "done"


def command(bench: Bench, number: int, text: str, author: str = "grace") -> str:
    from bot.commands import parse

    comment = bench.forge.comment_as(author, number, text)
    asked = [{"said": a.said, "name": a.name, "nearest": a.nearest} for a in parse(text, bench.forge.login)]
    payload = {"pull": number, "comment": comment, "author": author, "asked": asked}
    assert bench.job("command", payload, f"gh-c{comment}").state == "done"
    assert (comment, "eyes") in bench.forge.reactions
    return " ".join(sorted(r for c, r in bench.forge.reactions if c == comment and r != "eyes"))


def replies(bench: Bench, number: int) -> list[str]:
    mine = [c.body for c in bench.forge.comments(number) if c.author == bench.forge.login]
    return [body for body in mine if texts.MARKER not in body]


def test_preview_on_demand(bench: Bench) -> None:
    bench.forge.set_permission("grace", "triage")
    number = bench.forge.add_pull(GOOD)
    assert command(bench, number, "Looks good!\n/preview") == "rocket"
    assert bench.check(texts.PREVIEW, number).conclusion == "success"
    assert replies(bench, number) == []


def test_preview_is_denied_and_says_why(bench: Bench) -> None:
    number = bench.forge.add_pull(GOOD)
    assert command(bench, number, "/preview") == "confused"
    assert "*triage* permission" in replies(bench, number)[0]
    assert bench.opened == 0


def test_help_and_slips(bench: Bench) -> None:
    number = bench.forge.add_pull(GOOD)
    assert command(bench, number, "/help") == "rocket"
    assert "`/preview [LEAF] [n=COUNT]`" in replies(bench, number)[0]
    assert command(bench, number, "/previw") == "confused"
    assert "Did you mean `/preview`?" in replies(bench, number)[1]


def test_preview_of_faulty_files_makes_nothing(bench: Bench) -> None:
    bench.forge.set_permission("grace", "admin")
    number = bench.forge.add_pull(BAD)
    command(bench, number, "/preview")
    assert bench.check(texts.PREVIEW, number).conclusion == "neutral"
    assert bench.opened == 0


def grown(bench: Bench) -> int:
    """A pull request that was linted, merged, and whose merge job ran."""
    bench.commit({"README.md": b"A taxonomy.\n"}, "Start")
    number = bench.forge.add_pull(GOOD)
    bench.job("lint", {"pull": number}, "gh-1")
    bench.merge(number)
    bench.job("merge", {"sha": "f" * 40}, "gh-merge")
    return number


def test_a_merge_makes_datasets_and_tells(bench: Bench) -> None:
    number = grown(bench)
    assert bench.engine.status("gh-merge").state == "done"  # type: ignore[union-attr]
    (leaf,) = datasets.latest(bench.store)
    assert (leaf.path, leaf.pull, leaf.kept) == (LEAF, number, 4)
    body = bench.sticky(number)
    assert texts.HEAD_MERGED in body
    assert f"`{LEAF}`: 4 samples made" in body
    assert texts.NEXT_BUILD in body


def test_the_second_merge_job_loads_no_teacher_and_writes_nothing(bench: Bench) -> None:
    grown(bench)
    bench.context.teachers.close()
    opened, writes = bench.opened, list(bench.forge.writes)
    assert bench.job("merge", {}, "again").state == "done"
    assert bench.opened == opened
    assert bench.forge.writes == writes


def test_a_failed_merge_is_told_and_found_again(tmp_path: Path) -> None:
    bench = Bench(tmp_path, open_teacher=no_teacher)
    number = grown(bench)
    assert bench.engine.status("gh-merge").state == "failed"  # type: ignore[union-attr]
    assert "the disk is full" in bench.sticky(number)
    gaps = reconcile(bench.context)
    assert len(gaps.merge) == 1
    bench.drain()
    assert reconcile(bench.context).merge == (f"{gaps.merge[0]}-2",)
    bench.open_teacher = Bench.__dataclass_fields__["open_teacher"].default
    bench.drain()
    assert reconcile(bench.context).merge == ()
    assert f"`{LEAF}`: 4 samples made" in bench.sticky(number)


def judged(
    decision: Literal["PROMOTE", "HOLD"], build: str, requests: list[BuildRequest]
) -> Callable[..., BuildResult]:
    """A build with a given verdict, in place of minutes of tuning; pipeline/building has tests of its own."""

    def run_build(request: BuildRequest, *, progress: Callable[[str, float], None], **_: Any) -> BuildResult:
        requests.append(request)
        progress("tuning", 0.5)
        row = Row(LEAF, "heldout", 2, 2.0, 1.0, Interval(-1.0, -1.2, -0.8), 0.1, 0.5)
        verdict = Verdict(decision, ("Held-out seeds got better.",), (row,), "base", build)
        plan = BuildPlan("full", "full: the default", 60.0, 1000)
        return BuildResult(verdict, build, request.state, decision == "PROMOTE", "c" * 40, plan)

    return run_build


def test_nightly_tells_before_and_after(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    number = grown(bench)
    requests: list[BuildRequest] = []
    monkeypatch.setattr(nightly, "run_build", judged("HOLD", "b1", requests))
    status = bench.job("nightly", {}, "night-1")
    assert status.state == "done", status.error
    assert status.result["told"] == [number]
    assert "Build `b1` was not promoted" in bench.sticky(number)
    assert texts.NEXT_NEXT_BUILD in bench.sticky(number)
    monkeypatch.setattr(nightly, "run_build", judged("PROMOTE", "b2", requests))
    monkeypatch.setattr(
        nightly, "publish_build", lambda *_, **__: Publication("b2", (Target("hub", "x", "failed", reason="no"),))
    )
    status = bench.job("nightly", {}, "night-2")
    assert status.state == "done", status.error
    assert status.result == {
        "build": "b2",
        "commit": bench.repository.resolve("refs/heads/main"),
        "decision": "PROMOTE",
        "promoted": True,
        "reasons": ["Held-out seeds got better."],
        "ledger": "c" * 40,
        "mode": "full",
        "why": "full: the default",
        "quarantined": [],
        "blamed": [],
        "problems": [],
        "published": {"hub": "no"},
        "told": [number],
    }
    body = bench.sticky(number)
    assert texts.HEAD_LEARNED in body
    assert f"`{LEAF}`: **14 % → 37 %**" in body
    monkeypatch.setattr(nightly, "run_build", judged("PROMOTE", "b3", requests))
    assert bench.job("nightly", {}, "night-3").result["told"] == []
    (leaf, origin), (dataset,) = requests[0].leaves[0], requests[0].datasets
    assert (leaf.path, origin.pull, len(dataset.samples)) == (LEAF, number, 4)


def test_reconcile_finds_lost_pushes(bench: Bench) -> None:
    bench.commit({"README.md": b"A taxonomy.\n"}, "Start")
    bench.job("merge", {}, "gh-0")
    number = bench.forge.add_pull(GOOD)
    gaps = reconcile(bench.context)
    assert gaps.lint == (f"lint-{number}-{bench.forge.pull(number).head_sha}",)
    assert gaps.merge == ()
    assert reconcile(bench.context).lint == ()  # it is queued
    bench.drain()
    assert bench.check(texts.LINT, number).conclusion == "success"
    assert reconcile(bench.context).lint == ()


def test_reconcile_survives_a_silent_forge(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(_: MemoryForge) -> Any:
        raise ForgeError("no answer")

    bench.commit({"README.md": b"x"}, "Start")
    monkeypatch.setattr(Forge, "open_pulls", silent)
    assert reconcile(bench.context).lint == ()


def test_parts_do_not_undo_each_other(bench: Bench) -> None:
    number = bench.forge.add_pull(GOOD)
    sha = bench.forge.pull(number).head_sha
    bench.context.publish(number, pulls.LintPart(sha, 1, leaves=(LEAF,)))
    bench.context.publish(number, pulls.PreviewPart(sha, "running"))
    state = pulls.load(bench.store, number)
    assert state.lint is not None
    assert state.preview is not None
    assert texts.RUNNING in bench.sticky(number)
