"""Reads `attribution.txt`, which people write in many ways, into works with fields that know their places.

The usual form is one `Name: value` a line (Title of work, Link to work, Revision, License of the work, Creator names),
with an empty line between works; names vary, and bullets, emphasis and values on lines of their own occur.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Literal

from validators.content.placeholders import MARK
from validators.source import Source

Name = Literal["title", "link", "revision", "license", "creator", "other"]
NAMES: dict[Name, str] = {
    "title": "Title of work",
    "link": "Link to work",
    "revision": "Revision",
    "license": "License of the work",
    "creator": "Creator names",
}
"""Each field and how it is usually written."""

_WRITTEN: dict[Name, str] = {
    "title": "title, title of work, title of the work, work, work title, name of work, name of the work",
    "link": "link, links, link to work, link to the work, link to source, link of work, url, urls, source, sources,"
    " source url, source link, work link",
    "revision": "revision, revisions, revision of work, revision of the work, permalink, permanent link, oldid,"
    " revision link",
    "license": "license, licenses, licence, licences, license of work, license of the work, licence of work,"
    " licence of the work, license of the source, licence of the source, work license, work licence, licensing,"
    " spdx license identifier, license identifier",
    "creator": "creator, creators, creator name, creator names, creator s, names of creators, author, authors,"
    " author name, author names, author s, created by, written by, contributor, contributors",
    "other": "copyright, copyright holder, copyright holders, copyright notice, modification, modifications, changes,"
    " derived from, adapted from, based on, note, notes, description, date, accessed, github username, attribution",
}
_BY_WRITTEN: dict[str, Name] = {form.strip(): name for name, forms in _WRITTEN.items() for form in forms.split(",")}
_FIELD = re.compile(r"[\s>*#•·–-]{0,40}(\w[\w /()'-]{0,40}?)[ \t*_]{0,8}[:=](?!//)[ \t*_]{0,8}")
_BULLET = re.compile(r"\s*(?:[*•·–-]\s+|\d{1,3}[.)]\s+)?")
_WORD = re.compile(r"[a-z]+")
_NOTHING = frozenset(
    (
        *("", "-", "--", "---", "–", "—", "...", "…", "?", "n/a", "na", "none", "nil", "null", "no", "unknown"),
        *("not known", "tbd", "todo", "to do", "xxx", "not applicable", "no revision", "no license", "no licence"),
        *("no link", "no title", "no url"),
    )
)
_OWN = re.compile(
    r"\bself[- _]?(?:authored|created|written|made|generated|composed|published)\b|\bmy own\b|\bown (?:work|creation|"
    r"writing|text|words|content)\b|\b(?:written|created|authored|made) by (?:me|myself)\b|\boriginal (?:work|content|"
    r"creation)\b|\b(?:written|created|made) for this\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Value:
    """What stands behind a field's name: characters `start` up to `end` of the text."""

    text: str
    start: int
    end: int

    @property
    def says_nothing(self) -> bool:
        """Whether it is empty or a stopgap such as `n/a`, `unknown` or `-`."""
        return self.text.casefold().strip(" .") in _NOTHING


@dataclass(slots=True)
class Work:
    """One work: its fields' values in the file's order. `start` and `end`: its first line."""

    start: int
    end: int
    fields: dict[Name, list[Value]] = field(default_factory=dict)

    def values(self, name: Name) -> list[Value]:
        """What is said under a field; stopgaps are left out."""
        return [value for value in self.fields.get(name, ()) if not value.says_nothing]

    def filled(self, name: Name) -> list[Value]:
        """The values that can be judged: no placeholders of `seedbed new`, of which a rule of their own speaks."""
        return [value for value in self.values(name) if not value.text.startswith(MARK)]


@dataclass(frozen=True)
class Attribution:
    """All works of the file. `own`: the text says that the contributor made it."""

    text: str
    works: tuple[Work, ...]
    own: bool

    @cached_property
    def source(self) -> Source:
        """The text with its line table, made when first asked for."""
        return Source(self.text)


@lru_cache(maxsize=2)
def read(data: bytes) -> Attribution:
    """`parse` of a file's bytes; several rules ask for the same one after another. Bytes that are no text are kept."""
    return parse(data.decode("utf-8", "replace").removeprefix("\ufeff"))


def says_own(text: str) -> bool:
    """Whether a text says that the contributor wrote it."""
    return bool(_OWN.search(text))


def parse(text: str) -> Attribution:
    """Read a whole file; linear in its length, and never raises."""
    works: list[Work] = []
    current: Name | None = None
    apart = False  # an empty line came since the last field
    for start, line in _lines(text):
        found = _field(line)
        if found:
            current, value_at = found
            if not works or _begins(works[-1], current, apart):
                works.append(Work(start + len(line) - len(line.lstrip()), start + len(line.rstrip())))
            works[-1].fields.setdefault(current, [])
            _put(works[-1], current, line, start, value_at)
            apart = False
        elif not line.strip():
            apart = True
        elif current and not apart:
            match = _BULLET.match(line)
            _put(works[-1], current, line, start, match.end() if match else 0)
    return Attribution(text, tuple(works), says_own(text))


def _lines(text: str) -> Iterator[tuple[int, str]]:
    start = 0
    for line in text.splitlines(keepends=True):
        yield start, line
        start += len(line)


def _field(line: str) -> tuple[Name, int] | None:
    """The field that a line begins, and where its value starts."""
    match = _FIELD.match(line)
    if not match:
        return None
    words = _WORD.findall(match.group(1).casefold().replace("_", " "))
    name = _BY_WRITTEN.get(" ".join(words))
    return (name, match.end()) if name else None


def _begins(work: Work, name: Name, apart: bool) -> bool:
    """Whether a field begins a new work: a second title, or any second field behind an empty line."""
    if name not in work.fields:
        return False
    return name == "title" or (apart and name != "other")


def _put(work: Work, name: Name, line: str, start: int, at: int) -> None:
    text = line[at:].strip().rstrip("*_ \t") if line[at:].strip() else ""
    if text:
        begin = start + at + len(line[at:]) - len(line[at:].lstrip())
        work.fields[name].append(Value(text, begin, begin + len(text)))
