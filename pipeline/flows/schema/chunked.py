"""What all requests about a chunk share: its text comes first, always the same, so that engines compute it once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipeline.flows import filters
from pipeline.flows.model import Chunk, Draft, Material, chosen, number, request, topic_of
from pipeline.teacher.port import ChatRequest, Sampling
from validators import QA, Seed

_STEPS = (12, 20, 30, 50, 80, 120)
EXAMPLES = 2  # seed pairs that show the manner; each enters few chunks, so an edited seed costs few requests


def shown(chunk: Chunk) -> str:
    """A chunk below its headings."""
    return f"{chunk.heading}\n\n{chunk.text}" if chunk.heading else chunk.text


def ask(
    name: str, material: Material, draft: Draft, variables: Mapping[str, object], sampling: Sampling
) -> ChatRequest:
    """A request about the draft's chunk. Its seed depends on the chunk's text, not on how many others there are.

    So a chunk that did not change is answered from the store when the document around it did, and in a second turn.
    """
    both = {"outline": outline(material), "chunk": draft.context, **variables}
    place = (number(draft.context), *draft.place[1:])
    return request(name, material, place, both, (), sampling)


def outline(material: Material) -> str:
    """What the document is about, in its author's words."""
    leaf = material.leaf
    return leaf.document_outline or leaf.domain or topic_of(leaf)


def examples(material: Material, draft: Draft) -> Sequence[tuple[Seed, QA]]:
    """The seed pairs that all requests about a chunk show; none of a seed that is this chunk."""
    own = draft.chunk.seed if draft.chunk else -1
    pairs = [(seed, pair) for seed, pair in material.pairs if seed.index != own]
    found = chosen(pairs, EXAMPLES, material.leaf.path, "examples", draft.context, key=_content)
    draft.seeds = tuple(sorted({*draft.seeds, *(seed.index for seed, _ in found)}))
    return found


def longest(seeds: Sequence[str]) -> int:
    """Words to allow a text next to `seeds`: in steps, so that an edited seed rarely changes the requests of others."""
    bound = filters.length_bounds(seeds)[1]
    return max((step for step in _STEPS if step <= bound), default=_STEPS[0])


def tokens_of(words: int) -> int:
    """Output tokens for so many words, of a tokenizer that may cut long ones into pieces."""
    return 2 * words + 32


def _content(item: tuple[Seed, QA]) -> object:
    return [item[1].question, item[1].answer]
