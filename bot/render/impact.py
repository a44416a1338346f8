"""What the sticky comment and the check say of an impact run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from bot.outcomes import GroupScore, ImpactPart
from bot.render import scores
from bot.render import texts_models as texts
from bot.render.checks import counted
from bot.render.escape import code, prose
from bot.render.scores import learnt, signed

Outcome = Literal["better", "same", "worse", "nothing"]
_MOST_WORSE = 10


def outcome(part: ImpactPart) -> Outcome:
    """In a word. "worse": general questions or other leaves suffer beyond chance, whatever is learnt."""
    if not part.leaves:
        return "nothing"
    groups = (part.general, part.others)
    if part.worse or part.leads or any(group and learnt(group.change) == "worse" for group in groups):
        return "worse"
    return "better" if any(learnt(leaf.change) == "better" for leaf in part.leaves) else "same"


def blocks(part: ImpactPart, head: str, *, leaves: int, examples: int, chars: int) -> Iterator[str]:
    """Blocks of Markdown. `head`: the commit that the comment is about.

    Shown are so many leaves at most, examples, and characters of each text.
    """
    current = not head or part.sha == head
    if part.status != "done":
        if current and part.status == "running":
            yield texts.IMPACT_RUNS
        elif current:
            yield texts.IMPACT_BROKEN.format(reason=prose(part.failed.rstrip("."), limit=1000))
        return
    yield f"#### {texts.IMPACT_HEAD}"
    if not current:
        yield texts.IMPACT_OLD.format(sha=part.sha[:7])
    yield from measured(part, leaves=leaves, examples=examples, chars=chars)


def measured(part: ImpactPart, *, leaves: int, examples: int, chars: int) -> Iterator[str]:
    """What was measured, without a heading; for the check, too."""
    if part.leaves:
        what = "this leaf" if len(part.leaves) == 1 else "these leaves"
        rows = counted(part.rows, "row", "rows")
        yield texts.IMPACT_EXPLAINED.format(model=code(part.against), leaves=what, rows=rows)
        yield from scores.blocks(part.leaves, code(part.against), leaves=leaves, examples=examples, chars=chars)
        if len(part.leaves) > leaves:
            yield texts.IMPACT_MORE.format(n=len(part.leaves) - leaves)
        yield "\n".join(_groups(part))
    for path, why in part.unread[:leaves]:
        yield "> " + texts.IMPACT_SKIPPED.format(leaf=code(path), reason=prose(why.rstrip("."), limit=chars))


def _groups(part: ImpactPart) -> Iterator[str]:
    for group, text in ((part.general, texts.IMPACT_GENERAL), (part.others, texts.IMPACT_OTHERS)):
        if group:
            yield _line(group, text)
    if part.worse:
        names = ", ".join(f"{code(group.name)} ({signed(group.change.mean)})" for group in part.worse[:_MOST_WORSE])
        yield "- " + texts.IMPACT_WORSE.format(names=names)
    if part.leads:
        names = ", ".join(f"{code(one.name)} (-{one.share:.0%})" for one in part.leads[:_MOST_WORSE])
        yield "- " + texts.IMPACT_LEADS.format(names=names)


def _line(group: GroupScore, text: str) -> str:
    change = texts.IMPACT_CHANGE.format(
        mean=signed(group.change.mean), low=signed(group.change.low), high=signed(group.change.high)
    )
    return text.format(n=group.questions, verdict=texts.IMPACT_VERDICTS[learnt(group.change)], change=change)
