"""Every delivered head ends in one completed check, and none stays open, whatever happens meanwhile."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot import pulls
from bot.engine.port import Steps
from bot.forge.memory import MemoryForge
from bot.forge.port import ForgeError, RateLimited, Unreachable
from bot.jobs import lint as lint_job
from bot.jobs import preview as preview_job
from bot.jobs.endings import conclude_cancelled
from bot.jobs.watch import Unwanted
from bot.pulls import Decision, PreviewPart, TriagePart
from bot.render import texts
from tests.integration.bot_bench import ATTRIBUTION, GOOD, LEAF, QNA, Bench, qna

OTHER = "compositional_skills/animals/rest"
BAD = {QNA: b"version: 3\ncreated_by: ada\nseed_examples:\n  - question: Where?\n"}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_coalesced_pushes_each_end_in_one_completed_check(bench: Bench) -> None:
    number = bench.forge.add_pull(BAD)
    heads = [bench.forge.pull(number).head_sha]
    heads += [bench.forge.push(number, {QNA: BAD[QNA] + b"# %d\n" % n}) for n in range(3)]
    for at, sha in enumerate(heads):
        bench.job("lint", {"pull": number, "sha": sha}, f"gh-{at}")
    assert [bench.check(texts.LINT, number, sha).conclusion for sha in heads] == [*["cancelled"] * 3, "failure"]
    assert len(bench.forge.checks) == 4
    assert heads[-1][:7] in bench.check(texts.LINT, number, heads[0]).title
    statuses = [bench.engine.status(f"gh-{at}") for at in range(4)]
    assert [bool(s and s.result.get("skip")) for s in statuses] == [False, True, True, True]


def test_an_older_verdict_is_left_alone(bench: Bench) -> None:
    number = bench.forge.add_pull(BAD)
    old = bench.forge.pull(number).head_sha
    bench.job("lint", {"pull": number, "sha": old}, "gh-1")
    bench.forge.push(number, GOOD)
    bench.job("lint", {"pull": number, "sha": old}, "gh-2")
    assert bench.check(texts.LINT, number, old).conclusion == "failure"
    assert bench.check(texts.LINT, number).conclusion == "success"


def test_a_head_that_was_pushed_away(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lint_job, "LAG_S", 0)
    number = bench.forge.add_pull(GOOD)
    assert bench.job("lint", {"pull": number, "sha": "f" * 40}, "gh-1").state == "done"
    assert bench.check(texts.LINT, number).conclusion == "success"


def test_what_was_closed_before_it_was_judged_has_a_check_too(bench: Bench) -> None:
    number = bench.forge.add_pull(BAD)
    bench.forge.close(number)
    assert bench.job("lint", {"pull": number}, "gh-1").result["skip"]
    assert bench.check(texts.LINT, number).conclusion == "neutral"


def test_no_check_is_opened_for_a_lint(bench: Bench) -> None:
    number = bench.forge.add_pull(BAD)
    bench.job("lint", {"pull": number}, "gh-1")
    assert [w for w in bench.forge.writes if w.startswith("check ")] == [
        f"check {texts.LINT} {bench.forge.pull(number).head_sha} failure"
    ]


@pytest.mark.parametrize("trouble", [RateLimited("slow down", after_s=0.0), Unreachable("502")])
@pytest.mark.parametrize("call", ["tree", "ensure_check", "ensure_comment"])
def test_passing_trouble_is_no_failure(
    tmp_path: Path, call: str, trouble: ForgeError, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bot.engine.memory import MemoryEngine

    bench = Bench(tmp_path, engine=MemoryEngine(wait_scale=0.0))
    number = bench.forge.add_pull(BAD)
    real, troubles = getattr(MemoryForge, call), [trouble, trouble]

    def unlucky(forge: Any, *given: Any, **more: Any) -> Any:
        if troubles:
            raise troubles.pop()
        return real(forge, *given, **more)

    monkeypatch.setattr(MemoryForge, call, unlucky)
    assert bench.job("lint", {"pull": number}, "gh-1").state == "done"
    assert not troubles
    assert bench.check(texts.LINT, number).title != texts.LINT_FAILED
    assert texts.HEAD_FAILED not in bench.sticky(number)
    assert len(bench.forge.checks) == len(bench.forge.comments(number)) == 1


def test_a_draft_is_previewed_when_it_is_ready(bench: Bench) -> None:
    bench.forge.set_permission("contributor", "triage")
    number = bench.forge.add_pull(GOOD, draft=True)
    bench.job("lint", {"pull": number}, "gh-1")
    assert bench.forge.check(texts.PREVIEW, bench.forge.pull(number).head_sha, f"seedbed/taxonomy#{number}") is None
    assert texts.PREVIEW_WHY["draft"] in bench.sticky(number)
    bench.forge.edit(number, draft=False)
    bench.job("lint", {"pull": number}, "gh-2")
    assert bench.check(texts.PREVIEW, number).conclusion == "success"


def test_an_author_who_has_merged_here_is_previewed_within_the_budget(tmp_path: Path) -> None:
    bench = Bench(tmp_path, settings_changes={"daily_previews": 1})
    bench.forge.merge(bench.forge.add_pull({"x.md": b"x"}))
    first, second = bench.forge.add_pull(GOOD), bench.forge.add_pull({**GOOD, QNA: qna() + b"\n"})
    for number in (first, second):
        bench.job("lint", {"pull": number}, f"gh-{number}")
    assert bench.check(texts.PREVIEW, first).conclusion == "success"
    second = bench.forge.add_pull(
        {f"{OTHER}/{name}": GOOD[f"{LEAF}/{name}"] for name in ("qna.yaml", "attribution.txt")}
    )
    bench.job("lint", {"pull": second}, f"gh-{second}")
    assert texts.PREVIEW_WHY["budget"] in bench.sticky(second)


def test_a_trusted_head_is_previewed(bench: Bench) -> None:
    number = bench.forge.add_pull(GOOD)
    sha = bench.forge.pull(number).head_sha
    bench.context.publish(number, TriagePart(trusted=Decision("grace", sha)))
    bench.job("lint", {"pull": number}, "gh-1")
    assert bench.check(texts.PREVIEW, number).conclusion == "success"


def test_a_silent_permission_call_is_a_no_and_is_told(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(*_: Any) -> Any:
        raise ForgeError("no answer")

    monkeypatch.setattr(MemoryForge, "permission", silent)
    number = bench.forge.add_pull(GOOD)
    bench.job("lint", {"pull": number}, "gh-1")
    assert texts.PREVIEW_WHY["unknown"] in bench.sticky(number)


def preview(bench: Bench, number: int, id: str = "p-1", **more: Any) -> Any:
    return bench.job("preview", {"pull": number, "sha": bench.forge.pull(number).head_sha, **more}, id)


def test_a_preview_of_one_leaf_and_so_many_samples(bench: Bench) -> None:
    files = {**GOOD, f"{OTHER}/qna.yaml": qna(), f"{OTHER}/attribution.txt": GOOD[ATTRIBUTION]}
    number = bench.forge.add_pull(files)
    assert preview(bench, number, leaves=["animals/sleep"], n=3).result["kept"] == 3
    part = pulls.load(bench.store, number).preview
    assert part is not None
    assert [leaf.path for leaf in part.leaves] == [LEAF]
    assert preview(bench, number, "p-2", leaves=["sleep", "nowhere"]).state == "done"
    assert texts.LEAF_UNKNOWN in bench.sticky(number)
    assert [a.identifier for a in bench.check(texts.PREVIEW, number).actions] == ["preview"]


def test_a_cancelled_preview_concludes_its_check(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    number = bench.forge.add_pull(GOOD)

    def cancel(*_: Any, **__: Any) -> Any:
        bench.engine.cancel("p-1")
        raise Unwanted("job p-1 was cancelled")

    monkeypatch.setattr(preview_job, "generate", cancel)
    assert preview(bench, number).state == "cancelled"
    check = bench.check(texts.PREVIEW, number)
    assert (check.conclusion, check.title) == ("cancelled", texts.STOPPED)
    assert texts.RUNNING not in bench.sticky(number)


def test_a_preview_that_is_cancelled_between_its_steps(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    number = bench.forge.add_pull(GOOD)
    generate = preview_job.generate

    def late(*given: Any, **more: Any) -> Any:
        made = generate(*given, **more)
        bench.engine.cancel("p-1")
        return made

    monkeypatch.setattr(preview_job, "generate", late)
    assert preview(bench, number).state == "cancelled"
    assert bench.check(texts.PREVIEW, number).conclusion == "cancelled"


def test_a_push_stops_the_preview_of_the_old_head(bench: Bench) -> None:
    number = bench.forge.add_pull(GOOD)
    old = bench.forge.pull(number).head_sha
    bench.context.publish(number, PreviewPart(old, "running", job="p-0"))
    bench.engine.enqueue("preview", {"pull": number, "sha": old}, id="p-0", queue="preview", delay_s=3600)
    bench.forge.push(number, {QNA: qna() + b"  - question: Where is the yak?\n    answer: In a savanna.\n"})
    bench.job("lint", {"pull": number}, "gh-1")
    status = bench.engine.status("p-0")
    assert status is not None
    assert status.state == "cancelled"
    assert bench.check(texts.PREVIEW, number, old).conclusion == "cancelled"
    assert texts.RUNNING not in bench.sticky(number)


def test_conclude_cancelled_harms_no_verdict(bench: Bench) -> None:
    number = bench.forge.add_pull(GOOD)
    preview(bench, number)
    before = bench.check(texts.PREVIEW, number)
    conclude_cancelled(bench.context, {"pull": number, "sha": before.head_sha}, "grace cancelled it")
    assert bench.check(texts.PREVIEW, number) == before
    part = pulls.load(bench.store, number).preview
    assert part is not None
    assert part.status == "done"


def test_conclude_cancelled_says_why(bench: Bench) -> None:
    number = bench.forge.add_pull(GOOD)
    sha = bench.forge.pull(number).head_sha
    part = PreviewPart(sha, "running", job="p-1")
    bench.context.publish(number, part)
    preview_job.JOB.start(bench.context, _Idle(), {"pull": number, "sha": sha})
    conclude_cancelled(bench.context, {"pull": number, "sha": sha}, "`grace` cancelled it")
    assert "`grace` cancelled it" in bench.check(texts.PREVIEW, number).summary
    assert pulls.load(bench.store, number).preview == replace(part, status="failed", failed="`grace` cancelled it")


class _Idle(Steps):
    job_id = "p-1"

    def cancelled(self) -> bool:
        return False


def test_a_preview_that_a_maintainer_asked_for_stays_queued(bench: Bench) -> None:
    number = bench.forge.add_pull(GOOD)
    bench.job("lint", {"pull": number}, "gh-1")
    lint = pulls.load(bench.store, number).lint
    assert lint is not None
    assert lint.preview == "ask"
    bench.context.publish(number, replace(lint, preview="queued"))
    bench.job("lint", {"pull": number, "again": True}, "gh-2")
    assert [job.name for job in bench.engine.jobs()] == ["lint", "lint"]  # none was granted anew
    assert texts.NEXT_ASK not in bench.sticky(number)
