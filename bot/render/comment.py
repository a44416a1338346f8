"""The one sticky comment of a pull request, from its stored state."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from bot.pulls import Budget, BuildPart, Fault, LeafPreview, LintPart, MergePart, PreviewPart, PullState, Shown
from bot.render import build as outcome
from bot.render import checks, documents, impact, precheck, texts, triage
from bot.render.checks import counted
from bot.render.escape import code, fence, lowered, one_line, prose, sentence

LIMIT = 65_000  # bytes; GitHub takes 65,536 characters
BAR = 20  # characters
TIGHT = 0.8  # of a limit; above that a seed example leaves little room


@dataclass(frozen=True, slots=True)
class Room:
    """How much to show: findings, leaves, samples of each leaf, characters of each text."""

    faults: int
    leaves: int
    samples: int
    chars: int


# From generous to tight; the last fits whatever the state holds.
ROOMS = (Room(20, 20, 3, 600), Room(20, 20, 1, 400), Room(12, 12, 1, 200), Room(8, 10, 0, 150), Room(4, 5, 0, 100))


def render(state: PullState, page: str) -> str:
    """Markdown that fits, with the marker first. `page` is the address of the page with all samples."""
    for room in ROOMS:
        body = "\n\n".join(_blocks(state, page, room))
        if len(body.encode()) <= LIMIT:
            break
    return body


def _blocks(state: PullState, page: str, room: Room) -> Iterator[str]:
    yield texts.MARKER
    yield f"### {_headline(state)}"
    if _merged(state):
        yield texts.LEAD_MERGED
        yield from _after_merge(state.merge, state.build, room)
        if state.merge or state.build:
            yield texts.ALL_SAMPLES.format(url=page)
    elif state.lint:
        yield _lead(state.lint)
        if state.lint.fixable:
            yield texts.FIX_OFFER.format(n=counted(state.lint.fixable, "thing", "things"))
        yield from _faults(state.lint, room)
        yield from _budgets(state.lint, room)
    if _samples_matter(state):
        yield from _teaching(state, page, room)
    yield from list(triage.lines(state)) or [_next(state)]
    yield "---\n" + _footer(state)


def _merged(state: PullState) -> bool:
    return bool(state.merge or state.build or (state.triage and state.triage.state == "merged"))


def _headline(state: PullState) -> str:
    if state.build:
        return outcome.headline(state.build)
    if _merged(state):
        return texts.HEAD_MERGED
    lint = state.lint
    if lint is None:
        return texts.HEAD_UNCHECKED
    if lint.failed:
        return texts.HEAD_FAILED
    if lint.errors:
        return texts.HEAD_FAULTS.format(things=_in_words(lint.errors))
    preview = state.preview
    made = preview.leaves if preview and preview.status == "done" and preview.sha == lint.sha else ()
    return texts.HEAD_SAMPLES if any(leaf.kept for leaf in made) else texts.HEAD_GREEN


def _lead(lint: LintPart) -> str:
    if lint.failed:
        return texts.LEAD_FAILED.format(reason=prose(lint.failed))
    if lint.errors:
        places = "one place needs a correction" if lint.errors == 1 else f"{lint.errors} places need a correction"
        return texts.LEAD_FAULTS.format(places=places)
    if lint.leaves:
        return texts.LEAD_GREEN.format(what=counted(len(lint.leaves), "leaf was", "leaves were"))
    return (
        texts.LEAD_GREEN.format(what=counted(lint.files, "file was", "files were"))
        if lint.files
        else texts.LEAD_NO_LEAF
    )


def _faults(lint: LintPart, room: Room) -> Iterator[str]:
    errors = [f for f in lint.faults if f.finding.level == "error"]
    yield from _by_file(errors[: room.faults], room)
    hidden = lint.errors - min(len(errors), room.faults)
    if hidden > 0:
        yield texts.MORE_FAULTS.format(n=hidden, check=texts.LINT)
    rest = [f for f in lint.faults if f.finding.level != "error"][: room.faults]
    if rest:
        suggestions = counted(lint.warnings + lint.hints, "suggestion", "suggestions")
        yield from _folded(texts.SUGGESTIONS.format(n=suggestions), list(_by_file(rest, room)))


def _by_file(faults: Sequence[Fault], room: Room) -> Iterator[str]:
    for path, group in groupby(faults, key=lambda f: f.finding.path):
        yield f"#### {code(path)}"
        for fault in group:
            yield _fault(fault, room)


def _fault(fault: Fault, room: Room) -> str:
    finding = fault.finding
    place = "" if fault.whole else f"**Line {finding.line}:** "
    parts = [f"- {place}{sentence(finding.message, limit=room.chars)} <sub>{code(finding.rule)}</sub>"]
    if fault.excerpt.strip():
        parts.append(fence(f"{finding.line} │ {fault.excerpt}", indent="  "))
    if finding.help:
        parts.append("  " + texts.MEND.format(help=sentence(finding.help, limit=room.chars)))
    if finding.fix:
        title = lowered(sentence(finding.fix.title, limit=room.chars), finding.fix.title)
        parts.append("  " + texts.FIXABLE.format(title=title))
    return "\n\n".join(parts)


def _budgets(lint: LintPart, room: Room) -> Iterator[str]:
    """How full the teacher's prompt gets, leaf by leaf; folded away where there is room."""
    budgets = sorted(lint.budgets, key=lambda b: -b.largest / max(b.limit, 1))[: room.leaves]
    if not budgets:
        return
    bars = fence("\n".join(_bar(budget) for budget in budgets))
    if budgets[0].largest > TIGHT * budgets[0].limit:
        yield f"{texts.BUDGETS}. {texts.BUDGET_TIGHT}"
        yield bars
    else:
        yield from _folded(texts.BUDGETS, [bars])


def _bar(budget: Budget) -> str:
    full = min(BAR, -(-BAR * budget.largest // max(budget.limit, 1)))
    amount = f"{budget.largest} of {budget.limit}".rjust(13)
    return f"{'█' * full}{'░' * (BAR - full)} {amount}  {one_line(budget.path, limit=150)}"


def _teaching(state: PullState, page: str, room: Room) -> Iterator[str]:
    """What teacher and present model make of the leaves, or why they were not asked."""
    head = state.lint.sha if state.lint else ""
    if state.documents and state.documents.sha == (head or state.documents.sha):
        leaves, places = (room.leaves, 10 * room.samples) if room.samples else (room.leaves // 2, 0)
        yield from documents.blocks(state.documents, leaves=leaves, places=places, chars=room.chars)
    if state.preview:
        yield from _preview(state.preview, state, page, room)
    if state.lint and not state.lint.errors and not (state.preview and state.preview.sha == head):
        yield from (text for case, text in texts.PREVIEW_WHY.items() if case == state.lint.preview)
    if state.precheck:
        yield from precheck.blocks(state.precheck, head, leaves=room.leaves, asked=room.samples, chars=room.chars)
    if state.impact:
        yield from impact.blocks(state.impact, head, leaves=room.leaves, examples=room.samples, chars=room.chars)


def _samples_matter(state: PullState) -> bool:
    """Not while there are faults to mend; and after the merge others take their place."""
    if _merged(state):
        return False
    return state.lint is None or not state.lint.errors


def _preview(preview: PreviewPart, state: PullState, page: str, room: Room) -> Iterator[str]:
    current = state.lint is None or preview.sha == state.lint.sha
    if not current and preview.status != "done":
        return
    if preview.status == "running":
        yield texts.RUNNING
        return
    if preview.status == "failed":
        yield texts.PREVIEW_BROKEN.format(reason=prose(preview.failed, limit=2000))
        return
    made = list(_made_of_it(preview, page, room))
    if current:
        yield f"#### {texts.SAMPLES}"
        yield from made
    else:
        yield from _folded(texts.OLD_SAMPLES.format(sha=preview.sha[:7]), made)


def _made_of_it(preview: PreviewPart, page: str, room: Room) -> Iterator[str]:
    yield texts.SAMPLES_EXPLAINED
    for leaf in preview.leaves[: room.leaves]:
        yield from _leaf(leaf, room)
    link = texts.ALL_SAMPLES.format(url=page)
    if len(preview.leaves) > room.leaves:
        yield texts.LEAF_SHORT.format(n=len(preview.leaves) - room.leaves, link=link)
    teacher = texts.TEACHER.format(teacher=prose(preview.teacher, limit=200)) if preview.teacher else ""
    yield f"{link}. {teacher}".strip()


def _leaf(leaf: LeafPreview, room: Room) -> Iterator[str]:
    if leaf.skipped:
        yield f"**{code(leaf.path)}**\n\n{texts.SKIPPED.format(reason=prose(leaf.skipped, limit=room.chars))}"
        return
    yield f"**{code(leaf.path)}** · {checks.kept([leaf])}"
    yield from (f"> {prose(note, limit=room.chars)}" for note in leaf.notes[:5])
    if not leaf.kept:
        yield texts.NO_SAMPLE
    yield from (_sample(s, room) for s in leaf.shown[: room.samples])
    if leaf.reasons:
        reasons = [f"- {prose(reason, limit=120)}: {n}" for reason, n in leaf.reasons[:10]]
        dropped = [_sample(s, room) for s in leaf.dropped[: room.samples]]
        yield from _folded(texts.REJECTED.format(n=leaf.rejected), ["\n".join(reasons), *dropped])


def _sample(sample: Shown, room: Room) -> str:
    answer = f"\n\nAnswer: {_short(sample.answer, room)}" if sample.answer else ""
    text = fence(f"Question: {_short(sample.question, room)}{answer}")
    return f"Rejected: {prose(sample.reason, limit=200)}\n\n{text}" if sample.reason else text


def _short(text: str, room: Room) -> str:
    return text if len(text) <= room.chars else text[: room.chars].rstrip() + " …"


def _after_merge(merge: MergePart | None, build: BuildPart | None, room: Room) -> Iterator[str]:
    if merge and merge.failed and not build:
        yield texts.MERGE_BROKEN.format(reason=prose(merge.failed, limit=2000))
    elif merge and not build:
        lines = [_made(leaf.path, leaf.kept, leaf.rejected) for leaf in merge.leaves[: room.leaves]]
        lines += [
            f"> {prose(note, limit=room.chars)}" for leaf in merge.leaves[: room.leaves] for note in leaf.notes[:5]
        ]
        yield "\n\n".join(lines)
    if build:
        yield from outcome.blocks(build, leaves=room.leaves, examples=room.samples, chars=room.chars)


def _made(path: str, kept: int, rejected: int) -> str:
    text = texts.MADE if kept else texts.MADE_NOTHING
    return text.format(leaf=code(path), kept=kept, rejected=rejected)


def _next(state: PullState) -> str:
    if state.build:
        return outcome.next_step(state.build)
    if _merged(state):
        if state.merge is None:
            return texts.NEXT_GENERATE
        return texts.NEXT_RETRY if state.merge.failed else texts.NEXT_BUILD
    lint = state.lint
    if lint and lint.failed:
        return texts.NEXT_AGAIN
    if lint and lint.errors:
        return texts.NEXT_MEND
    if lint and not lint.leaves:
        return texts.NEXT_REVIEW_ONLY
    return _next_preview(lint, state.preview)


def _next_preview(lint: LintPart | None, preview: PreviewPart | None) -> str:
    current = preview if preview and (lint is None or preview.sha == lint.sha) else None
    if current and current.status == "done":
        return texts.NEXT_REVIEW
    if current and current.status == "failed":
        return texts.AGAIN_PREVIEW
    if current or (lint and lint.preview == "queued"):
        return texts.NEXT_WAIT
    return texts.NEXT_ASK


def _footer(state: PullState) -> str:
    part = state.lint or state.preview
    at = texts.FOOTER_SHA.format(sha=part.sha[:7]) if part else ""
    return texts.FOOTER.format(at=at)


def _folded(summary: str, blocks: Sequence[str]) -> list[str]:
    """A folded section. `summary` is ours: inside <summary> nothing is Markdown."""
    return [f"<details><summary>{summary}</summary>", *blocks, "</details>"]


def _in_words(n: int) -> str:
    words = ("Nothing", "One thing", "Two things", "Three things", "Four things", "Five things")
    return words[n] if n < len(words) else f"{n} things"
