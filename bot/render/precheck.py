"""What the sticky comment says of a precheck."""

from __future__ import annotations

from collections.abc import Iterator

from bot.pulls import Asked, LeafPrecheck, PrecheckPart
from bot.render import texts
from bot.render.escape import code, fence, prose, sentence


def blocks(part: PrecheckPart, head: str, *, leaves: int, asked: int, chars: int) -> Iterator[str]:
    """Blocks of Markdown. `head`: the commit that the comment is about.

    Shown are so many leaves at most, answers of each leaf, and characters of each text.
    """
    current = not head or part.sha == head
    if part.status == "running":
        if current:
            yield texts.PRECHECK_RUNNING
        return
    if part.status == "failed":
        if current:
            yield texts.PRECHECK_BROKEN.format(reason=prose(part.failed.rstrip("."), limit=1000))
        return
    yield f"#### {texts.PRECHECK}"
    if not current:
        yield texts.PRECHECK_OLD.format(sha=part.sha[:7])
    yield texts.PRECHECK_EXPLAINED.format(model=code(part.model))
    for leaf in part.leaves[:leaves]:
        yield from _leaf(leaf, asked, chars)
    if len(part.leaves) > leaves:
        yield texts.PRECHECK_MORE_LEAVES.format(n=len(part.leaves) - leaves)


def _leaf(leaf: LeafPrecheck, asked: int, chars: int) -> Iterator[str]:
    line = f"**{code(leaf.path)}**"
    if leaf.asked:
        line = texts.PRECHECK_LEAF.format(leaf=line, known=leaf.known, all=len(leaf.asked)) + "."
    if leaf.asked and leaf.known == len(leaf.asked):
        line += f" {texts.PRECHECK_ALL_KNOWN}"
    yield line
    if leaf.note:
        yield f"> {sentence(leaf.note, limit=chars)}"
    if leaf.asked[:asked]:
        yield f"<details><summary>{texts.PRECHECK_ANSWERS}</summary>"
        yield from (_answer(one, chars) for one in leaf.asked[:asked])
        if len(leaf.asked) > asked:
            yield texts.PRECHECK_MORE.format(n=len(leaf.asked) - asked)
        yield "</details>"


def _answer(one: Asked, chars: int) -> str:
    mark = texts.MARKS["ok"] if one.known else "🌱"
    said = [f"Question: {_short(one.question, chars)}", f"Expected: {_short(one.expected, chars)}"]
    said.append(f"Answered: {_short(one.answer, chars)}")
    score = texts.PRECHECK_ASKED.format(mark=mark, score=f"{100 * one.score:.0f} %")
    return f"{score}\n\n{fence(chr(10).join(said))}"


def _short(text: str, chars: int) -> str:
    return text if len(text) <= chars else text[:chars].rstrip() + " …"
