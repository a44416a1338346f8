"""Scores of leaves before and after, as a contributor reads them. Foreign text goes through `escape` alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import exp
from typing import Literal

from bot.outcomes import Change, LeafScore
from bot.render import texts_models as texts
from bot.render.checks import counted
from bot.render.escape import code, fence

Learnt = Literal["better", "same", "worse", "unknown", ""]


def blocks(scores: Sequence[LeafScore], before: str, *, leaves: int, examples: int, chars: int) -> Iterator[str]:
    """The list, and below it examples folded away. `before`: whose scores they were, in Markdown of ours.

    Shown are so many leaves at most, so many examples, and characters of each text.
    """
    shown = scores[:leaves]
    if not shown:
        return
    yield texts.SCORED.format(before=before)
    yield "\n".join(_score(score) for score in shown)
    for score in [score for score in shown if score.example][:examples]:
        yield from _example(score, chars)


def learnt(change: Change | None) -> Literal["better", "same", "worse", "unknown"]:
    """What a change says, in a word: whether chance alone would explain it. "unknown" where that cannot be told."""
    if change is None:
        return "unknown"
    if change.high < 0:
        return "better"
    return "worse" if change.low > 0 else "same"


def signed(value: float) -> str:
    """A change in nats."""
    return f"{value:+.2f}"


def _score(score: LeafScore) -> str:
    known = score.nats is not None
    lines = [
        texts.SCORE.format(
            leaf=code(score.path),
            before=_percent(score.before),
            after=_percent(score.after),
            range=_range(score),
            verdict=texts.LEARNT[learnt(score.change)] if known else "",
        ).rstrip()
    ]
    if known:
        lines.append("  " + _details(score))
    if score.informing:
        lines.append("  " + texts.INFORMING.format(needed=score.needed))
    return "\n".join(lines)


def _range(score: LeafScore) -> str:
    """Where the new probability lies, by the interval of the change."""
    if score.nats is None or score.change is None:
        return ""
    low, high = (exp(-(score.nats[0] + bound)) for bound in (score.change.high, score.change.low))
    return texts.SCORE_RANGE.format(low=_percent(min(low, 1.0)), high=_percent(min(high, 1.0)))


def _details(score: LeafScore) -> str:
    before, after = score.nats or (0.0, 0.0)
    change, choices, (n, right, now) = "", "", score.choices
    if score.change:
        change = texts.DETAILS_CHANGE.format(**_signed(score.change))
    if n:
        choices = texts.DETAILS_CHOICES.format(n=n, before=right, after=now)
    questions = counted(score.questions, "question", "questions")
    return texts.DETAILS.format(
        n=questions, before=f"{before:.2f}", after=f"{after:.2f}", change=change, choices=choices
    )


def _signed(change: Change) -> dict[str, str]:
    return {"mean": signed(change.mean), "low": signed(change.low), "high": signed(change.high)}


def _example(score: LeafScore, chars: int) -> Iterator[str]:
    if score.example is None:
        return
    asked, before, after = score.example.question, score.example.before, score.example.after
    yield f"<details><summary>{texts.EXAMPLE}</summary>"
    yield code(score.path)
    yield fence(
        texts.EXAMPLE_TEXT.format(
            question=_short(asked, chars),
            before=_short(before, chars) or texts.NO_ANSWER,
            after=_short(after, chars) or texts.NO_ANSWER,
        )
    )
    yield "</details>"


def _short(text: str, chars: int) -> str:
    return text if len(text) <= chars else text[:chars].rstrip() + " …"


def _percent(score: float) -> str:
    return f"{100 * score:.0f} %"
