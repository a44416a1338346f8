"""Foreign text in our Markdown: shown as it is, never obeyed."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from bot.render import texts
from bot.render.escape import clean, code, fence, one_line, prose
from bot.render.reason import reason

MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
FORBIDDEN = {"link_open", "image", "html_inline", "html_block", "em_open", "strong_open", "s_open", "table_open"}

TRICKS = ["@octocat", "#12", "GH-12", "o/r#3", "`", "``", "```", "~~~", "<img src=x>", "<!--", "-->", "|", "\\", "$$"]
TRICKS += [
    "[a](http://e.example)",
    "![a](//e.example/i.png)",
    "http://e.example",
    "www.e.example",
    "mailto:a@b.example",
]
TRICKS += ["a@b.example", "&#64;octocat", "&commat;octocat", "</details>", "[x]: http://e.example", "**", "_", "]", "["]
SPACES = ["\n", "\r\n", "\n\n", "* ", "- ", "1. ", "# ", "> ", "\u202e", "\u200b", "\x00", "\u2028", texts.MARKER]
NASTY = st.lists(st.one_of(st.text(max_size=12), st.sampled_from(TRICKS + SPACES)), max_size=12).map("".join)


def tokens(markdown: str) -> Iterator[Token]:
    for token in MARKDOWN.parse(markdown):
        yield token
        yield from token.children or []


def plain_text(markdown: str) -> str:
    """What mention and address filters see: text outside code."""
    return "\n".join(t.content for t in tokens(markdown) if t.type == "text")


@given(NASTY)
def test_no_text_becomes_markup(text: str) -> None:
    for markdown in (
        f"Line 3: {prose(text)}",
        f"File {code(text)} here",
        fence(text),
        f"- x\n\n{fence(text, indent='  ')}",
    ):
        kinds = {t.type for t in tokens(markdown)}
        assert not kinds & FORBIDDEN
        assert texts.MARKER not in markdown
        assert not re.search(r"@[A-Za-z0-9]|#\d|GH-\d", plain_text(markdown), re.IGNORECASE)


@given(NASTY)
def test_addresses_in_prose_are_broken_in_the_source(text: str) -> None:
    """A zero-width space stands where GitHub looks for bare addresses."""
    assert not re.search(r"://|www\.[^\u200b]|mailto:[^\u200b]|(?<!\\)<", prose(text), re.IGNORECASE)


@given(NASTY)
def test_a_fence_holds_what_it_was_given(text: str) -> None:
    blocks = [t for t in MARKDOWN.parse(fence(text)) if t.type == "fence"]
    assert len(blocks) == 1
    assert blocks[0].content.strip("\n") == clean(text).strip("\n")


@given(NASTY, st.integers(1, 40))
def test_limits_hold(text: str, limit: int) -> None:
    assert len(clean(text, limit=limit)) <= limit
    assert len(one_line(text, limit=limit)) <= limit


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("a\u202eb\x00c", "abc"),
        ("a\r\nb\rc\u2028d", "a\nb\nc\nd"),
        ("a\tb", "a\tb"),
        ("<!<!---- x", "<!<!- x"),
    ],
)
def test_clean(given: str, shown: str) -> None:
    assert clean(given) == shown


def test_code_is_wider_than_its_backticks() -> None:
    assert code("a `b` ``c``") == "``` a `b` ``c`` ```"
    assert code("") == "(empty)"
    assert code("plain") == "`plain`"


def test_prose_reads_as_written() -> None:
    assert plain_text(f"x {prose('50 % of *all* [birds] & <b>')}") == "x 50 % of *all* [birds] & <b>"


def test_a_reason_names_what_failed_and_shows_no_token() -> None:
    token = "ghp_" + "aB3dE6gH9jK2mN5pQ8sT1vW4xY7zA0cD3fG6"
    assert reason(OSError(f"fetch failed\nwith {token}")) == "fetch failed with ghp_…"
    assert reason(RuntimeError()) == "RuntimeError"
    assert reason("") == ""
    assert reason("x" * 20, limit=5) == "xxxx…"


def test_cut_ends_with_an_ellipsis() -> None:
    assert clean("e\u0301" * 5, limit=4) == "e\u0301…"
