"""What a pull request changes: files, hunks and lines, read from `git diff`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from bot.localhub.git import Git

_HUNK = re.compile(r"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@")
_STATUS = {"A": "added", "M": "modified", "D": "removed", "R": "renamed", "C": "copied", "T": "changed"}
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a diff; `kind`: context, added, removed, hunk, note. Numbers are None where a side lacks it."""

    kind: str
    old: int | None
    new: int | None
    text: str


@dataclass(frozen=True, slots=True)
class FileChange:
    """One changed file. `patch` is None for binary files; `sha` is the blob at the head (at the base if removed)."""

    path: str
    previous: str | None
    status: str
    sha: str
    additions: int
    deletions: int
    patch: str | None
    lines: tuple[Line, ...] = field(default=())


def changes(git: Git, base: str, head: str) -> list[FileChange]:
    """Files that differ between two commits or trees (by full sha), with patches; renames are found."""
    found = git.facts.get(("diff", base, head), lambda: _compared(git, base, head), _weight)
    return list(found)


def _weight(files: list[FileChange]) -> int:
    return sum(1000 + 3 * len(file.patch or "") + 200 * len(file.lines) for file in files)


def _compared(git: Git, base: str, head: str) -> list[FileChange]:
    common = ["diff", "--no-color", "--no-ext-diff", "--no-textconv", "-M", "--full-index"]
    raw = git.run(*common, "--raw", "--no-abbrev", "-z", base, head).decode("utf-8", "surrogateescape").split("\0")
    sections = _sections(git.run(*common, "--patch", base, head).decode(errors="replace"))
    found: list[FileChange] = []
    position = 0
    while position < len(raw) and raw[position]:
        _, _, old_sha, new_sha, letter = raw[position].split(" ")
        moved = letter[0] in "RC"
        path, previous = (raw[position + 2], raw[position + 1]) if moved else (raw[position + 1], None)
        position += 3 if moved else 2
        sha = old_sha if letter == "D" else new_sha
        found.append(_change(path, previous, _STATUS.get(letter[0], "changed"), sha, sections[len(found)]))
    return found


def _sections(text: str) -> list[list[str]]:
    """Lines of each file's part; a file that turns into a link has two parts with one header, which belong together."""
    parts: list[list[str]] = []
    for line in text.split("\n"):
        if line.startswith("diff --git "):
            if parts and parts[-1][0] == line:
                continue
            parts.append([line])
        elif parts:
            parts[-1].append(line)
    return parts


def _change(path: str, previous: str | None, status: str, sha: str, section: list[str]) -> FileChange:
    start = next((index for index, line in enumerate(section) if line.startswith("@@ ")), len(section))
    body = section[start:]
    while body and not body[-1]:
        body.pop()
    binary = any(line.startswith("Binary files ") for line in section[:start])
    lines = tuple(_lines(body))
    added = sum(line.kind == "added" for line in lines)
    removed = sum(line.kind == "removed" for line in lines)
    patch = None if binary or not body else "\n".join(body)
    return FileChange(path, previous, status, sha, added, removed, patch, lines)


def _lines(body: list[str]) -> list[Line]:
    lines: list[Line] = []
    old = new = 0
    for text in body:
        match = _HUNK.match(text)
        if match:
            old, new = int(match[1]), int(match[2])
            lines.append(Line("hunk", None, None, text))
        elif text.startswith("+"):
            lines.append(Line("added", None, new, text[1:]))
            new += 1
        elif text.startswith("-"):
            lines.append(Line("removed", old, None, text[1:]))
            old += 1
        elif text.startswith("\\"):
            lines.append(Line("note", None, None, text[2:]))
        else:
            lines.append(Line("context", old, new, text[1:]))
            old, new = old + 1, new + 1
    return lines
