"""What a contribution must be: `lint` judges files, `fix` mends them, `parse_leaf` reads a leaf. No I/O, no network."""

from __future__ import annotations

from validators.engine import lint
from validators.fixing import fix
from validators.leaf import QA, DocumentRef, Leaf, LeafError, Seed, parse_leaf
from validators.model import (
    Applied,
    Change,
    Commit,
    Edit,
    Finding,
    Fix,
    FixResult,
    Level,
    LintConfig,
    Report,
    Span,
)
from validators.registry import UnknownRule

__all__ = [
    "QA",
    "Applied",
    "Change",
    "Commit",
    "DocumentRef",
    "Edit",
    "Finding",
    "Fix",
    "FixResult",
    "Leaf",
    "LeafError",
    "Level",
    "LintConfig",
    "Report",
    "Seed",
    "Span",
    "UnknownRule",
    "fix",
    "lint",
    "parse_leaf",
]
