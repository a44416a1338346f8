"""From a comment in Markdown to the commands in it. Nothing that people write is executed: lines are looked up."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

from bot.commands import lines
from bot.commands.arguments import UNREADABLE, Wrong, read
from bot.commands.table import BY_NAME, Command
from bot.engine.port import JSON

LIMIT = 10  # commands obeyed from one comment
LINE_CHARS = 500
SAID_CHARS = 80
_WORD = re.compile(r"[a-z][a-z-]{0,31}")
_COURTESY = frozenset({"please", "pls", "thanks"})
_MARKS = ".,:;!"


@dataclass(frozen=True, slots=True)
class Asked:
    """One line that addresses us. `name` is a command's, or "" when it is unknown; then `nearest` is the best guess.

    `arguments`: values by name, as `Command.arguments` types them; in a batch, `command` is an `Asked` as JSON.
    `wrong`: what is wrong with them; then nothing is done.
    """

    said: str
    name: str
    nearest: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    wrong: Wrong | None = None

    def plain(self) -> dict[str, JSON]:
        """As JSON, for the payload of a `command` job."""
        return asdict(self)

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Asked:
        """Back from JSON; what older code wrote lacks `arguments` and `wrong`."""
        wrong = plain.get("wrong")
        return cls(
            plain["said"],
            plain["name"],
            plain.get("nearest", ""),
            dict(plain.get("arguments", {})),
            Wrong(**wrong) if wrong else None,
        )


def parse(body: str, login: str) -> tuple[Asked, ...]:
    """Commands of a Markdown comment, in order and without repeats; `login` is ours, for `@login command`.

    Quotes, headings, code, HTML, links, images and tables are not read. A slash word that resembles no command
    (`/usr`) is not for us.
    """
    found: dict[str, Asked] = {}
    for line in lines.plain(body):
        asked = _read(line[:LINE_CHARS], login.lower().removesuffix("[bot]"))
        if asked is not None:
            found.setdefault(f"{asked.name or asked.said} {asked.arguments} {asked.wrong}", asked)
        if len(found) == LIMIT:
            break
    return tuple(found.values())


def _read(line: str, login: str) -> Asked | None:
    words = line.split()
    mentioned = bool(words) and words[0].lower().rstrip(":,") in (f"@{login}", f"@{login}[bot]")
    if mentioned:
        words = words[2:] if _polite(words[1:2]) else words[1:]
    if not words or not (mentioned or words[0].startswith("/")):
        return None
    word = words[0].removeprefix("/").rstrip(_MARKS).lower()
    command = BY_NAME.get(word)
    if command is not None:
        return _command(command, words[1:])
    nearest = _nearest(word) if _WORD.fullmatch(word) else ""
    terse = len(words) <= 2  # "@seedbed previw sleep" is a slip, "@seedbed thanks for the preview" is talk
    return Asked(f"/{word}", "", nearest) if nearest and (terse or not mentioned) else None


def _command(command: Command, words: list[str]) -> Asked:
    """A command with its arguments read. Politeness at the end of the line is no argument."""
    while not command.free_text and _polite(words[-1:]):
        words = words[:-1]
    said = re.sub(f"{UNREADABLE}+", "…", " ".join([f"/{command.name}", *words]))[:SAID_CHARS]
    arguments, wrong = read(command.arguments, " ".join(words))
    if wrong is None and isinstance(arguments.get("command"), str) and command.name == "batch":
        return _batch(said, arguments)
    return Asked(said, command.name, arguments=arguments, wrong=wrong)


def _batch(said: str, arguments: Mapping[str, Any]) -> Asked:
    """A batch, with its command as an `Asked`. Only some commands make sense for many."""
    words = str(arguments["command"]).split()
    command = BY_NAME.get(words[0].removeprefix("/").lower())
    if command is None or not command.many:
        return Asked(said, "batch", wrong=Wrong("value", "command", words[0]))
    asked = _command(command, words[1:])
    return Asked(said, "batch", arguments={**arguments, "command": asked.plain()}, wrong=asked.wrong)


@lru_cache(1024)
def _nearest(word: str) -> str:
    return next(iter(get_close_matches(word, BY_NAME, 1, 0.7)), "")


def _polite(words: list[str]) -> bool:
    return bool(words) and words[0].lower().rstrip(_MARKS) in _COURTESY
