"""What the sticky comment says of a nightly build: promoted or not, what was learnt, what was left out and why."""

from __future__ import annotations

from collections.abc import Iterator

from bot.outcomes import BuildPart, LeafApart
from bot.render import scores, texts
from bot.render import texts_models as words
from bot.render.escape import code, prose

_MOST_VICTIMS = 5


def headline(build: BuildPart) -> str:
    """The comment's first line."""
    if build.apart and not build.leaves:
        return words.HEAD_APART
    return texts.HEAD_LEARNED if build.promoted else texts.HEAD_NOT_PROMOTED


def next_step(build: BuildPart) -> str:
    """Who acts next."""
    if build.apart:
        return words.NEXT_APART
    return texts.NEXT_NOTHING if build.promoted else texts.NEXT_NEXT_BUILD


def blocks(build: BuildPart, *, leaves: int, examples: int, chars: int) -> Iterator[str]:
    """Blocks of Markdown: so many leaves at most, examples, and characters of each text."""
    reason = prose(build.reason, limit=2000)
    for leaf in build.apart[:leaves]:
        yield _apart(leaf)
    yield _verdict(build).format(build=build.build, reason=reason)
    yield from scores.blocks(build.leaves, before(build.against), leaves=leaves, examples=examples, chars=chars)
    if build.promoted:
        yield f"<details><summary>{words.FIGURES}</summary>"
        yield reason
        yield "</details>"
    if build.url:
        yield words.LEDGER.format(url=build.url)


def before(against: str) -> str:
    """Whom a model was compared with, in Markdown. `against`: "base", the id of a build, or "" where it is unknown."""
    return words.BEFORE.get(against) or words.BEFORE_BUILD.format(build=against)


def _verdict(build: BuildPart) -> str:
    if build.promoted:
        return words.PROMOTED
    return words.INCONCLUSIVE if build.decision == "INCONCLUSIVE" else words.NOT_PROMOTED


def _apart(leaf: LeafApart) -> str:
    change = ""
    if leaf.change:
        bounds = (leaf.change.mean, leaf.change.low, leaf.change.high)
        change = words.APART_CHANGE.format(
            **dict(zip(("mean", "low", "high"), map(scores.signed, bounds), strict=True))
        )
    said = words.APART.format(leaf=code(leaf.path), build=leaf.build, victims=_victims(leaf), change=change)
    return f"{said}\n\n{words.APART_NEXT.format(until=leaf.until)}"


def _victims(leaf: LeafApart) -> str:
    names = [_victim(name) for name in leaf.victims[:_MOST_VICTIMS]]
    listed = ", ".join(names) or words.VICTIMS["general"]
    more = len(leaf.victims) - len(names)
    return words.VICTIMS_MORE.format(names=listed, n=more) if more > 0 else listed


def _victim(name: str) -> str:
    """A victim as the gate names it: a leaf, a branch, "general", "general/<kind>", "lead/<kind>", "safety"."""
    for prefix, said in words.VICTIM_KINDS.items():
        if name.startswith(prefix):
            return said.format(kind=code(name.removeprefix(prefix)))
    return words.VICTIMS.get(name) or code(name)
