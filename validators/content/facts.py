"""The checkable facts in a text: its numbers, their units, and the names that it uses. For English, roughly."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import NamedTuple

from validators.content.texts import lazy, words
from validators.yamltree import Node

_DIGITS = lazy(r"\d{1,3}(?:[,.\u00a0\u202f]\d{3})+(?:[.,]\d{1,2})?(?!\d)|\d+(?:[.,]\d{1,2}(?!\d)|\.\d+)?")
_LONGEST = 40
"""Digits of a number that are read."""
_SCALES = {"thousand": 3, "million": 6, "billion": 9, "trillion": 12, "k": 3, "mn": 6, "bn": 9}
_ONES = words(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_TENS = words("twenty thirty forty fifty sixty seventy eighty ninety")
_SPELLED = {word: value for value, word in enumerate(_ONES)} | {word: 10 * (n + 2) for n, word in enumerate(_TENS)}
_WORDS = "|".join(sorted((*_SPELLED, "hundred"), key=len, reverse=True))
_SPELLED_NUMBER = lazy(
    rf"\b(?:{_WORDS})(?:(?: and |[ -])(?:{_WORDS}|thousand|million|billion)\b){{0,9}}\b", re.IGNORECASE
)

# Units by what they measure: a row is one unit, its first word the short name.
_UNITS = {
    "length": "km kilometre kilometer|metre meter|cm centimetre centimeter|mm millimetre millimeter|mile mi"
    "|foot ft feet|inch inches|yard",
    "mass": "kg kilogram kilo|gram|mg milligram|tonne ton|lb|oz ounce",
    "time": "second|minute|hour|day|week|month|year|decade|century centuries",
    "volume": "litre liter|ml millilitre milliliter|gallon",
    "temperature": "°C celsius|°F fahrenheit|kelvin",
    "data": "KB kilobyte|MB megabyte|GB gigabyte|TB terabyte",
    "power": "kW kilowatt|MW megawatt|GW gigawatt|watt",
    "speed": "km/h kph|mph|knot",
    "share": "% percent|‰ permille",
}
_UNIT = {
    form.lower(): (kind, row.split()[0])
    for kind, rows in _UNITS.items()
    for row in rows.split("|")
    for name in row.split()
    for form in (name, f"{name}s")
}
_BEHIND = lazy(r"[ \u00a0-]?(?:degrees? )?(°[CF]|%|‰|km/h|[A-Za-z]+)")

_NAME = lazy(r"(?<![\w@/.#&_$\\-])[A-ZÀ-ÖØ-Þ][\w’']*(?:-\w+)*")
_OPENING = " \"“‘'(*_["
_STARTS = frozenset(".!?:;\n•-–—|>…")
# Words with a capital that need no support: they begin sentences, address people or are common knowledge.
_NO_NAMES = frozenset(
    words(
        "the this that these those there here it its he she they his her their we you your our an in on at to of "
        "for and or but if as by from with when while what who why how yes no not true false none mr mrs ms dr prof "
        "sir lord lady saint english french german spanish dutch danish polish irish swiss greek welsh british "
        "american european african asian earth internet god may monday tuesday wednesday thursday friday saturday "
        "sunday spring summer autumn fall winter i'm i'd i've i'll"
    )
)
_SHORTEST_NAME = 3
_SMALL_WORDS = frozenset(words("of the and for in to a an"))
_MONTHS = frozenset(words("january february march april june july august september october november december"))
_NUMERIC_DATE = lazy(r"\b\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}\b")
_COMBINED = 24
"""Numbers of a context that sums, differences and products are made of."""


class Number(NamedTuple):
    """A number with its place. `values` are what it may stand for: 1.234 is one and a bit, or a thousand."""

    start: int
    end: int
    values: frozenset[float]
    unit: tuple[str, str] | None
    """(what it measures, in which unit), where a known unit stands behind it."""


def numbers(text: str) -> Iterator[Number]:
    """Numbers in digits, then those in words."""
    yield from _in_digits(text)
    yield from _in_words(text)


def _in_digits(text: str) -> Iterator[Number]:
    for match in _DIGITS().finditer(text):
        yield _number(text, *match.span(), _values(match.group()))


def _in_words(text: str) -> Iterator[Number]:
    for match in _SPELLED_NUMBER().finditer(text):
        yield _number(text, *match.span(), {_spelled(match.group())})


def _number(text: str, start: int, end: int, values: set[float]) -> Number:
    behind = _BEHIND().match(text, end)
    scale = _SCALES.get(behind.group(1).lower()) if behind else None
    if scale and behind:
        values |= {value * 10**scale for value in values}
        behind = _BEHIND().match(text, behind.end())
    return Number(start, end, frozenset(values), _UNIT.get(behind.group(1).lower()) if behind else None)


def _values(digits: str) -> set[float]:
    """What digits with dots and commas may stand for."""
    parts = re.split(r"[^\d]", digits)
    joined, split = "".join(parts)[:_LONGEST], "".join(parts[:-1])[:_LONGEST] + "." + parts[-1][:_LONGEST]
    if len(parts) == 1:
        return {float(joined)}
    if len(parts[-1]) == 3:
        return {float(joined), float(split)} if len(parts) == 2 else {float(joined)}
    return {float(split)}


def _spelled(text: str) -> float:
    total = current = 0
    for word in re.split(r"[ -]+", text.lower()):
        if word == "hundred":
            current = max(current, 1) * 100
        elif word in _SCALES:
            total, current = total + max(current, 1) * 10 ** _SCALES[word], 0
        else:
            current += _SPELLED.get(word, 0)
    return float(total + current)


def names(text: str) -> Iterator[tuple[int, int, str]]:
    """(start, end, word) of words with a capital inside sentences, without a possessive ending."""
    for match in _NAME().finditer(text):
        before = text[max(0, match.start() - 40) : match.start()].rstrip(_OPENING)
        word = re.sub(r"['’]s?$", "", match.group())
        if not before or before[-1] in _STARTS or len(word) < _SHORTEST_NAME or word.lower() in _NO_NAMES:
            continue
        if before.rpartition("\n")[2].strip(" *-#|(0123456789.)"):
            yield match.start(), match.start() + len(word), word


class Evidence:
    """Texts that answers are checked against; each part of it is worked out when it is first asked for."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        self._nodes = nodes

    @cached_property
    def _text(self) -> str:
        return "\n".join(node.text for node in self._nodes)

    @cached_property
    def _lower(self) -> str:
        return self._text.lower()

    @cached_property
    def _written(self) -> list[Number]:
        return list(_in_digits(self._text))

    @cached_property
    def _units(self) -> dict[float, set[tuple[str, str] | None]]:
        """The units that each number has, None among them where it stands without one."""
        found: dict[float, set[tuple[str, str] | None]] = {}
        for number in self._written:
            for value in number.values:
                found.setdefault(value, set()).add(number.unit)
        return found

    @cached_property
    def _digits(self) -> frozenset[float]:
        return frozenset(value for number in self._written for value in number.values)

    @cached_property
    def _known(self) -> frozenset[float]:
        return self._digits | {value for number in _in_words(self._text) for value in number.values}

    @cached_property
    def _derived(self) -> frozenset[float]:
        """What a reader may have reckoned: sums, differences, products, the rest of a hundred."""
        known = sorted(self._known)[:_COMBINED]
        pairs = [(one, other) for one in known for other in known]
        reckoned = {value for a, b in pairs for value in (abs(a - b), a + b, a * b)}
        return frozenset(reckoned | {100 - value for value in known})

    @cached_property
    def _initials(self) -> tuple[str, str]:
        """First letters of all words, and of all but the small ones."""
        all_words = re.findall(r"\w+", self._lower)
        telling = (word[0] for word in all_words if word not in _SMALL_WORDS)
        return "".join(word[0] for word in all_words), "".join(telling)

    @cached_property
    def _acronyms(self) -> frozenset[str]:
        return frozenset(re.sub(r"\W", "", found) for found in re.findall(r"\b(?:[A-Z]\.?){2,6}", self._text))

    def gives(self, number: Number) -> bool:
        """Whether the number stands here, or follows from two that do."""
        values = number.values
        return bool(values & self._digits) or bool(values & self._known) or bool(values & self._derived)

    def dates(self, year: str) -> bool:
        """Whether the year stands here, or follows from two numbers that do."""
        return year in self._text or self.gives(Number(0, 0, frozenset((float(year),)), None))

    def other_unit(self, number: Number) -> str:
        """The unit that the number has here, wherever it stands, if it is always another one of the same kind."""
        if not number.unit:
            return ""
        units = set().union(*(self._units.get(value, ()) for value in number.values))
        if number.unit in units or not all(unit and unit[0] == number.unit[0] for unit in units):
            return ""
        return min((unit[1] for unit in units if unit), default="")

    def has(self, name: str) -> bool:
        """Whether the name stands here, in some form: with another ending, as an acronym or written out."""
        parts = [part for part in re.split(r"[-'’]", name.lower()) if len(part) >= _SHORTEST_NAME]
        if all(part in self._lower or part[: max(4, len(part) - 3)] in self._lower for part in parts):
            return True
        if name.lower() in _MONTHS:
            return name[:3].lower() + " " in self._lower or bool(_NUMERIC_DATE().search(self._text))
        acronym = name.removesuffix("s")
        return acronym.isupper() and any(acronym.lower() in initials for initials in self._initials)

    def abbreviates(self, name: str) -> bool:
        """Whether the first letters of a longer name stand here as an acronym."""
        initials = "".join(word[0] for word in re.findall(r"\w+", name) if word.lower() not in _SMALL_WORDS)
        return len(initials) > 1 and initials.upper() in self._acronyms


def phrase(text: str, start: int, end: int) -> str:
    """The capitalised words around a name: "Metropolitan Transit Authority" for any of the three."""
    before = re.search(r"(?:[A-ZÀ-Þ][\w’'-]* (?:of |the |and |for )*)*$", text[max(0, start - 120) : start])
    after = re.match(r"(?: (?:of |the |and |for )*[A-ZÀ-Þ][\w’'-]*){0,8}", text[end : end + 120])
    return (before.group() if before else "") + text[start:end] + (after.group() if after else "")
