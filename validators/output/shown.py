"""Shows a rule's example on a page: what differs and no more, with all that cannot be seen made visible."""

from __future__ import annotations

import re
from typing import Literal

from validators.content.secretscan import masked
from validators.examples import ATTRIBUTION, GROUNDED, KNOWLEDGE, SKILL, Case, Example

_LINE = 150
"""Longest line that is shown whole, in characters."""
_CONTEXT = 2
"""Lines that are shown around what differs in two long texts."""
_MODES = {"100755": "an executable file", "120000": "a symbolic link", "160000": "a submodule"}


def sides(example: Example) -> tuple[str, str]:
    """(what breaks the rule, what keeps it); empty where there is no example."""
    if example == Example():
        return "", ""
    bad, good = _text(example, "bad"), _text(example, "good")
    if example.whole:
        bad, good = _apart(bad.splitlines(keepends=True), good.splitlines(keepends=True))
    return _side(example, "bad", bad), _side(example, "good", good)


def _side(example: Example, side: Literal["bad", "good"], text: str) -> str:
    """One side with its path, where that says something, and with what git knows."""
    case = example.case(side)
    placed = example.bad_path if side == "bad" else example.good_path
    known = _known_to_git(case)
    path = f"# {case.path}\n" if placed or not (text or known) else ""
    lines = unhidden(masked(path + known + text)).split("\n")
    return "\n".join(line if len(line) <= _LINE else f"{line[:_LINE]}…" for line in lines)


def _text(example: Example, side: Literal["bad", "good"]) -> str:
    """The text of one side; of several files those that say something of their own, of the others the names."""
    text = example.bad if side == "bad" else example.good
    case = example.case(side)
    if isinstance(text, str):
        if example.whole and not text:
            return case.files[case.path].decode("utf-8", "replace")
        return case.shown if text else ""
    parts = []
    for path, content in text.items():
        own = content not in (SKILL, GROUNDED, KNOWLEDGE, ATTRIBUTION)
        parts.append(f"# {path}\n{content}" if own else f"# {path}\n")
    return "".join(parts)


def _apart(bad: list[str], good: list[str]) -> tuple[str, str]:
    """Two long texts without most of what they begin and end with in common."""
    start = 0
    while start < min(len(bad), len(good)) and bad[start] == good[start]:
        start += 1
    end = 0
    while end < min(len(bad), len(good)) - start and bad[-1 - end] == good[-1 - end]:
        end += 1
    start, end = max(0, start - _CONTEXT), max(0, end - _CONTEXT)
    before, start = ("…\n", start) if start > 1 else ("", 0)
    after, end = ("…\n", end) if end > 1 else ("", 0)
    one, other = ("".join(side[start : len(side) - end]) for side in (bad, good))
    return f"{before}{one}{after}", f"{before}{other}{after}"


def _known_to_git(case: Case) -> str:
    """What an example's git change says, as comments."""
    change = case.change
    lines = [f"# {path} is {_MODES[mode]}" for path, mode in sorted(change.modes.items()) if mode in _MODES]
    for commit in change.commits:
        lines += [f"# a commit of {commit.author_name} <{commit.author_email}>:", *commit.message.splitlines()]
    others = sorted(change.tree - case.files.keys())
    if others:
        lines += [f"# {path}" for path in (case.path, *others) if path in case.files or path in others]
    return "".join(f"{line}\n" for line in lines)


def unhidden(text: str) -> str:
    r"""Text with trailing spaces as `·`, tabs as `→`, CR as `␍`, and what has no shape of its own as `\u200b`."""
    text = re.sub(r" +(?=\r?$)", lambda spaces: "·" * len(spaces[0]), text, flags=re.MULTILINE)
    text = text.replace("\t", "→").replace("\r", "␍")
    return "".join(c if c.isprintable() or c == "\n" else _escape(c) for c in text)


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"


def fenced(text: str, language: str) -> str:
    """A fenced code block that no backticks in the text can end."""
    longest = max((len(run) for run in re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{text.removesuffix(chr(10))}\n{fence}"


def indented(text: str) -> str:
    """The text four spaces further in, as Markdown and terminals show code."""
    return "\n".join(f"    {line}".rstrip() for line in text.removesuffix("\n").split("\n"))
