"""Suggested changes: what a machine can mend, on lines of the diff, for the author to take with a click."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.forge.port import Suggestion
from bot.render import texts
from bot.render.checks import counted
from bot.render.escape import clean, fence, sentence
from bot.sandbox import NO_END, Hunk, Mended

MOST = 10
_CHARS = 5000
"""Of one suggestion; a longer one nobody reads on a line."""
Lines = Mapping[str, Sequence[tuple[int, int]]]


def suggestions(mended: Mended, lines: Lines) -> tuple[Suggestion, ...]:
    """Of each hunk that can stand on lines of the diff, at most `MOST`. `lines`: see `ChangedFile.lines`, by path."""
    fitting = [hunk for hunk in mended.hunks if _fits(hunk, lines.get(hunk.path, ()))]
    return tuple(_suggestion(hunk, mended) for hunk in fitting[:MOST])


def all_suggested(mended: Mended, made: Sequence[Suggestion]) -> bool:
    """Whether the suggestions are the whole change: no file comes, goes or ends otherwise besides."""
    told = {hunk.path for hunk in mended.hunks}
    same_ends = NO_END not in mended.patch.splitlines()
    return len(made) == len(mended.hunks) and not mended.gone and set(mended.files) <= told and same_ends


def review(sha: str, made: Sequence[Suggestion]) -> tuple[str, str]:
    """(marker, body) of the review that brings suggestions for a commit."""
    marker = texts.SUGGESTED_MARK.format(sha=sha)
    return marker, f"{marker}\n{texts.SUGGESTED.format(n=counted(len(made), 'place', 'places'))}"


def _fits(hunk: Hunk, shown: Sequence[tuple[int, int]]) -> bool:
    """Whether it stands on shown lines, and says in a fence what it would put into the file, to the letter."""
    text = "\n".join(hunk.lines)
    visible = clean(text) == text and text.strip("\n") == text and len(text) <= _CHARS
    return visible and any(first <= hunk.first and hunk.last <= last for first, last in shown)


def _suggestion(hunk: Hunk, mended: Mended) -> Suggestion:
    here = (what for path, line, what in mended.done if path == hunk.path and hunk.first <= line <= hunk.last)
    reasons = [sentence(what, limit=200) for what in dict.fromkeys(here)]
    block = fence("\n".join(hunk.lines), language="suggestion") if hunk.lines else "```suggestion\n```"
    return Suggestion(hunk.path, hunk.first, hunk.last, "\n\n".join([*reasons[:5], block]))
