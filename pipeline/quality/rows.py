"""What gates look at: a finished row, and what the seeds of its leaf are like."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

from pipeline.flows.model import Draft, Flow, Material
from pipeline.quality.lexical import words
from validators import Seed


@dataclass(frozen=True, eq=False)  # one for a leaf, so what is worked out of it is kept by identity
class SeedTexts:
    """The seeds of a leaf, as far as gates ask: what people wrote is never a fault in a row.

    Held-out seeds count, too: they widen what is allowed, and nothing of them reaches a row by that.
    """

    seeds: tuple[Seed, ...]

    @cached_property
    def questions(self) -> tuple[str, ...]:
        """All questions."""
        return tuple(pair.question for seed in self.seeds for pair in seed.pairs if pair.question)

    @cached_property
    def answers(self) -> tuple[str, ...]:
        """All answers."""
        return tuple(pair.answer for seed in self.seeds for pair in seed.pairs)

    @cached_property
    def contexts(self) -> tuple[str, ...]:
        """All contexts."""
        return tuple(seed.context for seed in self.seeds if seed.context)

    @cached_property
    def all(self) -> tuple[str, ...]:
        """Questions, answers and contexts."""
        return (*self.questions, *self.answers, *self.contexts)

    @cached_property
    def text(self) -> str:
        """`all` as one text."""
        return "\n".join(self.all)

    def of(self, part: str) -> tuple[str, ...]:
        """All texts of a part: "question", "answer" or "context"."""
        return {"question": self.questions, "answer": self.answers, "context": self.contexts}[part]

    @cached_property
    def lengths(self) -> dict[str, list[int]]:
        """Words of each text by part."""
        return {part: [len(words(text)) for text in self.of(part)] for part in ("question", "answer", "context")}


@dataclass(frozen=True, slots=True)
class Row:
    """A draft that passed all stages of its flow."""

    material: Material
    draft: Draft
    flow: Flow
    seeds: SeedTexts

    @property
    def parts(self) -> list[tuple[str, str]]:
        """What the teacher wrote: (part, text). Questions of auxiliary tasks are ours, and hold the document."""
        draft = self.draft
        written = {
            "question": draft.question if draft.task in ("qa", "choice") else "",
            "answer": draft.answer if draft.task != "choice" else "",
            "context": draft.context if self.flow.kind == "grounded" else "",
        }
        return [(part, text) for part, text in written.items() if text]

    @property
    def source(self) -> str:
        """The part of the document that the row was made from; "" for a skill."""
        if self.flow.kind != "knowledge":
            return ""
        draft = self.draft
        texts = (draft.context, draft.chunk.text if draft.chunk else "", draft.passage.quote if draft.passage else "")
        return "\n".join(dict.fromkeys(text for text in texts if text))


def row_of(material: Material, draft: Draft, flow: Flow) -> Row:
    """A row with the texts of its leaf's seeds, which are worked out once a leaf."""
    return Row(material, draft, flow, _seed_texts((*material.open, *material.held)))


@lru_cache(maxsize=64)
def _seed_texts(seeds: tuple[Seed, ...]) -> SeedTexts:
    return SeedTexts(seeds)
