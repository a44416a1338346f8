"""Every numeric bound of the linter, in one place."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds that keep a hostile file cheap to refuse."""

    file_bytes: int = 256 * 1024
    """Largest `qna.yaml` that is read at all; real ones are below 100 KiB."""
    depth: int = 32
    """Deepest nesting of lists and mappings; a leaf needs 6."""
    nodes: int = 20_000
    """Most scalars, lists and mappings in one file."""
    tag_directives: int = 8
    """Most `%TAG` lines; libyaml compares each with all before it."""
    value_chars: int = 256
    """Longest plain scalar that may be a number or a date: converting digits costs their number squared."""
    findings_per_rule: int = 100
    """Most findings of one rule in one file; one more says how many were left out."""


@dataclass(frozen=True, slots=True)
class TokenLimits:
    """Longest texts, in tokens of the teacher. The defaults follow the InstructLab documentation (500 and 250)."""

    context: int = 500
    question: int = 250
    answer: int = 250
    seed: int = 1500
    """One seed example as a whole, as it stands in a prompt."""


LIMITS = Limits()
