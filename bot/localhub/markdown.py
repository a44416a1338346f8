"""Markdown as GitHub shows it: tables, strikethrough, a handful of HTML tags; everything else is shown as text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from html import escape
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from markupsafe import Markup

_PAIRED = ("details", "summary", "sub", "sup", "kbd", "b", "i", "strong", "em", "code", "p", "ins", "del", "blockquote")
_OPEN = {f"<{tag}>": tag for tag in _PAIRED} | {"<details open>": "details"}
_CLOSE = {f"</{tag}>": tag for tag in _PAIRED}
_VOID = {"<br>", "<br/>", "<br />", "<hr>"}
# A comment (to the end of the text when it is not closed, as browsers read it), or something like a tag.
_PIECE = re.compile(r"<!--.*?(?:-->|\Z)|</?[A-Za-z][^<>]*>", re.DOTALL)
_TASK = re.compile(r"\[( |x|X)\] ")


class Renderer(RendererHTML):
    """markdown-it's renderer, raw HTML piece by piece: allowed tags pass, comments vanish, the rest is escaped."""

    def html_block(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """A block of raw HTML."""
        return filter_html(tokens[idx].content, env)

    def html_inline(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """A raw tag within a line."""
        return filter_html(tokens[idx].content, env)

    def link_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """A link that gives its target nothing to trust."""
        tokens[idx].attrSet("rel", "nofollow noopener noreferrer")
        return self.renderToken(tokens, idx, options, env)

    def image(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """Images become links: pages load nothing from elsewhere."""
        target = escape(str(tokens[idx].attrGet("src") or ""))
        return f'<a href="{target}" rel="nofollow noopener noreferrer">{escape(tokens[idx].content or target)}</a>'

    def text(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """Text, with a box where a list item begins with [ ] or [x]."""
        content = tokens[idx].content
        match = _TASK.match(content) if idx == 0 else None
        if match is None:
            return escape(content)
        return ("☑ " if match[1] in "xX" else "☐ ") + escape(content[match.end() :])


def filter_html(raw: str, env: Any) -> str:
    """`raw` with everything escaped but the allowed tags; `env["open"]` is the stack of those still open."""
    stack: list[str] = env.setdefault("open", [])
    out: list[str] = []
    position = 0
    for match in _PIECE.finditer(raw):
        out.append(escape(raw[position : match.start()]))
        out.append(_piece(match[0], stack))
        position = match.end()
    out.append(escape(raw[position:]))
    return "".join(out)


def _piece(piece: str, stack: list[str]) -> str:
    lowered = piece.lower()
    if piece.startswith("<!--"):
        return ""
    if lowered in _VOID:
        return lowered
    if lowered in _OPEN:
        stack.append(_OPEN[lowered])
        return lowered
    if lowered in _CLOSE:
        if _CLOSE[lowered] not in stack:
            return ""
        closed: list[str] = []
        while not closed or closed[-1] != _CLOSE[lowered]:
            closed.append(stack.pop())
        return "".join(f"</{tag}>" for tag in closed)
    return escape(piece)


def _parser(*, breaks: bool) -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": True, "breaks": breaks}, renderer_cls=Renderer)
    return parser.enable(["table", "strikethrough"])


_COMMENT, _FILE = _parser(breaks=True), _parser(breaks=False)


@lru_cache(maxsize=512)
def render(text: str, *, comment: bool = True) -> Markup:
    """Safe HTML of Markdown; in a comment a line break is one, in a file it is a space."""
    env: dict[str, Any] = {}
    html = (_COMMENT if comment else _FILE).render(text, env)
    still_open = "".join(f"</{tag}>" for tag in reversed(env.get("open", [])))
    return Markup(html + still_open)  # noqa: S704 - made of escaped text and the tags above
