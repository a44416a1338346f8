"""Characters that show something else than they are: direction controls, invisible ones, look-alike letters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from validators.content.texts import MOST, escaped, lazy
from validators.examples import Example
from validators.leaffile import LeafFile
from validators.model import Edit, Finding, Fix
from validators.registry import check, declare

BIDI = declare(
    "bidi-character",
    "error",
    "No control character turns the direction of the text.",
    "default",
    "characters",
    "safety",
    reason="Such a character shows reviewers another text than the model learns (CVE-2021-42574, Trojan Source).",
    example=Example(
        bad="task_description: Find a name for a boat \u202ethat fits\u202c its work.\n",
        good="task_description: Find a name for a boat that fits its work.\n",
    ),
    fixes=True,
)
INVISIBLE = declare(
    "invisible-character",
    "warning",
    "No invisible character hides in a text.",
    "default",
    "characters",
    reason="Nobody sees it, but it cuts words into other tokens; it comes along when text is copied from web pages.",
    example=Example(
        bad="task_description: Find a name for a bo\u200bat that fits its work.\n",
        good="task_description: Find a name for a boat that fits its work.\n",
    ),
    fixes=True,
)
CONFUSABLE = declare(
    "confusable-character",
    "warning",
    "No word mixes look-alike letters of different scripts.",
    "default",
    "characters",
    reason="A Cyrillic letter in a Latin word looks right, and makes another word of it for the model and for search.",
    example=Example(
        bad="task_description: Find a n\u0430me for a boat that fits its work.\n",
        good="task_description: Find a name for a boat that fits its work.\n",
    ),
    fixes=True,
)

_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]+")
# Soft hyphen, Mongolian separator, zero-width space and joiners, marks of direction, word joiner, invisible operators,
# separators of lines, deprecated controls, Hangul fillers, byte order mark, annotation marks, tags.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u115f\u1160\u180e\u200b-\u200f\u2028\u2029\u2060-\u2065\u206a-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb"
    "\U000e0000-\U000e007f]+"
)
_JOINERS = frozenset("\u200c\u200d")
_MARKS = frozenset("\u200e\u200f")
_SEPARATORS = frozenset("\u2028\u2029")
_FLAG = "\U0001f3f4"
_FIRST_RTL, _FIRST_BEYOND_EUROPE = "\u0590", "\u0530"
_NAMES = {
    "\u00ad": "soft hyphen",
    "\u200b": "zero-width space",
    "\u200c": "zero-width non-joiner",
    "\u200d": "zero-width joiner",
    "\u2028": "line separator",
    "\u2029": "paragraph separator",
    "\u2060": "word joiner",
    "\ufeff": "byte order mark",
}

_FOREIGN = re.compile("[\u0370-\u03ff\u0400-\u052f]")
_WORD = lazy("[A-Za-z\u00c0-\u024f\u0370-\u03ff\u0400-\u052f]+")
_LATIN = lazy("[A-Za-z\u00c0-\u024f]")
# Letters that look like a Latin one in most fonts: code point and that letter.
_CYRILLIC = (
    "0410A 0412B 0415E 0405S 0406I 0408J 041AK 041CM 041DH 041EO 0420P 0421C 0422T 0425X 04AEY 050CG "
    "051AQ 051CW 0430a 0435e 0455s 0456i 0458j 043Eo 0440p 0441c 0443y 0445x 04BBh 0501d 051Bq 051Dw "
    "0475v "
)
_GREEK = "0391A 0392B 0395E 0396Z 0397H 0399I 039AK 039CM 039DN 039FO 03A1P 03A4T 03A5Y 03A7X 03BFo 03B9i 03BDv "
_ANY = re.compile(f"[{_BIDI.pattern[1:-2]}{_INVISIBLE.pattern[1:-2]}{_FOREIGN.pattern[1:-1]}]")
"""Every character that this file looks at, so that most texts are done with after one search."""
_TO_LATIN = {int(pair[:4], 16): pair[4] for pair in (_CYRILLIC + _GREEK).split()}
_TO_CYRILLIC = {ord(pair[4]): int(pair[:4], 16) for pair in _CYRILLIC.split() if int(pair[:4], 16) < 0x460}


@check("text", BIDI, INVISIBLE, CONFUSABLE)
def characters(leaf: LeafFile) -> Iterator[Finding]:
    """Controls, invisible characters and look-alikes; none of them is ASCII."""
    text = leaf.source.text
    if not text.isascii() and _ANY.search(text):
        yield from _directions(leaf, text)
        yield from _invisible(leaf, text)
        if _FOREIGN.search(text):
            yield from islice(_confusable(leaf, text), MOST)
    for node in escaped(leaf):
        match = _BIDI.search(node.text)
        if match and match.group() not in text[node.start : node.end]:
            message = f"an escape makes the direction control {_codes(match.group())}"
            yield BIDI.at(leaf, leaf.span(node), message, "Delete the escape.")


def _directions(leaf: LeafFile, text: str) -> Iterator[Finding]:
    for match in islice(_BIDI.finditer(text), MOST):
        message = f"{_codes(match.group())} turns the direction of what follows"
        meaning = "the text reads as it is written, without the hidden control"
        fix = Fix("delete the control", (Edit(*match.span(), ""),), meaning=meaning)
        span = leaf.source.span(*match.span())
        yield BIDI.at(leaf, span, message, "Delete it; text from right to left needs none.", fix=fix)


def _invisible(leaf: LeafFile, text: str) -> Iterator[Finding]:
    for match in islice(_INVISIBLE.finditer(text), MOST):
        start, end = match.span()
        found = match.group()
        if _is_needed(text, start, end):
            continue
        new = " " if _SEPARATORS & set(found) else ""
        name = _NAMES.get(found[0], "invisible character")
        fix = Fix(
            "put a space" if new else "delete it", (Edit(start, end, new),), meaning="the hidden character is gone"
        )
        message = f"a hidden {name} stands here ({_codes(found)})"
        yield INVISIBLE.at(leaf, leaf.source.span(start, end), message, "Delete it.", fix=fix)


def _is_needed(text: str, start: int, end: int) -> bool:
    """Joiners inside emoji and scripts that join, marks beside text from right to left, tags of a flag."""
    found = set(text[start:end])
    before, after = text[start - 1 : start], text[end : end + 1]
    if found <= _JOINERS:
        return before >= _FIRST_BEYOND_EUROPE and end - start == 1
    if found <= _MARKS:
        return any(sign >= _FIRST_RTL and sign.isalpha() for sign in text[max(0, start - 40) : end + 40])
    return before == _FLAG and min(found) >= "\U000e0020" and not after.isalpha()


def _codes(found: str) -> str:
    """The first characters by number."""
    return " ".join(f"U+{ord(sign):04X}" for sign in found[:3]) + (" …" if len(found) > 3 else "")


def _confusable(leaf: LeafFile, text: str) -> Iterator[Finding]:
    for match in _WORD().finditer(text):
        word = match.group()
        right = _in_one_script(word)
        if right != word:
            odd = next(old for old, new in zip(word, right, strict=True) if old != new)
            fix = Fix(
                f"write {right[:40]!r}", (Edit(*match.span(), right),), meaning="the look-alike letters are replaced"
            )
            message = f"in {word[:40]!r} the letter U+{ord(odd):04X} only looks like its neighbours' script"
            yield CONFUSABLE.at(leaf, leaf.source.span(*match.span()), message, "Type the word anew.", fix=fix)


def _in_one_script(word: str) -> str:
    """The word with its look-alikes in the script of the rest; itself where it is no such mixture."""
    if len(word) < 3 or word.isascii() or not _FOREIGN.search(word):
        return word
    latin = len(_LATIN().findall(word))
    if not latin or latin == len(word):
        return word
    as_latin, as_cyrillic = word.translate(_TO_LATIN), word.translate(_TO_CYRILLIC)
    if not _FOREIGN.search(as_latin) and 2 * latin >= len(word):
        return as_latin
    return as_cyrillic if not _LATIN().search(as_cyrillic) and max(word) >= "\u0400" else word
