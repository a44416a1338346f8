"""What a preview tells of the documents that knowledge leaves name, in comment and check."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bot import pulls
from bot.pulls import DocumentsPart, LeafDocument
from bot.render import texts
from pipeline.documents import Reach, Unreachable, fetch
from tests.integration.bot_bench import GOOD, Bench
from tests.integration.git_server import GitServer, git_server
from tests.unit.git_fixture import bare, commit, git
from tests.unit.pdf_fixture import picture_only

LEAF = "knowledge/science/otters"
REPO = "https://github.com/o/otters.git"
GUIDE = b"""# Otters

Sea otters *float* on their backs and open shells with a stone,
which each of them keeps in a fold of its skin.

River otters dig their holts into the banks of slow streams, and line them with moss and dry grass in the autumn.
"""
CONTEXTS = (
    "Sea otters float on their backs and open shells with a stone, which each of them keeps in a fold of its skin.",
    "River otters dig their holts in the banks of slow rivers, and line them with moss and dry grass in autumn.",
    "River otters dig their holts below the roots of old willows, where no fox finds the way to their young ones.",
    "Quartz zebras vanish.",
    "Sea otters float on their backs.",
)


def leaf(sha: str, patterns: str = "*", contexts: tuple[str, ...] = CONTEXTS) -> dict[str, bytes]:
    rows = ["version: 3", "created_by: ada", "domain: zoology", "document_outline: On otters.", "seed_examples:"]
    for at, context in enumerate(contexts):
        rows += [f'  - context: "{context}"', "    questions_and_answers:"]
        for n, word in enumerate(("float", "sleep", "eat")):
            rows += [f'      - question: "Where do otters of kind {at} {word} in month {n}?"']
            rows += [f'        answer: "They {word} at place {at} of {n}."']
    rows += ["document:", f"  repo: {REPO}", f"  commit: {sha}", "  patterns:", f'    - "{patterns}"']
    attribution = b"Title of work: Otters\nLicense of the work: CC0-1.0\nCreator names: Ada\n"
    return {f"{LEAF}/qna.yaml": ("\n".join(rows) + "\n").encode(), f"{LEAF}/attribution.txt": attribution}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitServer]:
    with git_server(tmp_path_factory.mktemp("served")) as running:
        path = bare(running.root / "otters.git")
        git(path, "config", "uploadpack.allowFilter", "true")
        commit(path, {"guide.md": GUIDE, "scan.pdf": picture_only(), "data.csv": b"a,b"}, "docs")
        yield running


@pytest.fixture
def sha(server: GitServer) -> str:
    return git(server.root / "otters.git", "rev-parse", "main")


@pytest.fixture
def bench(tmp_path: Path, server: GitServer) -> Bench:
    bench = Bench(tmp_path)
    get = partial(fetch, cache=tmp_path / "documents", reach=Reach(loopback=True))
    here = f"{server.url}/otters.git"
    bench.context = replace(bench.context, documents=lambda ref: get(replace(ref, repo=here)))
    return bench


def previewed(bench: Bench, files: dict[str, bytes], **more: Any) -> tuple[int, str, str]:
    """(pull request, its comment, the summary of its preview's check)."""
    number = bench.forge.add_pull(files)
    head = bench.forge.pull(number).head_sha
    bench.job("preview", {"pull": number, "sha": head, **more}, f"preview-{number}")
    return number, bench.sticky(number), bench.check(texts.PREVIEW, number, head).summary


def part_of(bench: Bench, number: int) -> DocumentsPart:
    part = pulls.load(bench.store, number).documents
    assert part is not None
    return part


def test_each_context_is_told_with_its_place(bench: Bench, sha: str) -> None:
    number, comment, summary = previewed(bench, leaf(sha))
    (told,) = part_of(bench, number).leaves
    assert told.read == ("guide.md",)
    assert [path for path, _ in told.unread] == ["data.csv", "scan.pdf"]
    assert [(seed.example, seed.found, seed.line) for seed in told.seeds] == [
        (1, True, 3),
        (2, True, 6),
        (3, False, 6),
        (4, False, 0),
        (5, True, 3),
    ]
    for text in (comment, summary):
        assert f"#### {texts.DOCUMENTS}" in text
        assert "The contexts of 3 of 5 examples stand there." in text
        assert "- Example 1: `guide.md`, line 3\n" in text
        assert "- Example 2: `guide.md`, line 6, 9" in text
        assert "- Example 3: nearest to it is `guide.md`, line 6, only " in text
        assert "- Example 4: nothing there is like it" in text
        assert "- `scan.pdf`: its pages have no text" in text
        assert "- `data.csv`: only .md, .txt, .pdf are read" in text


def test_a_document_that_is_not_there_is_told_with_the_next_step(bench: Bench) -> None:
    _, comment, summary = previewed(bench, leaf("ab" * 20))
    for text in (comment, summary):
        assert f"has no commit {'ab' * 20}" in text.replace("\u200b", "")
        assert texts.DOCUMENT_NEXT in text


def test_patterns_that_match_nothing_are_told(bench: Bench, sha: str) -> None:
    _, comment, _ = previewed(bench, leaf(sha, "*.rst"))
    assert "matches" in comment
    assert texts.DOCUMENT_NEXT in comment


def test_a_leaf_without_a_document_says_nothing(bench: Bench) -> None:
    number, comment, summary = previewed(bench, dict(GOOD))
    assert pulls.load(bench.store, number).documents is None
    assert texts.DOCUMENTS not in comment + summary


def test_what_is_known_of_other_leaves_stays_until_the_next_push(bench: Bench, sha: str) -> None:
    other = {path.replace("otters", "seals"): content for path, content in leaf(sha).items()}
    number, _, _ = previewed(bench, {**leaf(sha), **other}, leaves=[LEAF])
    head = bench.forge.pull(number).head_sha
    bench.job("preview", {"pull": number, "sha": head, "leaves": ["seals"]}, "again")
    assert [told.path for told in part_of(bench, number).leaves] == [LEAF, "knowledge/science/seals"]
    bench.forge.push(number, {f"{LEAF}/qna.yaml": leaf(sha, "guide.md")[f"{LEAF}/qna.yaml"]})
    head = bench.forge.pull(number).head_sha
    bench.job("lint", {"pull": number, "sha": head}, "lint-again")
    assert texts.DOCUMENTS not in bench.sticky(number), "it was about another commit"


def test_no_document_is_fetched_for_lint(bench: Bench, sha: str) -> None:
    asked: list[str] = []

    def documents(ref: Any) -> Unreachable:
        asked.append(ref.repo)
        return Unreachable("not now")

    bench.context = replace(bench.context, documents=documents)
    number = bench.forge.add_pull(leaf(sha), author="stranger")
    bench.job("lint", {"pull": number, "sha": bench.forge.pull(number).head_sha}, "lint-1")
    assert asked == []
    assert pulls.load(bench.store, number).documents is None


def test_a_part_survives_the_store(bench: Bench) -> None:
    told = DocumentsPart("a" * 40, (LeafDocument(LEAF, REPO, "b" * 40, unread=(("x.pdf", "why"),)),))
    number = bench.forge.add_pull(dict(GOOD))
    bench.context.publish(number, told)
    assert part_of(bench, number) == told
