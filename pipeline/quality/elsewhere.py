"""Duplicates across leaves: the same pair twice weighs twice, and the gate then judges one leaf by another's rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.quality.lexical import names_and_numbers
from pipeline.quality.novelty import Embed
from pipeline.quality.shingles import Shingles
from pipeline.quality.vectors import Vectors

SAME_MEANING = 0.95  # cosine of question and answer across leaves


@dataclass(frozen=True, slots=True)
class Candidate:
    """A row that may repeat one of another leaf. `rank`: the lower stays."""

    id: str
    leaf: str
    text: str
    rank: tuple[float, ...] = ()


def repeated(rows: Sequence[Candidate], embed: Embed | None = None) -> dict[str, str]:
    """Ids of rows that repeat a row of another leaf, with the id of the row that stays.

    By the 5-word runs of question and answer (`Shingles`), and by meaning where `embed` is at hand. The row of lower
    rank stays, then the one of lower id, whatever the order of `rows`.
    """
    shingles, vectors = Shingles(), Vectors()
    kept: list[Candidate] = []
    gone: dict[str, str] = {}
    for row in sorted(rows, key=lambda row: (row.rank, row.id)):
        near = [number for number, _ in shingles.near(row.text)]
        vector = embed([row.text])[0] if embed else None
        if vector is not None:
            names = names_and_numbers(row.text)
            alike = (number for number, _ in vectors.near(vector, SAME_MEANING))
            near += [number for number in alike if names_and_numbers(kept[number].text) == names]
        other = next((kept[number] for number in near if kept[number].leaf != row.leaf), None)
        if other is not None:
            gone[row.id] = other.id
            continue
        kept.append(row)
        shingles.add(row.text)
        if vector is not None:
            vectors.add(vector)
    return gone
