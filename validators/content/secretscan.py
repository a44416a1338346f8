"""Finds keys, tokens and passwords in text by the shapes that their makers publish, and masks them.

Each shape has a literal mark that is looked for first, so a text without secrets costs a few searches.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import islice
from typing import NamedTuple

_MOST = 200
"""Most secrets of one shape that are looked for in one text."""
_SHOWN = 4
_SAMPLE = re.compile(
    r"(?i)example|sample|dummy|placeholder|redacted|your|xxxx|\*\*\*|\.\.\.|0123456789|1234567890|abcdefgh"
    r"|eyJzdWIiOiIxMjM0NTY3ODkw"  # the token that jwt.io shows
)
_VARIETY = 6
"""A secret has at least so many different characters behind its prefix."""
# Passwords that documents show where one's own belongs.
_STAND_INS = frozenset(
    ("password", "passwd", "pass", "pwd", "secret", "mypassword", "changeme", "admin", "root", "user", "token", "test")
)


class Secret(NamedTuple):
    """A piece of text that should stay secret, and what it seems to be."""

    start: int
    end: int
    what: str
    shown: str
    """What may be shown of it."""


_NAMED = r"[\"']?[ \t]{0,4}[:=][ \t]{0,4}[\"']?([^\s\"'<>{}$()]{16,128})"
_GUESSED = "a password or key"
_Shapes = tuple[tuple[str, str, str], ...]


def _shapes(*shapes: tuple[str, str, str]) -> _Shapes:
    """The shapes with their marks in front of their patterns."""
    return tuple((what, mark, mark + pattern) for what, mark, pattern in shapes)


# Shapes: what it is, its literal mark, the pattern behind that mark; group 1 is the secret where there is one.
_UNDERSCORED = _shapes(
    ("a GitHub token", "ghp_", r"[A-Za-z0-9]{36,255}\b"),
    ("a GitHub token", "gho_", r"[A-Za-z0-9]{36,255}\b"),
    ("a GitHub token", "ghs_", r"[A-Za-z0-9]{36,255}\b"),
    ("a GitHub token", "github_pat_", r"[A-Za-z0-9_]{40,255}\b"),
    ("a Hugging Face token", "hf_", r"[A-Za-z]{30,64}\b"),
    ("an npm token", "npm_", r"[A-Za-z0-9]{36}\b"),
    ("a Stripe key", "sk_live_", r"[A-Za-z0-9]{20,255}"),
    (_GUESSED, "_key", _NAMED),
    (_GUESSED, "_KEY", _NAMED),
    (_GUESSED, "_secret", _NAMED),
    (_GUESSED, "_SECRET", _NAMED),
    (_GUESSED, "_token", _NAMED),
    (_GUESSED, "_TOKEN", _NAMED),
)
_HYPHENED = _shapes(
    ("a GitLab token", "glpat-", r"[A-Za-z0-9_-]{20,255}"),
    ("a Slack token", "xox", r"[abeoprs]-[A-Za-z0-9-]{20,255}"),
    ("an API key of a model's provider", "sk-", r"[A-Za-z0-9_-]{32,255}"),
    ("a PyPI token", "pypi-AgE", r"[A-Za-z0-9_-]{50,255}"),
    (_GUESSED, "-key", _NAMED),
    (
        "a private key",
        "-----BEGIN ",
        r"(?:[A-Z]{2,10} ){0,2}PRIVATE KEY-----(?:\s|\\n)+(?:Proc-Type:[^\n]{0,99}\s+DEK-Info:[^\n]{0,99}\s+)?"
        r"[A-Za-z0-9+/=]{16,}+(?:(?:\s|\\n)++[A-Za-z0-9+/=]{16,}+){0,400}+"
        r"(?:(?:\s|\\n)++(?:[A-Za-z0-9+/=]{1,15}+(?:\s|\\n)++)?-----END (?:[A-Z]{2,10} ){0,2}PRIVATE KEY-----)?",
    ),
)
_OTHERS = _shapes(
    ("an AWS access key", "AKIA", r"[A-Z2-7]{16}\b"),
    ("an AWS access key", "ASIA", r"[A-Z2-7]{16}\b"),
    ("a Google API key", "AIza", r"[A-Za-z0-9_-]{35}"),
    ("a Slack webhook", "slack.com/services/", r"(T[A-Z0-9]+/B[A-Z0-9]+/[A-Za-z0-9]{16,64})"),
    ("an Azure storage key", "AccountKey=", r"([A-Za-z0-9+/]{60,120}={0,2})"),
    ("a signed web token", "eyJ", r"[A-Za-z0-9_-]{8,300}\.eyJ[A-Za-z0-9_-]{8,4000}\.[A-Za-z0-9_-]{16,1000}"),
    (
        "a password in a web address",
        "://",
        r"[^\s/:@'\"<>]{1,64}:([^\s/:@'\"<>]{3,128})@(?!localhost|host|example|my|127\.|db[:/])[A-Za-z0-9\[]",
    ),
    (_GUESSED, "passw", rf"(?:or)?d{_NAMED}"),
    (_GUESSED, "PASSW", rf"(?:OR)?D{_NAMED}"),
)
# One search for each sign that many marks have: most texts hold none of them, and are done with.
_UNDERSCORE = re.compile(r"_(?:[A-Za-z0-9]{20}|(?:key|KEY|secret|SECRET|token|TOKEN)[\"' \t]{0,9}[:=])")
_HYPHEN = re.compile(r"-(?:[A-Za-z0-9][A-Za-z0-9_-]{19}|key[\"' \t]{0,9}[:=]|----BEGIN )")


def secrets(text: str, most: int = _MOST) -> Iterator[Secret]:
    """Every secret in `text`, by shape, at most so many of each. Well-known samples are none. Linear."""
    for what, mark, pattern in _possible(text):
        if mark in text:
            for match in islice(_from(text, mark, _compiled(pattern)), most):
                group = match.re.groups
                if _is_real(match.group(group), what):
                    yield Secret(*match.span(group), what, _shown(match.group(group), group))


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _possible(text: str) -> _Shapes:
    """The shapes of which `text` may hold one."""
    underscored = _UNDERSCORED if _UNDERSCORE.search(text) else ()
    return _OTHERS + underscored + (_HYPHENED if _HYPHEN.search(text) else ())


def _from(text: str, mark: str, pattern: re.Pattern[str]) -> Iterator[re.Match[str]]:
    """Matches of a pattern that begins with `mark`, where no word runs into it."""
    at = text.find(mark)
    while at >= 0:
        runs_on = mark[0].isalnum() and at > 0 and text[at - 1].isalnum()
        match = None if runs_on else pattern.match(text, at)
        if match:
            yield match
        at = text.find(mark, match.end() if match else at + 1)


def masked(text: str) -> str:
    """`text` with every secret replaced by its first characters and an ellipsis; for excerpts and messages."""
    parts, at = [], 0
    for secret in sorted(secrets(text, len(text)), key=lambda found: (found.start, -found.end)):
        if secret.start >= at:
            parts += [text[at : secret.start], secret.shown]
            at = secret.end
    return "".join([*parts, text[at:]])


def _shown(secret: str, group: int) -> str:
    """The first characters of a token, which name its maker; nothing of a password."""
    return "…" if group else f"{secret[:_SHOWN]}…"


def _is_real(secret: str, what: str) -> bool:
    if _SAMPLE.search(secret) or len(set(secret[_SHOWN:] if len(secret) >= 16 else secret)) < min(
        _VARIETY, len(secret) - 1
    ):
        return False
    if what == _GUESSED:
        return _looks_random(secret)
    return secret.lower() not in _STAND_INS and secret[:1] not in "$%{<["


def _looks_random(text: str) -> bool:
    """Letters of both cases and several digits, mixed as nobody writes them."""
    least = (("[a-z]", 1), ("[A-Z]", 1), ("[0-9]", 3))
    return len(set(text)) >= 10 and all(len(re.findall(kind, text)) >= count for kind, count in least)
