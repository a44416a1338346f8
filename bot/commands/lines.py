"""The lines of a comment that a person says in their own voice: no quote, code, HTML, heading, link or table."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from markdown_it import MarkdownIt
from markdown_it.token import Token

from bot.commands.arguments import UNREADABLE

# Bounds, so that no comment keeps the web process busy for seconds. What lies beyond them is not read.
BODY_CHARS = 65_536
BODY_LINES = 4_000
PARAGRAPH_CHARS = 4_096
_IGNORED = frozenset({"blockquote", "heading"})
_NEWLINE = re.compile(r"\r\n?|\n")
_WORTH = re.compile(r"^\s*[/@]|<", re.MULTILINE)
_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9-]*|!--)")
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_VOID = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "source", "track", "wbr"})
# As GitHub reads comments, but with escaped characters (`\/lint`) told from typed ones, and spans only where asked.
_BLOCKS = MarkdownIt("commonmark").disable("inline")
_SPANS = MarkdownIt("commonmark").enable("strikethrough").disable("text_join")


def plain(body: str) -> Iterator[str]:
    """The lines of paragraphs and lists, with `UNREADABLE` in place of all that is more than text."""
    depth = 0
    html: list[str] = []
    links: dict[str, object] = {}
    read = _NEWLINE.split(body[:BODY_CHARS].replace(UNREADABLE, "\ufffd"), BODY_LINES)[:BODY_LINES]
    for token in _BLOCKS.parse("\n".join(read), links):
        if token.type.rpartition("_")[0] in _IGNORED:
            depth += token.nesting
        elif token.type == "html_block":
            _track(token.content, html)
        elif token.type == "inline" and not depth and _WORTH.search(token.content):
            yield from _paragraph(token.content, links, html)


def _paragraph(text: str, links: dict[str, object], html: list[str]) -> Iterator[str]:
    if len(text) > PARAGRAPH_CHARS:
        _track(text, html)
        return
    for inline in _SPANS.parseInline(_before_table(text), links):
        yield from _text(inline.children or [], html).split("\n")


def _before_table(text: str) -> str:
    """Without the table that a paragraph ends in: it begins a line above its ruler, such as `---|---`."""
    rows = text.split("\n")
    rulers = (at for at, row in enumerate(rows) if "|" in row and "-" in row and not row.strip("|:- \t"))
    return "\n".join(rows[: max(next(rulers, len(rows) + 1) - 1, 0)])


def _text(children: Sequence[Token], html: list[str]) -> str:
    """The text of a paragraph. What lies inside HTML, emphasis or a link begins with `UNREADABLE` on each line."""
    parts: list[str] = []
    inside = 0
    for child in children:
        inside += child.nesting
        begun = bool(parts) and parts[-1] != "\n"  # an escaped character at the beginning of a line says: not meant
        if child.type == "html_inline":
            _track(child.content, html)
        if child.type in ("softbreak", "hardbreak"):
            parts.append("\n")
        elif (child.type == "text" or (child.type == "text_special" and begun)) and not inside and not html:
            parts.append(child.content)
        else:
            parts.append(UNREADABLE)
    return "".join(parts)


def _track(content: str, html: list[str]) -> None:
    """Keep the stack of what is open after some raw HTML; a comment that does not end hides all that follows."""
    tags = _COMMENT.sub(lambda comment: "" if comment[0].endswith("-->") else "<!--", content)
    for close, name in _TAG.findall(tags):
        name = name.lower()
        if not close and name not in _VOID:
            html.append(name)
        elif close and name in html:
            del html[len(html) - 1 - html[::-1].index(name) :]
