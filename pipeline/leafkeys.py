"""What names a leaf's dataset: its content, its document, the flow and the teacher. And which seeds are held out."""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from dataclasses import asdict, dataclass, fields
from functools import lru_cache

from pipeline.documents import Document, Unreachable
from pipeline.flows.filters import words
from validators import Leaf, Seed

FORMAT = 2
"""Of a stored dataset; another one is made anew from the stored responses."""

HELD_SHARE = 4
"""One seed example of so many is held out. `validators/rules/verdict.py` tells authors what follows from it."""

_LICENCE = re.compile(r"^\s*licen[cs]e(?: of the work)?\s*:\s*(\S.*?)\s*$", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class KeyParts:
    """All that a dataset depends on, each as a digest or a name.

    `flow`: its id, which counts stages, filters and prompts. `teacher`, `embedder`: their fingerprints.
    """

    content: str
    document: str
    flow: str
    teacher: str
    target: int
    embedder: str = ""

    @property
    def key(self) -> str:
        """SHA-256 (hex) over all parts: the leaf's key."""
        return _digest([FORMAT, self.content, self.document, self.flow, self.teacher, self.embedder, self.target])

    def changes(self, before: KeyParts) -> list[str]:
        """What differs from `before`, in words."""
        names = {
            "content": "its text",
            "document": "its document",
            "flow": "the flow (prompts, stages or filters)",
            "teacher": "the teacher",
            "target": "the number of samples",
            "embedder": "the embedding model",
        }
        return [words for name, words in names.items() if getattr(self, name) != getattr(before, name)]


def key_parts(
    leaf: Leaf,
    document: Document | Unreachable | None,
    *,
    flow: str,
    teacher: str,
    target: int,
    embedder: str = "",
) -> KeyParts:
    """What the dataset of `leaf` depends on. Where a seed stands in its file changes nothing."""
    named = {field.name: getattr(leaf, field.name) for field in fields(leaf)}
    seeds = [[seed.index, seed.context, [[pair.question, pair.answer] for pair in seed.pairs]] for seed in leaf.seeds]
    document_named = asdict(leaf.document) if leaf.document else None
    content = named | {"seeds": seeds, "document": document_named, "held_out": sorted(heldout(leaf))}
    read = document.digest if isinstance(document, Document) else "none" if document is None else "unreachable"
    return KeyParts(_digest(content), read, flow, teacher, target, embedder)


@lru_cache(maxsize=1024)
def heldout(leaf: Leaf) -> frozenset[int]:
    """Indexes of the seed examples that no prompt and no mixture sees: a quarter, at least one, chosen by hash.

    Seeds with the same words share one fate. At least one seed stays open, unless there is only one.
    """
    return frozenset(index for _, indexes in held_groups(leaf) for index in indexes)


def held_groups(leaf: Leaf) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Those seeds by their words, ranked by hash: (what they say, canonical; their indexes)."""
    alike: dict[str, list[int]] = defaultdict(list)
    for seed in leaf.seeds:
        alike[_content(seed)].append(seed.index)
    ranked = sorted(alike, key=lambda content: _digest([leaf.path, content]))
    wanted, held = -(-len(leaf.seeds) // HELD_SHARE), 0
    groups: list[tuple[str, tuple[int, ...]]] = []
    for content in ranked[:-1] or ranked:
        if held < wanted:
            groups.append((content, tuple(alike[content])))
            held += len(alike[content])
    return tuple(groups)


def licence_of(leaf: Leaf) -> str:
    """The licences that `attribution.txt` names, or "not stated"."""
    return ", ".join(dict.fromkeys(_LICENCE.findall(leaf.attribution))) or "not stated"


def _content(seed: Seed) -> str:
    pairs = [[list(words(pair.question)), list(words(pair.answer))] for pair in seed.pairs]
    return json.dumps([list(words(seed.context)), pairs])


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode(errors="backslashreplace")).hexdigest()
