"""Suggested changes: what a comment would put in the place of its lines, and the commit that does it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from markdown_it import MarkdownIt

from bot.localhub import commits, queries
from bot.localhub.errors import HubError
from bot.localhub.git import Entry
from bot.localhub.hub import Hub
from bot.localhub.models import Account, Pull, Repository, ReviewComment

_MARKDOWN = MarkdownIt("commonmark")


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a comment: Markdown, or the text of a suggestion (the lines, each with its end)."""

    kind: Literal["text", "suggestion"]
    text: str


def parts(body: str) -> list[Part]:
    """A comment in pieces; only fences of their own, not those in lists or quotes, are suggestions."""
    text = body.replace("\r\n", "\n").replace("\r", "\n")  # as the parser counts lines
    lines = _lines(text)
    found: list[Part] = []
    done = 0
    for token in _MARKDOWN.parse(text):
        if token.type != "fence" or token.level or token.info.strip() != "suggestion" or token.map is None:
            continue
        found += [Part("text", "".join(lines[done : token.map[0]])), Part("suggestion", token.content)]
        done = token.map[1]
    found.append(Part("text", "".join(lines[done:])))
    return [part for part in found if part.kind == "suggestion" or part.text.strip()]


def old_lines(hub: Hub, repository: Repository, comment: ReviewComment) -> list[str]:
    """The lines that a comment stands on, without their ends."""
    text = hub.git(repository).blob(comment.blob_sha).decode(errors="replace")
    return [line.rstrip("\r\n") for line in _lines(text)[_first(comment) - 1 : comment.line]]


def apply(hub: Hub, repository: Repository, pull: Pull, comment: ReviewComment, actor: Account, number: int) -> str:
    """Commit the suggestion `number` of a comment to the head branch, as `actor`; returns the commit.

    Raises 409 where the lines are no longer there, 422 where there is nothing to commit, 403 where `actor` may not.
    """
    suggested = [part.text for part in parts(comment.body) if part.kind == "suggestion"]
    if not 0 <= number < len(suggested) or comment.side != "RIGHT":
        raise HubError(422, "The comment has no such suggestion for lines of the head.")
    if pull.state != "open" or not queries.is_current(comment, queries.files(hub, repository, pull)):
        raise HubError(409, "The lines have changed since this was suggested, or the pull request is closed.")
    if pull.head_repository_id is None:
        raise HubError(422, "The repository of the head branch was deleted.")
    home = hub.repository_by_id(pull.head_repository_id)
    old = hub.git(repository).at_path(pull.head_sha, comment.path)
    new = replaced(hub.git(repository).blob(comment.blob_sha), _first(comment), comment.line, suggested[number])
    entry = Entry(old.mode if old else "100644", "blob", hub.git(home).write_blob(new), None, comment.path)
    if entry.sha == comment.blob_sha:
        raise HubError(422, "The suggestion changes nothing.")
    message = f"Apply suggestion to {comment.path}\n\nSuggested-by: {comment.author}\n"
    return commits.commit_files(hub, home, actor, pull.head_ref, {comment.path: entry}, message, parent=pull.head_sha)


def replaced(content: bytes, first: int, last: int, text: str) -> bytes:
    """`content` with the lines `first` to `last` (from 1) replaced; line ends stay as they were in the file."""
    lines = _lines(content.decode("utf-8", "surrogateescape"))
    end = "\r\n" if lines[first - 1].endswith("\r\n") else "\n"
    new = [line + end for line in text.replace("\r\n", "\n").split("\n")[:-1]]
    if new and last == len(lines) and not lines[-1].endswith("\n"):
        new[-1] = new[-1].removesuffix(end)
    return "".join([*lines[: first - 1], *new, *lines[last:]]).encode("utf-8", "surrogateescape")


def _lines(text: str) -> list[str]:
    """Lines as git counts them, each with its end."""
    pieces = text.split("\n")
    return [piece + "\n" for piece in pieces[:-1]] + ([pieces[-1]] if pieces[-1] else [])


def _first(comment: ReviewComment) -> int:
    return comment.line if comment.start_line is None else comment.start_line
