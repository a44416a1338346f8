"""One and the same set of filters for the rows of both sides: ours, applied from outside to what each wrote."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from pipeline.flows import Draft, filters, flow_for
from pipeline.flows.prompts import PACKAGED
from pipeline.generate import material_of
from pipeline.quality.checks import row_reason
from pipeline.quality.novelty import Embed, Novelty
from validators import Leaf

Row = tuple[str, str]
"""User's turn and assistant's turn."""


@dataclass
class Passed:
    """Of one leaf: rows that pass, and why others do not."""

    rows: list[Row] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)


def passing(leaf: Leaf, rows: Iterable[Row], embed: Embed | None) -> Passed:
    """Rows that are sound, new among those before them, and no seed, held-out ones included. In the order of `rows`."""
    found, check = Passed(), _Check(leaf, embed)
    for asked, answered in rows:
        reason = check.reason(asked.strip(), answered.strip())
        if reason is None:
            found.rows.append((asked, answered))
        else:
            found.reasons[reason.split(" (")[0]] += 1
    return found


class _Check:
    """Of one leaf. Rows about one context are new if their question is new there; contexts are new among contexts."""

    def __init__(self, leaf: Leaf, embed: Embed | None) -> None:
        self.material = material_of(leaf, None, PACKAGED, None)
        self.flow = flow_for(leaf, "schema")
        self.embed = embed
        self.grounded = self.flow.kind == "grounded"
        seeds = (*self.material.open, *self.material.held)
        self.questions = [pair.question for seed in self.material.open for pair in seed.pairs]
        self.held = list(self.material.held_questions)
        self.common = filters.common_words([pair.question for seed in seeds for pair in seed.pairs])
        self.contexts = Novelty(filters.common_words([seed.context for seed in seeds if seed.context]), embed)
        self.asked: dict[str, Novelty] = {}

    def reason(self, asked: str, answered: str) -> str | None:
        context, _, question = asked.rpartition("\n\n") if self.grounded else ("", "", asked)
        if not filters.words(question) or not filters.words(answered):
            return "question or answer is empty"
        draft = Draft((0,), context=context, question=question, answer=answered)
        return row_reason(self.material, draft, self.flow) or self._old(context, question)

    def _old(self, context: str, question: str) -> str | None:
        if context and context not in self.asked:
            seeds = [seed.context for seed in self.material.open]
            held = [seed.context for seed in self.material.held]
            if reason := filters.gate_new(context, (), seeds, held) or self.contexts.reason(context):
                return f"context: {reason}"
            self.contexts.add(context)
        elif not context and (reason := filters.gate_new(question, (), self.questions, self.held)):
            return reason
        known = self.asked.setdefault(context, Novelty(self.common, self.embed))
        if reason := known.reason(question):
            return reason
        known.add(question)
        return None
