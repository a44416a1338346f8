"""The gates that a finished row must pass before it is kept, in the order of their cost."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.flows.model import Draft, Flow, Material
from pipeline.quality.copying import copied
from pipeline.quality.echo import echo
from pipeline.quality.language import language
from pipeline.quality.privacy import privacy
from pipeline.quality.refusal import about_the_prompt, refusal
from pipeline.quality.rows import Row, row_of
from pipeline.quality.safety import unsafe_words
from pipeline.quality.shape import length, marks, repeats_itself

Gate = Callable[[Row], str | None]

GATES: dict[str, Gate] = {
    "marks": marks,
    "length": length,
    "repetition": repeats_itself,
    "refusal": refusal,
    "about-the-prompt": about_the_prompt,
    "echo": echo,
    "privacy": privacy,
    "unsafe-words": unsafe_words,
    "copied": copied,
    "language": language,
}
"""By the names of docs/reference/filters.md."""


def row_reason(material: Material, draft: Draft, flow: Flow) -> str | None:
    """Why a finished row must not be kept, in words that a contributor can read; None where it may.

    Depends on its arguments alone. Puts what it measured into `draft.scores`.
    """
    row = row_of(material, draft, flow)
    return next((reason for gate in GATES.values() if (reason := gate(row))), None)
