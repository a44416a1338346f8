"""What people may type in a comment: one table makes the parser, the help text and the permission check."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.token import Token

from bot.permissions import Who


@dataclass(frozen=True, slots=True)
class Command:
    """One command. `who` may use it: anyone, or people with at least triage permission."""

    name: str
    usage: str
    summary: str
    who: Who
    example: str


COMMANDS = (
    Command("help", "/help", "list these commands", "anyone", "/help"),
    Command("lint", "/lint", "check the files of this pull request again", "anyone", "/lint"),
    Command(
        "preview",
        "/preview",
        "let the teacher model make a few samples from the changed leaves and show them",
        "triage",
        "/preview",
    ),
)
BY_NAME = {command.name: command for command in COMMANDS}
LIMIT = 10  # commands obeyed from one comment

# Nothing that people write is executed: the parser only looks for lines that begin with one of these forms.
_WORD = re.compile(r"[A-Za-z][A-Za-z-]{0,31}")
_IGNORED = ("blockquote_open", "heading_open")


@dataclass(frozen=True, slots=True)
class Asked:
    """One line that addresses us. `name` is a command's, or "" when it is unknown; then `nearest` is the best guess."""

    said: str
    name: str
    nearest: str = ""


def parse(body: str, login: str) -> tuple[Asked, ...]:
    """Commands of a Markdown comment, in order and without repeats; `login` is ours, for `@login command`.

    Quotes, headings, code and HTML are not read. A slash word that resembles no command (`/usr`) is not for us.
    """
    found: dict[str, Asked] = {}
    for line in _lines(body):
        asked = _read(line, login)
        if asked is not None:
            found.setdefault(asked.name or asked.said, asked)
    return tuple(found.values())[:LIMIT]


def _read(line: str, login: str) -> Asked | None:
    words = line.split()
    if not words:
        return None
    mentioned = words[0].lower().rstrip(":,") == f"@{login.lower().removesuffix('[bot]')}"
    if mentioned:
        word = words[1].removeprefix("/") if len(words) > 1 else ""
    elif words[0].startswith("/"):
        word = words[0][1:]
    else:
        return None
    name = word.lower()
    if name in BY_NAME:
        return Asked(f"/{name}", name)
    nearest = next(iter(difflib.get_close_matches(name, BY_NAME, 1, 0.7)), "") if _WORD.fullmatch(word) else ""
    # "@seedbed thanks for this" is small talk; "@seedbed previw" and "/previw" are slips.
    addressed = bool(nearest) and (not mentioned or len(words) <= 3)
    return Asked(f"/{name}", "", nearest) if addressed else None


def _lines(body: str) -> Iterator[str]:
    """The plain text lines of paragraphs, without code and HTML."""
    depth = 0
    for token in MarkdownIt("commonmark").parse(body[:65_536]):
        if token.type in _IGNORED:
            depth += 1
        elif token.type.replace("_close", "_open") in _IGNORED:
            depth -= 1
        elif token.type == "inline" and not depth:
            yield from _plain(token.children or []).split("\n")


def _plain(children: list[Token]) -> str:
    parts = []
    for child in children:
        if child.type in ("softbreak", "hardbreak"):
            parts.append("\n")
        elif child.type == "text":
            parts.append(child.content)
        else:
            parts.append("\0")  # code, HTML, images, emphasis: a line that begins with one is no command
    return "".join(parts)
