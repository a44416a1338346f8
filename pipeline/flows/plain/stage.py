"""How a plain stage is made of two functions: what to ask for one draft, and what to think of the text that came."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pipeline.flows.model import Draft, Material, Stage, chosen
from pipeline.teacher.port import ChatRequest, Completion
from validators import QA, Seed

ALIKE = 8
"""Roots in a row that show the same examples. What their prompts have in common is read once by an engine with a prefix
cache, and a small teacher's time goes mostly into reading prompts."""

Ask = Callable[[Material, Draft], ChatRequest]
Read = Callable[[Material, Draft, str], str | None]


def plain_stage(name: str, ask: Ask, read: Read, *, new: Callable[[Material, Draft], str] | None = None) -> Stage:
    """`read` puts the text into the draft and returns the reason for a rejection."""

    def request(material: Material, drafts: Sequence[Draft]) -> ChatRequest:
        return ask(material, drafts[0])

    def take(material: Material, drafts: Sequence[Draft], completion: Completion) -> Sequence[Draft]:
        draft = drafts[0]
        draft.reason = read(material, draft, completion.text)
        return drafts

    return Stage(name, request, take, new=new)


def shown_seeds(material: Material, root: int) -> tuple[Seed, ...]:
    """The open seeds that a root shows to the teacher: about half of them, two or three, by hash.

    Each seed is left out by some roots, so a changed one costs only the roots that show it.
    """
    count = min(3, max(2, -(-len(material.open) // 2)))
    return tuple(chosen(material.open, count, material.leaf.path, "seeds", root // ALIKE, key=_content))


def shown_pairs(material: Material, draft: Draft, count: int, stage: str) -> list[tuple[Seed, QA]]:
    """At most `count` pairs of `shown_seeds`, in their order in the prompt; noted in the draft."""
    shown = {seed.index for seed in shown_seeds(material, draft.root)}
    fitting = [item for item in material.pairs if item[0].index in shown] or material.pairs
    pairs = chosen(fitting, count, material.leaf.path, stage, draft.root // ALIKE)
    draft.seeds = tuple(sorted({*draft.seeds, *(seed.index for seed, _ in pairs)}))
    return pairs


def _content(seed: Seed) -> object:
    return [seed.context, [[pair.question, pair.answer] for pair in seed.pairs]]
