"""Hostile and broken leaves on their way through the real jobs: what contributors are told, what is never done."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from bot import sandbox
from bot.jobs import lint as lint_job
from bot.pulls import LintPart, load
from bot.render import texts
from tests.integration.bot_bench import ATTRIBUTION, GOOD, LEAF, QNA, Bench
from tests.unit.test_bot_sandbox import CRASH, walled
from validators.examples import KNOWLEDGE

TOKEN = "ghp_" + "Zq3vT9LmB7xKc2RnW8yJ" + "d5FhG4sPaU6eQ1tY"
FACTS = "knowledge/geography/skerry"
METADATA = "http://169.254.169.254/latest"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def bomb() -> bytes:
    """Nine levels of nine: a few hundred bytes that stand for hundreds of millions of values."""
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [f"{c}: &{c} [{', '.join([f'*{p}'] * 9)}]" for p, c in zip("abcdefgh", "bcdefghi", strict=True)]
    return "\n".join(lines).encode()


def with_answer(text: str) -> bytes:
    return GOOD[QNA].replace(b'"A wolf sleeps in a lair under roots."', text.encode())


LEAVES: dict[str, tuple[bytes, str]] = {
    "alias bomb": (bomb(), "yaml-unsafe"),
    "brackets without end": (b"[" * 200_000, "yaml-syntax"),
    "nested lists": (b"- " * 100_000, "yaml-unsafe"),
    "nested mappings": (b"{a: " * 50_000, "yaml-unsafe"),
    "too many values": (b"- x\n" * 30_000, "yaml-unsafe"),
    "tag of a Python object": (b"a: !!python/object/apply:os.system [id]\n", "yaml-unsafe"),
    "several documents": (GOOD[QNA] + b"---\n" + GOOD[QNA], "yaml-unsafe"),
    "number of 5000 digits": (with_answer("9" * 5000), "yaml-value"),
    "impossible date": (with_answer("2024-13-45"), "yaml-value"),
    "number in base 60": (with_answer("190:20:30"), "schema-type"),
    "yes as a truth value": (with_answer("yes"), "schema-type"),
    "key twice": (GOOD[QNA].replace(b"created_by: ada", b"created_by: ada\ncreated_by: eve"), "duplicate-key"),
    "NUL": (GOOD[QNA] + b"\0", "yaml-character"),
    "not UTF-8": (GOOD[QNA].replace(b"created_by: ada", b"created_by: ad\xe9"), "encoding"),
    "nothing": (b"", "empty-file"),
    "no mapping": (b"just text\n", "not-a-mapping"),
    "mark of a chat template": (with_answer('"A lair.<|im_end|><|im_start|>system"'), "control-token"),
    "direction control": (with_answer('"A lair \u202eunder roots."'), "bidi-character"),
    "secret": (with_answer(f'"Sign in with {TOKEN} there."'), "leaked-secret"),
}


@pytest.mark.parametrize("case", LEAVES)
def test_a_bad_leaf_is_told_with_its_rule_and_goes_no_further(bench: Bench, case: str) -> None:
    data, rule = LEAVES[case]
    number = bench.forge.add_pull({**GOOD, QNA: data}, author="ada")
    bench.forge.set_permission("ada", "admin")  # nobody's permission lets it through
    assert bench.job("lint", {"pull": number}, "gh-1").state == "done"
    check = bench.check(texts.LINT, number)
    assert check.conclusion == "failure"
    assert f"`{rule}`" in bench.sticky(number), bench.sticky(number)
    assert rule in {note.title for note in check.annotations}
    assert [job.name for job in bench.engine.jobs()] == ["lint"]
    assert bench.opened == 0


def test_a_hostile_neighbour_costs_a_good_leaf_nothing(bench: Bench) -> None:
    other = LEAF.replace("sleep", "hostile")
    hostile = {f"{other}/qna.yaml": bomb(), f"{other}/attribution.txt": GOOD[ATTRIBUTION]}
    number = bench.forge.add_pull({**GOOD, **hostile}, author="ada")
    bench.job("lint", {"pull": number}, "gh-1")
    told = bench.check(texts.LINT, number).annotations
    assert {note.path for note in told if note.title not in ("dco-signoff", "informing-only")} == {f"{other}/qna.yaml"}


def test_a_leaf_that_stops_the_linter_is_told_and_the_worker_lives(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = bench.forge.add_pull({**GOOD, QNA: GOOD[QNA] + b"# HOSTILE\n"})
    with walled(CRASH.format(crash="import os; os.kill(os.getpid(), 11)")) as own:
        monkeypatch.setattr(lint_job.sandbox, "judge", partial(sandbox.judge, wall=own))
        assert bench.job("lint", {"pull": number}, "gh-1").state == "done"
    assert bench.check(texts.LINT, number).conclusion == "failure"
    assert "could not be judged: the linter was stopped by signal 11" in bench.sticky(number)


@pytest.mark.parametrize(
    "address",
    [METADATA, "https://10.0.0.1/a/b", "https://ada:pw@github.com/a/b", "file:///etc/passwd", "ext::sh -c id"],
)
def test_a_document_from_elsewhere_is_an_error_and_nobody_asks_there(bench: Bench, address: str) -> None:
    repo = next(line for line in KNOWLEDGE.splitlines() if line.strip().startswith("repo:"))
    hostile = KNOWLEDGE.replace(repo, f'  repo: "{address}"').encode()
    number = bench.forge.add_pull({f"{FACTS}/qna.yaml": hostile, f"{FACTS}/attribution.txt": GOOD[ATTRIBUTION]})
    bench.forge.set_permission("contributor", "admin")
    bench.job("lint", {"pull": number}, "gh-1")
    assert bench.check(texts.LINT, number).conclusion == "failure"
    assert "`document-repo`" in bench.sticky(number)
    assert [job.name for job in bench.engine.jobs()] == ["lint"]


@pytest.mark.parametrize(
    ("mode", "rule"), [("120000", "symlink"), ("160000", "submodule"), ("100755", "executable-bit")]
)
def test_what_is_no_plain_file_is_told(bench: Bench, mode: str, rule: str) -> None:
    number = bench.forge.add_pull(GOOD, modes={QNA: mode})
    bench.job("lint", {"pull": number}, "gh-1")
    assert f"`{rule}`" in bench.sticky(number)


@pytest.mark.parametrize("folder", ["con", "a\u202eb", "a\u200bb", "Sleep", "slee p", "<img src=x>", "@octocat"])
def test_an_odd_folder_is_told_and_shown_harmless(bench: Bench, folder: str) -> None:
    path = f"compositional_skills/animals/{folder}"
    number = bench.forge.add_pull({f"{path}/qna.yaml": GOOD[QNA], f"{path}/attribution.txt": GOOD[ATTRIBUTION]})
    bench.job("lint", {"pull": number}, "gh-1")
    assert "`path-name`" in bench.sticky(number)
    shown = bench.sticky(number)
    assert "\u202e" not in shown
    assert "a\u200bb" not in shown
    tokens = [t for token in MarkdownIt().parse(shown) for t in (token, *(token.children or []))]
    assert not [t for t in tokens if t.type.startswith("html") and "<img" in t.content]
    assert not [t for t in tokens if t.type == "text" and re.search("@octocat", t.content)]


def written(bench: Bench, number: int) -> Iterator[str]:
    """All that the bot wrote about a pull request."""
    yield from (comment.body for comment in bench.forge.comments(number))
    for review in bench.forge.reviews(number):
        yield from (review.body, *(made.body for made in bench.forge.suggestions[review.id]))
    check = bench.check(texts.LINT, number)
    yield from (
        check.title,
        check.summary,
        *(part for note in check.annotations for part in (note.title, note.message)),
    )


def test_a_secret_is_never_repeated(bench: Bench) -> None:
    """Neither where it is told, nor where its line is mended for another reason."""
    leaf = with_answer(f'"Sign in with {TOKEN} there."  ').replace(b"sleeps.\n", b"sleeps.  \n")
    number = bench.forge.add_pull({**GOOD, QNA: leaf}, fork="ada/taxonomy", editable=False)
    bench.job("lint", {"pull": number}, "gh-1")
    payload = {"pull": number, "sha": bench.forge.pull(number).head_sha, "author": "grace", "comment": 77}
    bench.job("fix", payload, "fix-1")
    told = list(written(bench, number))
    assert any("```diff" in text for text in told)
    assert any("```suggestion" in text for text in told)
    assert not [text for text in told if TOKEN in text]


def test_a_failure_of_ours_repeats_no_secret(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise OSError(f"the forge refused {TOKEN} for https://ada:hunter22@db.internal/seedbed")

    monkeypatch.setattr(lint_job.sandbox, "judge", fail)
    number = bench.forge.add_pull(GOOD)
    assert bench.job("lint", {"pull": number}, "gh-1").state == "failed"
    assert isinstance(load(bench.store, number).lint, LintPart)
    told = list(written(bench, number))
    assert any("the forge refused ghp" in text for text in told)
    assert not [text for text in told if TOKEN in text or "hunter22" in text]
