"""What may stand behind a command: words become typed, bounded values, or one clear complaint."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["word", "leaf", "count", "rule", "login", "text", "selector", "command"]
Fault = Literal["", "value", "missing", "extra", "twice", "key", "formatted"]

MOST_SAMPLES = 50
MOST_PULLS = 50
TEXT_CHARS = 200
UNREADABLE = "\0"
"""Stands where a comment has code, a link, an image or emphasis: never a part of a value."""

FREE = ("text", "command")
"""Kinds that take the rest of the line."""

_LEAF = re.compile(r"\w[\w.-]{0,99}(?:/\w[\w.-]{0,99}){0,19}")
_RULE = re.compile(r"[a-z][a-z0-9_.:-]{0,63}")
_LOGIN = re.compile(r"@?([A-Za-z0-9](?:[A-Za-z0-9-]{0,38}))")
_COUNT = re.compile(r"0{0,9}([1-9][0-9]{0,3})")
_NUMBER = re.compile(r"#?([1-9][0-9]{0,8})")
_LABEL = re.compile(r"[^\x00-\x1f\x7f]{1,50}")
_WORDS = re.compile(r'(?:[^\s"]|"[^"]*")+|"')


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a command. `named`: written `name=value` (by position too); `about` says what it is for."""

    name: str
    kind: Kind
    about: str
    required: bool = False
    named: bool = False

    @property
    def usage(self) -> str:
        """As in `/preview [LEAF] [n=COUNT]`."""
        value = self.name.upper() if not self.named else f"{self.name}={self.kind.upper()}"
        value += "…" if self.kind in ("text", "command") else ""
        return value if self.required else f"[{value}]"

    @property
    def wants(self) -> str:
        """What a value must be, in words."""
        return _WANTS[self.kind]


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong with a command's arguments: the kind of fault, at which argument, and the word that shows it."""

    fault: Fault = ""
    argument: str = ""
    word: str = ""


def words(line: str) -> list[str]:
    """The words of a line; `"two words"` is one."""
    return _WORDS.findall(line)


def read(arguments: Sequence[Argument], line: str) -> tuple[dict[str, Any], Wrong | None]:
    """Values by name for what stands behind a command, and the first thing that is wrong.

    A word goes to the argument that it names (`n=5`), else to the first free one. A selector takes all leading words
    that continue it; a text or a command takes the rest of the line.
    """
    if any(argument.kind == "text" for argument in arguments):
        line = re.sub(f"{UNREADABLE}+", "…", line)
    if UNREADABLE in line:
        return {}, Wrong("formatted")
    found: dict[str, Any] = {}
    rest = words(line)
    while rest:
        argument, word, wrong = _which(arguments, found, rest[0])
        if argument is None:
            return found, wrong
        if argument.name in found:
            return found, Wrong("twice", argument.name, rest[0])
        taken = _taken(argument.kind, rest)
        value = _READERS[argument.kind](" ".join([word, *rest[1:taken]]))
        if value is None:
            return found, Wrong("value", argument.name, word)
        found[argument.name] = value
        rest = rest[taken:]
    missing = next((a.name for a in arguments if a.required and a.name not in found), None)
    return found, Wrong("missing", missing) if missing else None


def _which(
    arguments: Sequence[Argument], found: Mapping[str, Any], word: str
) -> tuple[Argument | None, str, Wrong | None]:
    """The argument that a word is for, its value, and what is wrong where it is for none."""
    key, equals, value = word.partition("=")
    named = next((a for a in arguments if equals and a.name == key.lower()), None)
    if named:
        return named, value, None
    free = next((a for a in arguments if a.name not in found), None)
    if equals and re.fullmatch(r"[A-Za-z]{1,20}", key) and not (free and free.kind in (*FREE, "selector")):
        return None, "", Wrong("key", _nearest(key.lower(), (a.name for a in arguments)), word)
    return free, word, None if free else Wrong("extra", "", word)


def _nearest(word: str, names: Iterable[str]) -> str:
    return next(iter(difflib.get_close_matches(word, list(names), 1, 0.5)), "")


def _matched(pattern: re.Pattern[str]) -> Callable[[str], str | None]:
    """Reads what fits a pattern, its first group where it has one."""

    def reader(word: str) -> str | None:
        match = pattern.fullmatch(word)
        return match[match.lastindex or 0] if match else None

    return reader


def _leaf(word: str) -> str | None:
    path = word.removesuffix("/qna.yaml").strip("/")
    return path if _LEAF.fullmatch(path) else None


def _count(word: str) -> int | None:
    match = _COUNT.fullmatch(word)
    return int(match[1]) if match and int(match[1]) <= MOST_SAMPLES else None


def _text(words: str) -> str | None:
    return words.strip('"')[:TEXT_CHARS] or None


def _selector(words: str) -> dict[str, Any] | None:
    """{"label": name}, {"state": name} or {"pulls": [numbers]}."""
    key, colon, name = words.partition(":")
    name = name.strip('"')
    if colon and key.lower() in ("label", "state"):
        return {key.lower(): name} if _LABEL.fullmatch(name) else None
    matches = [_NUMBER.fullmatch(part) for part in words.replace(",", " ").split()]
    numbers = list(dict.fromkeys(int(match[1]) for match in matches if match))
    return {"pulls": numbers} if all(matches) and 0 < len(numbers) <= MOST_PULLS else None


def _taken(kind: Kind, rest: Sequence[str]) -> int:
    """How many of the words a value takes: a selector all leading numbers of pull requests."""
    if kind in FREE:
        return len(rest)
    numbers = 0
    while kind == "selector" and numbers < len(rest) and re.fullmatch(r"[#0-9,]+", rest[numbers]):
        numbers += 1
    return max(numbers, 1)


_READERS: Mapping[Kind, Callable[[str], Any]] = {
    "word": _matched(re.compile(r"/?([A-Za-z-]{1,32})")),
    "leaf": _leaf,
    "count": _count,
    "rule": _matched(_RULE),
    "login": _matched(_LOGIN),
    "text": _text,
    "selector": _selector,
    "command": _text,
}
_WANTS: Mapping[Kind, str] = {
    "word": "the name of a command",
    "leaf": "a path of folders such as `knowledge/science/tides`, or its last part",
    "count": f"a whole number from 1 to {MOST_SAMPLES}",
    "rule": "the name of a rule, in small letters",
    "login": "the name of an account",
    "text": f"at most {TEXT_CHARS} characters",
    "selector": f"`label:NAME`, `state:NAME`, or at most {MOST_PULLS} numbers such as `#1,#2`",
    "command": "a command that works on many pull requests",
}
