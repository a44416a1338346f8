"""The worker is killed while it previews, generates and tunes; the result is the same as without (design §5.1, §5.3).

Everything is real: localhub, git, webhooks, DBOS, the language model, the tuning. Recipe and leaf are small.
"""

from __future__ import annotations

import io
import json
import shutil
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console

from bot.demo import report
from bot.demo.processes import Processes
from bot.demo.story import BOT, Options, Story
from bot.progress import read as read_progress
from pipeline.files import file_digest

pytestmark = [pytest.mark.model, pytest.mark.endurance, pytest.mark.timeout(1800)]
HERE = Path(__file__).parent
CHECKS = ("seedbed/lint", "seedbed/preview")
LEAF = HERE.parents[1] / "bot" / "demo" / "leaves" / "compositional_skills" / "engineering" / "tool_purpose"


@dataclass(frozen=True)
class Outcome:
    """What must not depend on power cuts."""

    dataset: str
    build: str
    mixture: str
    adapter: str
    verdict: str
    comments: int
    lint_checks: int
    preview_checks: int
    ledger: str


def free_port() -> int:
    """A port that nobody listens on, nor on the next one."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            try:
                second.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            return port


def travel(story: Story, cut: Callable[[str, str], None]) -> Outcome:
    """From the pull request to the verdict; `cut(job, doing)` is called where a power cut may come."""
    clone = story.options.state / "clone"
    story.ada.clone(clone)
    leaf = story.leaves[0]
    sha = story.open(clone, leaf, leaf.tree())
    story.checked(sha, "success")
    cut("preview-", "generating")
    story.previewed(leaf)
    story.merge(leaf)
    cut("gh-", "generating")
    story.generated()
    story.jobs.enqueue("nightly", {}, id="demo-night", queue="build")
    cut("demo-night", "tuning: step")
    done = story.wait("the build", story._night_over, 600)
    assert done.state == "done", done.error
    state = story.options.state / "bot"
    folder = state / "builds" / str(done.result["build"])
    checks = {name: story.ada.rest("GET", f"/commits/{sha}/check-runs?check_name={name}") for name in CHECKS}
    return Outcome(
        dataset=report.dataset_digest(state),
        build=folder.name,
        mixture=file_digest(folder / "mixture.jsonl"),
        adapter=json.loads((folder / "manifest.json").read_text())["outputs"]["train"]["digest"],
        verdict=file_digest(folder / "verdict.json"),
        comments=sum(comment["user"]["login"] == BOT for comment in story.ada.comments(1)),
        lint_checks=checks[CHECKS[0]]["total_count"],
        preview_checks=checks[CHECKS[1]]["total_count"],
        ledger=str(done.result["ledger"]),
    )


def tell(state: Path, monkeypatch: pytest.MonkeyPatch, *, known: Path | None = None) -> tuple[Outcome, list[str]]:
    """One run; returns what came of it, and what the worker was doing at each power cut.

    Power is cut where `known` is the state of a run before. The base's answers, which no cut of ours touches, are taken
    from there and not made again.
    """
    monkeypatch.setenv("SEEDBED_RECIPE", str(HERE / "recipe.yaml"))
    monkeypatch.setenv("SEEDBED_PUBLISH_TO", "")  # test_publish_gguf.py sees to the files for others
    # More than a preview asks for, so that the merge has something to make.
    options = Options(leaves=(LEAF,), state=state, port=PORT, samples=10)
    state.mkdir()
    if known:
        shutil.copytree(known / "bot" / "store" / "anchors", state / "bot" / "store" / "anchors")
    cuts: list[str] = []
    with Processes(state / "logs") as processes:
        story = Story.set_up(options, Console(file=io.StringIO()), processes)

        def at_work(job: str, doing: str) -> str | None:
            now = read_progress(state / "bot")
            return now.what if now and now.job.startswith(job) and now.what.startswith(doing) else None

        def cut(job: str, doing: str) -> None:
            if known:
                cuts.append(story.wait(f"{job} at {doing}", lambda: at_work(job, doing), 300))
                story.cut_power()

        return travel(story, cut), cuts


PORT = free_port()  # the same for both runs: the document's address is part of what is learnt


def test_power_cuts_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calm, none = tell(tmp_path / "calm", monkeypatch)
    cut, cuts = tell(tmp_path / "cut", monkeypatch, known=tmp_path / "calm")
    assert none == []
    assert len(cuts) == 3
    assert cut == calm
    assert (calm.comments, calm.lint_checks, calm.preview_checks) == (1, 1, 1)
