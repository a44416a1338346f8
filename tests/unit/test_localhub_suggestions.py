"""Suggestions of review comments: which blocks are some, and what they make of a file."""

from __future__ import annotations

import pytest

from bot.localhub.suggestions import Part, parts, replaced

FILE = b"one\ntwo\nthree\n"


def test_blocks_of_their_own_are_suggestions() -> None:
    body = "Look:\r\n\r\n```suggestion\r\na\r\nb\r\n```\r\nor\n````suggestion\n```\n````\n```yaml\nx\n```\n"
    body += "> ```suggestion\n> no\n> ```\n"
    found = parts(body)
    assert [part.kind for part in found] == ["text", "suggestion", "text", "suggestion", "text"]
    assert [part.text for part in found if part.kind == "suggestion"] == ["a\nb\n", "```\n"]
    assert "> no" in found[-1].text


def test_a_comment_without_any() -> None:
    assert parts("Fine\u2028 as it is.") == [Part("text", "Fine\u2028 as it is.")]
    assert parts("") == []


@pytest.mark.parametrize(
    ("content", "first", "last", "text", "wanted"),
    [
        (FILE, 2, 2, "2\n", b"one\n2\nthree\n"),
        (FILE, 1, 3, "all\n", b"all\n"),
        (FILE, 2, 3, "", b"one\n"),
        (FILE, 2, 2, "2a\n2b\n", b"one\n2a\n2b\nthree\n"),
        (b"one\r\ntwo\r\n", 1, 1, "1\n", b"1\r\ntwo\r\n"),
        (b"one\ntwo", 2, 2, "2\n", b"one\n2"),
        (b"\xff\ntwo\n", 2, 2, "2\n", b"\xff\n2\n"),
        (FILE, 2, 2, "\n", b"one\n\nthree\n"),
    ],
)
def test_lines_are_replaced(content: bytes, first: int, last: int, text: str, wanted: bytes) -> None:
    assert replaced(content, first, last, text) == wanted
