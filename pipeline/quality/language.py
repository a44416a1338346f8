"""The gate on language: a row is written in a language of its leaf's seeds.

py3langid (139 languages, 4.5 MB, deterministic): on 4 498 English and other texts of real leaves it was never sure and
wrong at once. lingua knows short texts no better and takes 96 MB of disk and 1 GB of memory.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from pipeline.quality.lexical import words
from pipeline.quality.rows import Row, SeedTexts
from validators import Seed

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

SURE = 0.8  # probability from which on a text is in a language, or in others than the seeds'
KIN = 3  # likeliest languages that are looked at: Bosnian, Croatian and Serbian share what one alone would have
USED = 0.4  # probability of a language in a seed's text from which on rows may use it
FEWEST_WORDS = 6  # of a text that is judged
FEWEST_LETTERS = 8  # of a text in a script that few languages share, written without spaces perhaps
MANY = 3  # languages of a leaf from which on it is about languages, and takes any
_HEAD = 1000  # characters
_NO_PROSE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`|https?://\S+", re.DOTALL)
_OTHER_LETTERS = re.compile(r"[^\W\d_\u0000-\u024f]")
_NO_LANGUAGE = "zxx"  # the identifier's class for code, numbers and names


def language(row: Row) -> str | None:
    """The language of each part against those of the same part of the seeds; short texts are not judged."""
    for part, text in row.parts:
        known = languages(part, row.seeds)
        spoken = shares(text) if known else {}
        if not spoken:
            continue
        row.draft.scores[f"{part}_language"] = round(sum(spoken.get(name, 0.0) for name in known), 4)
        strange = {name: share for name, share in spoken.items() if name not in known}
        if sum(strange.values()) >= SURE:
            name, wanted = max(strange, key=lambda name: strange[name]), " or ".join(sorted(known))
            return f"{part}: it is written in {name!r}, and the seed examples in {wanted!r}"
    return None


def shares(text: str) -> dict[str, float]:
    """The likeliest languages (ISO 639) with their probabilities; empty where `text` is too short or no prose."""
    prose = _NO_PROSE.sub(" ", text)[:_HEAD]
    if len(words(prose)) < FEWEST_WORDS and len(_OTHER_LETTERS.findall(prose)) < FEWEST_LETTERS:
        return {}
    ranked = {str(name): float(share) for name, share in _identifier().rank(prose)[:KIN]}
    return {} if max(ranked, key=lambda name: ranked[name]) == _NO_LANGUAGE else ranked


@lru_cache(maxsize=64)
def languages(part: str, texts: SeedTexts) -> frozenset[str]:
    """The languages of a part of the seeds; of all that they say where that part is too short.

    Empty where none is clear, and where there are so many that the leaf is about languages.
    """
    spoken = _spoken(texts.of(part)) or _spoken([" ".join([seed.context, *_said(seed)]) for seed in texts.seeds])
    many = len({name for name, share in spoken if share >= SURE}) >= MANY
    return frozenset() if many else frozenset(name for name, _ in spoken)


def _spoken(texts: Sequence[str]) -> list[tuple[str, float]]:
    """The languages of `texts`, alone and together, that rows may use."""
    found = (entry for text in [*texts, " ".join(texts)] for entry in shares(text).items())
    return [(name, share) for name, share in found if share >= USED]


def _said(seed: Seed) -> list[str]:
    return [text for pair in seed.pairs for text in (pair.question, pair.answer)]


@lru_cache(maxsize=1)
def _identifier() -> LanguageIdentifier:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
