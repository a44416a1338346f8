"""What servers and libraries say, made fit for a message of ours."""

from __future__ import annotations

LIMIT = 300


def one_line(text: str, limit: int = LIMIT) -> str:
    """A stranger's text on one line: control characters out, blanks joined, cut to `limit` characters."""
    line = " ".join("".join(mark if mark.isprintable() else " " for mark in text[: 4 * limit]).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
