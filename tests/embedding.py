"""A double for the embedder: texts with the same words are near each other."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

from pipeline.quality.lexical import content_words

SIZE = 256


def embed_words(texts: Sequence[str]) -> list[tuple[float, ...]]:
    """Content words counted in 256 places by hash, of unit length."""
    return [_vector(text) for text in texts]


def _vector(text: str) -> tuple[float, ...]:
    counts = [0.0] * SIZE
    for word in sorted(content_words(text)) or [text]:
        counts[int.from_bytes(hashlib.sha256(word.encode()).digest()[:4]) % SIZE] += 1
    length = math.sqrt(sum(count * count for count in counts))
    return tuple(round(count / length, 6) for count in counts)
