"""What a contribution must be: `lint` judges files, `parse_leaf` reads a leaf. No I/O, no network."""

from __future__ import annotations

from validators.engine import lint
from validators.leaf import QA, DocumentRef, Leaf, LeafError, Seed, parse_leaf
from validators.model import Finding, Level, LintConfig, Report, Span
from validators.registry import UnknownRule

__all__ = [
    "QA",
    "DocumentRef",
    "Finding",
    "Leaf",
    "LeafError",
    "Level",
    "LintConfig",
    "Report",
    "Seed",
    "Span",
    "UnknownRule",
    "lint",
    "parse_leaf",
]
