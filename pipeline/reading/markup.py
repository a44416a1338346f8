"""Text without the marks of Markdown."""

from __future__ import annotations

import re

_MARKUP = (
    (re.compile(r"!?\[([^\]]*)\]\([^)\s]*(?:\s+\"[^\"]*\")?\)"), r"\1"),  # links and pictures: their words
    (re.compile(r"\[\^?\d+\]"), ""),  # footnote marks
    (re.compile(r"(\*\*|__|`)(.+?)\1"), r"\2"),
    (re.compile(r"^\s*(?:[-*+]|\d+\.)\s+"), ""),
    (re.compile(r"\s+"), " "),
)


def plain(text: str) -> str:
    """`text` without Markdown marks, on one line."""
    for pattern, replacement in _MARKUP:
        text = pattern.sub(replacement, text)
    return text.strip()
