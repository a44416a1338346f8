"""The sticky comment, as a contributor reads it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from bot import pulls
from bot.outcomes import Change, Contrast, GroupScore, ImpactPart, LeafApart, LostLead
from bot.pulls import (
    Budget,
    BuildPart,
    DocumentsPart,
    Fault,
    LeafDocument,
    LeafMade,
    LeafPreview,
    LeafScore,
    LintPart,
    MergePart,
    PreviewPart,
    PullState,
    SeedPlace,
    Shown,
)
from bot.render import texts
from bot.render.checks import ANNOTATIONS, annotate, check, fit, lint_check
from bot.render.comment import LIMIT, render
from pipeline.store.memory import MemoryStore
from validators.model import Edit, Finding, Fix, Report

PAGE = "http://bot.example/pulls/3/samples"
LEAF = "knowledge/animals/otter"
QNA = f"{LEAF}/qna.yaml"
SHA = "abc1234def0000000000000000000000000000ff"

MISSING = Finding("attribution-missing", "error", QNA, 1, 1, 1, 11, "the leaf has no attribution.txt", "Add one.")
KEY = Finding(
    "schema-missing-key", "error", QNA, 4, 3, 4, 20, "seed_examples[0] lacks `answer`", "Add `answer:` to it."
)
BLANK = Finding(
    "empty-lines", "warning", QNA, 9, 1, 9, 2, "blank line at the end", fix=Fix("delete the line", (Edit(3, 4, ""),))
)
FAULTY = LintPart(SHA, 1, 2, 1, 0, (Fault(MISSING, whole=True), Fault(KEY, "- question: What?"), Fault(BLANK)), (LEAF,))
GREEN = LintPart(SHA, 1, leaves=(LEAF,), preview="ask")
MADE = LeafPreview(
    LEAF,
    "key",
    kept=1,
    rejected=2,
    shown=(Shown("What do otters eat?", "Mostly fish."),),
    dropped=(Shown("What?", "", "it is too short"),),
    reasons=(("it is too short", 2),),
    notes=("document unreachable: no network; generated from the seed contexts alone",),
)
PREVIEW = PreviewPart(SHA, "done", "SmolLM2 on vLLM (CPU)", (MADE,))


def test_two_faults() -> None:
    assert (
        render(PullState(3, FAULTY), PAGE)
        == """\
<!-- seedbed:sticky -->

### 🌱 Two things to mend

Thank you for this contribution! Before it can be merged, 2 places need a correction: here is where, and how to mend it.

#### `knowledge/animals/otter/qna.yaml`

- The leaf has no attribution.txt. <sub>`attribution-missing`</sub>

  **To mend it:** Add one.

- **Line 4:** seed\\_examples\\[0\\] lacks `answer`. <sub>`schema-missing-key`</sub>

  ```text
  4 │ - question: What?
  ```

  **To mend it:** Add `answer:` to it.

<details><summary>1 suggestion (nothing here blocks the merge)</summary>

#### `knowledge/animals/otter/qna.yaml`

- **Line 9:** Blank line at the end. <sub>`empty-lines`</sub>

  `/fix` mends this: delete the line.

</details>

**Next: you.** Change the places above and push, or edit the files right here in the browser. \
The check runs again by itself within seconds.

---
<sub>For commit `abc1234`. Comment `/help` for the commands.</sub>"""
    )


def test_green_and_waiting() -> None:
    assert (
        render(PullState(3, GREEN), PAGE)
        == """\
<!-- seedbed:sticky -->

### ✅ All checks pass

Thank you for this contribution! 1 leaf was checked, and nothing must be changed.

**Next: a maintainer** reads your files and decides whether the teacher, whose time is short, makes samples of them: \
`/preview` asks for it once, and `/ok-to-test` lets you ask, too, until the next push. You need not do anything.

---
<sub>For commit `abc1234`. Comment `/help` for the commands.</sub>"""
    )


def test_with_samples() -> None:
    body = render(PullState(3, GREEN, PREVIEW), PAGE)
    start = body.index("**`knowledge")
    assert (
        body[start : body.index("---")]
        == f"""\
**`knowledge/animals/otter`** · 1 kept, 2 rejected

> document unreachable: no network; generated from the seed contexts alone

```text
Question: What do otters eat?

Answer: Mostly fish.
```

<details><summary>2 rejected, by reason</summary>

- it is too short: 2

Rejected: it is too short

```text
Question: What?
```

</details>

[All samples, kept and rejected]({PAGE}). Teacher: SmolLM2 on vLLM (CPU).

**Next: a maintainer** reads the samples and your files, and merges or asks back.

"""
    )
    assert f"### {texts.HEAD_SAMPLES}" in body


def test_merged() -> None:
    merge = MergePart("SmolLM2", (LeafMade(LEAF, "key", 24, 9, ("document unreachable: no network",)),))
    assert (
        render(PullState(3, GREEN, PREVIEW, merge), PAGE)
        == f"""\
<!-- seedbed:sticky -->

### 🎉 Merged

Thank you! Your contribution is now a part of the taxonomy that this community's model grows from.

`knowledge/animals/otter`: 24 samples made, 9 rejected by the filters.

> document unreachable: no network

[All samples, kept and rejected]({PAGE})

**Next: Seedbed.** The samples wait for the nightly build; the result will be told here.

---
<sub>For commit `abc1234`. Comment `/help` for the commands.</sub>"""
    )


WAITING = replace(GREEN, preview="queued")
BROKEN = PreviewPart(SHA, "failed", failed="no memory")
HELD = BuildPart("b1", False, "Worse.")
STATES = {
    "running": (PullState(3, WAITING, PreviewPart(SHA, "running")), texts.RUNNING, texts.NEXT_WAIT),
    "teacher broken": (PullState(3, GREEN, BROKEN), "no memory", texts.AGAIN_PREVIEW),
    "lint broken": (PullState(3, LintPart(SHA, failed="no git")), "no git", texts.NEXT_AGAIN),
    "no leaf": (PullState(3, LintPart(SHA)), texts.HEAD_GREEN, texts.NEXT_REVIEW_ONLY),
    "older samples": (PullState(3, GREEN, replace(PREVIEW, sha="b" * 40)), "earlier commit bbbbbbb", texts.NEXT_ASK),
    "merge failed": (PullState(3, GREEN, merge=MergePart(failed="no disk")), "no disk", texts.NEXT_RETRY),
    "promoted": (
        PullState(3, GREEN, merge=MergePart(), build=BuildPart("b1", True, "Better.", (LeafScore(LEAF, 0.12, 0.5),))),
        "**12 % → 50 %**",
        texts.NEXT_NOTHING,
    ),
    "held": (PullState(3, GREEN, build=HELD), "`b1` was not promoted", texts.NEXT_NEXT_BUILD),
}


@pytest.mark.parametrize("name", STATES)
def test_every_state_says_who_acts_next(name: str) -> None:
    state, said, following = STATES[name]
    body = render(state, PAGE)
    assert said in body
    assert following in body
    assert body.count("**Next:") + body.count(texts.NEXT_NOTHING) + body.count(texts.AGAIN_PREVIEW) == 1


def test_an_outdated_running_preview_is_not_shown() -> None:
    assert texts.RUNNING not in render(PullState(3, GREEN, PreviewPart("b" * 40, "running")), PAGE)


def test_samples_give_way_to_faults() -> None:
    assert texts.SAMPLES not in render(PullState(3, FAULTY, PREVIEW), PAGE)


def test_it_always_fits() -> None:
    """The tightest room holds whatever is in the state."""
    long = "\u4e16`" * 3000
    fault = Fault(replace(KEY, message=long, help=long, path=long), long[:100])
    sample = Shown(long, long, long)
    leaf = LeafPreview(long, "k", 9, 9, (sample,) * 3, (sample,) * 3, ((long, 1),) * 50, (long,) * 50)
    lint = LintPart(SHA, 1, 500, 0, 0, (fault,) * 50, (LEAF,))
    green = replace(lint, errors=0, faults=())
    merge = MergePart(long, (LeafMade(long, "k", 1, 1, (long,) * 50),) * 300)
    contrast = Contrast(long, long, long)
    score = LeafScore(long, 0.1, 1, (2, 0), Change(-2, -3, -1), 9, True, 6, (9, 1, 2), contrast)
    apart = LeafApart(long, (long,) * 300, "b0", "2026-12-26", Change(1, 0, 2))
    build = BuildPart("b", True, long, (score,) * 300, "PROMOTE", "b0", PAGE, (apart,) * 300)
    group = GroupScore(long, 9, Change(1, 0.5, 2))
    impact = ImpactPart(SHA, "done", long, (score,) * 300, group, group, (group,) * 300, ((long, long),) * 300, 9)
    impact = replace(impact, leads=(LostLead(long, 9, 0.5),) * 300)
    preview = PreviewPart(SHA, "done", long, (leaf,) * 300)
    places = (SeedPlace(1, long, 3, 1.0, True), SeedPlace(2, long, 3, 0.5), SeedPlace(3)) * 20
    read = LeafDocument(long, long, long, read=(long,) * 20, files=99, unread=((long, long),) * 20, seeds=places)
    documents = DocumentsPart(SHA, (read, LeafDocument(long, long, long, reason=long)) * 150)
    for state in (
        PullState(3, lint),
        PullState(3, green, preview, documents=documents),
        PullState(3, lint, preview, merge),
        PullState(3, build=build),
        PullState(3, green, preview, documents=documents, impact=impact),
    ):
        body = render(state, PAGE)
        assert len(body.encode()) <= LIMIT
        assert body.startswith(texts.MARKER)
        assert body.rstrip().endswith("</sub>")
    assert PAGE in render(PullState(3, green, preview), PAGE)


@given(st.text(max_size=60))
def test_foreign_text_brings_no_markup_into_the_comment(text: str) -> None:
    hostile = f"{text}![x](http://e.example)<b>@octocat</b>{texts.MARKER}"
    fault = Fault(replace(KEY, message=hostile, help=hostile, path=hostile), hostile)
    lint = LintPart(SHA, 1, 1, 0, 0, (fault,), (LEAF,))
    leaf = LeafPreview(
        hostile, "k", 1, 1, (Shown(hostile, hostile),), (Shown(hostile, hostile, hostile),), ((hostile, 1),)
    )
    merge = MergePart(hostile, (LeafMade(hostile, "k", 1, 1, (hostile,)),))
    states = (
        PullState(3, lint),
        PullState(3, GREEN, PreviewPart(SHA, "done", hostile, (leaf,))),
        PullState(3, LintPart(SHA, failed=hostile), PreviewPart(SHA, "failed", failed=hostile)),
        PullState(3, merge=merge),
        PullState(3, build=BuildPart("b", True, hostile, (LeafScore(hostile, 0, 1),))),
    )
    for state in states:
        body = render(state, PAGE)
        assert body.count(texts.MARKER) == 1
        tokens = [
            t
            for token in MarkdownIt("commonmark", {"html": True}).parse(body)
            for t in (token, *(token.children or []))
        ]
        assert {t.attrGet("href") for t in tokens if t.type == "link_open"} <= {PAGE}
        assert not [t for t in tokens if t.type == "image"]
        html = [t.content.strip() for t in tokens if t.type in ("html_block", "html_inline")]
        ours = ("<!-- seedbed:sticky -->", "<details><summary>", "</details>", "<sub>", "</sub>")
        assert all(block.startswith(ours) for block in html)
        assert not [t for t in tokens if t.type == "text" and "@octocat" in t.content]


def test_annotations_are_exact_and_limited() -> None:
    report = Report((BLANK, KEY), 1)
    first, second = annotate(report.findings)
    assert (first.level, first.start_line, first.start_column, first.end_column) == ("failure", 4, 3, 19)
    assert first.message == "seed_examples[0] lacks `answer`\n\nTo mend it: Add `answer:` to it."
    assert second.level == "warning"
    spread = annotate([replace(KEY, end_line=6)])[0]
    assert (spread.end_line, spread.start_column) == (6, None)
    many = LintPart(SHA, 1, errors=300, leaves=(LEAF,), fixable=2)
    made = lint_check(SHA, "o/r#3", many, (KEY,) * 300, PAGE)
    assert len(made.annotations) == ANNOTATIONS
    assert "100 more findings" in made.summary
    assert made.title == "300 things to mend"
    assert [action.identifier for action in made.actions] == ["fix"]


def test_buttons_fit_and_are_there_when_they_are_of_use() -> None:
    green = lint_check(SHA, "o/r#3", GREEN, (), PAGE)
    assert [action.identifier for action in green.actions] == ["preview"]
    assert lint_check(SHA, "o/r#3", replace(GREEN, leaves=()), (), PAGE).actions == ()
    assert check(texts.PREVIEW, SHA, "o/r#3", ("a", "b"), url=PAGE).actions == ()
    done = check(texts.PREVIEW, SHA, "o/r#3", ("a", "b"), conclusion="success", url=PAGE)
    both = lint_check(SHA, "o/r#3", replace(GREEN, fixable=1), (), PAGE)
    for action in (*both.actions, *done.actions):
        assert len(action.label) <= 20
        assert len(action.description) <= 40
        assert len(action.identifier) <= 20


def test_the_case_of_no_preview_is_told() -> None:
    for case, told in texts.PREVIEW_WHY.items():
        state = PullState(3, replace(GREEN, preview=case))  # type: ignore[arg-type]
        assert told in render(state, PAGE)
        assert told not in render(replace(state, preview=PREVIEW), PAGE)


def test_the_room_in_the_teachers_prompt() -> None:
    body = render(PullState(3, replace(GREEN, budgets=(Budget(LEAF, 300, 1500),))), PAGE)
    assert f"<summary>{texts.BUDGETS}</summary>" in body
    assert "████░░░░░░░░░░░░░░░░   300 of 1500  knowledge/animals/otter" in body
    tight = render(PullState(3, replace(GREEN, budgets=(Budget("a/b", 10, 1500), Budget(LEAF, 9000, 1500)))), PAGE)
    assert texts.BUDGET_TIGHT in tight
    assert tight.index("█" * 20) < tight.index("a/b")


def test_summaries_fit_in_bytes() -> None:
    assert len(fit("\u4e16" * 60_000).encode()) <= 65_535
    assert fit("short") == "short"


def test_state_survives_the_store() -> None:
    store = MemoryStore()
    state = PullState(3, FAULTY, PREVIEW, MergePart("t", (LeafMade(LEAF),)), BuildPart("b", True, "r"))
    assert not pulls.known(store, 3)
    pulls.save(store, state)
    assert pulls.load(store, 3) == state
    assert pulls.known(store, 3)
    store.write("pulls/4/state.json", b'{"written": "by another version"}')
    assert pulls.load(store, 4) == PullState(4)
