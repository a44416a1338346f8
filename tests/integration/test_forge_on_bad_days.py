"""Each request that the GitHub adapter makes meets each fault once: what is written is the same, and written once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.forge.port import Action, Annotation, Check, Forge, Label, RateLimited, Suggestion
from bot.localhub import Hub, serve
from bot.localhub.faults import Fault, Kind
from bot.retry import TryAgain
from tests.contract.forge_bench import AppBench

LEAF = "compositional_skills/synonyms/qna.yaml"
MARKER = "<!-- mine -->"
TRIES = 3

Write = Callable[[Forge, int], object]
See = Callable[[AppBench, int], Any]


class Bench(AppBench):
    """An App on a localhub whose faults can be ordered."""

    def __init__(self, hub: Hub, folder: Path) -> None:
        self.server = serve(hub)
        super().__init__(hub, self.server, folder)
        self.faults = hub.faults


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("forge")
    hub = Hub(folder / "hub")
    bench = Bench(hub, folder)
    yield bench
    bench.server.stop()
    hub.close()


def a_check(forge: Forge, number: int) -> Check:
    notes = [Annotation(LEAF, n, n, "failure", "rule", f"slip {n}") for n in range(1, 61)]
    head, name = forge.pull(number).head_sha, f"seedbed/taxonomy#{number}"
    return Check("lint", head, name, "60 slips", "See.", "failure", notes, None, (Action("Fix", "Mend", "fix"),))


def see_check(bench: AppBench, number: int) -> Any:
    check = a_check(bench.forge, number)
    run = bench.check_run(check.name, check.head_sha, check.external_id)
    return bench.check_runs(check.head_sha), run.title, run.conclusion, len(run.annotations)


def write_review(forge: Forge, number: int) -> None:
    suggestion = Suggestion(LEAF, 1, 1, "```suggestion\nversion: 3\n```")
    forge.ensure_review(number, forge.pull(number).head_sha, MARKER, f"{MARKER} hello", [suggestion])


def write_commit(forge: Forge, number: int) -> None:
    parent = forge.commits(number)[0].sha
    forge.commit_files(number, parent, {LEAF: b"version: 3\n"}, "Mend")


def see_commits(bench: AppBench, number: int) -> Any:
    head = bench.forge.pull(number).head_sha
    return [commit.message for commit in bench.forge.commits(number)], bench.forge.file(head, LEAF, limit=99)


LABELS = [Label("kind: skill", "ffffff", "A skill"), Label("waits", "000000", "Waits")]
WRITES: dict[str, tuple[Write, See]] = {
    "comment": (lambda f, n: f.ensure_comment(n, MARKER, f"{MARKER} hello"), lambda b, n: b.comments(n)),
    "check": (lambda f, n: f.ensure_check(a_check(f, n)), see_check),
    "review": (write_review, lambda b, n: [(r.author, r.body) for r in b.forge.reviews(n)]),
    "labels": (lambda f, n: f.ensure_labels(n, add=LABELS), lambda b, n: sorted(b.forge.pull(n).labels)),
    "assignee": (lambda f, n: f.ensure_assignee(n, "maintainer"), lambda b, n: b.forge.pull(n).assignees),
    "commit": (write_commit, see_commits),
}


def with_patience(write: Write, forge: Forge, number: int) -> None:
    """As the engine does it."""
    for _ in range(TRIES - 1):
        try:
            write(forge, number)
            return
        except TryAgain:
            continue
    write(forge, number)


@pytest.mark.parametrize("kind", ["error_before", "error_after", "missing_after_creation"])
@pytest.mark.parametrize("what", WRITES)
def test_a_fault_at_any_request_leaves_no_trace(bench: Bench, what: str, kind: Kind) -> None:
    write, see = WRITES[what]
    methods = ("POST",) if kind == "missing_after_creation" else ("GET", "POST", "PATCH", "DELETE")
    first = bench.make_pull({LEAF: b"version: 2\n", f"{what}-{kind}.txt": b""})
    write(bench.forge, first)
    expected = see(bench, first)
    for skip in range(30):
        number = bench.make_pull({LEAF: b"version: 2\n", f"{what}-{kind}-{skip}.txt": b""})  # a commit of its own
        forge = bench.forge_of(bench.credentials)  # knows nothing from before
        bench.faults.add(Fault(kind=kind, methods=methods, skip=skip))
        with_patience(write, forge, number)
        met = not bench.faults.owed()
        bench.faults.clear()
        assert see(bench, number) == expected, f"{what} with {kind} at request {skip}"
        if not met:
            break
    assert skip >= (0 if kind == "missing_after_creation" else 3)


@pytest.mark.parametrize("kind", ["secondary_limit", "primary_limit"])
def test_a_rate_limit_is_handed_to_the_engine(bench: Bench, kind: Kind) -> None:
    number = bench.make_pull({LEAF: b"version: 2\n"})
    bench.faults.add(Fault(kind=kind, path=f"/issues/{number}/comments", retry_after_s=7))
    with pytest.raises(RateLimited) as caught:
        bench.forge_of(bench.credentials).comment(number, "hello")
    assert 5 <= float(caught.value.after_s or 0) <= 8
    bench.forge.comment(number, "hello")
    assert bench.comments(number) == [("seedbed[bot]", "hello")]
