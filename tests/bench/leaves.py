"""A synthetic taxonomy of any size: every text differs, drawn by hash, so that no cache and no duplicate rule helps."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

_VOCABULARY = (
    "harbour lantern meadow copper whistle barley cradle thistle anchor ribbon saddle pebble orchard kettle velvet "
    "timber marble compass feather granite hollow juniper ladder mitten nectar otter parsley quarry rudder sparrow "
    "tunnel umber valley willow yarrow zephyr basket candle dapple ember fennel gravel hamlet indigo jigsaw kernel"
)
_WORDS = _VOCABULARY.split()
_FAULTS = ("", "", "", "trailing", "number", "version", "slip")
"""Four leaves of seven have one mechanical fault, about as many as the contributions in the field."""


def taxonomy(count: int, *, faults: bool = True) -> Iterator[tuple[str, str]]:
    """(path, text) of `count` leaves and their attributions; every third is knowledge."""
    for number in range(count):
        knowledge = number % 3 == 0
        name = f"{_text(f'{number} name', 2).replace(' ', '_')}_{number}"
        tree = "knowledge/geography" if knowledge else "compositional_skills/writing"
        text = _knowledge(number) if knowledge else _skill(number)
        fault = _FAULTS[_hash(f"{number} fault") % len(_FAULTS)] if faults else ""
        yield f"{tree}/{name}/qna.yaml", _faulty(text, fault)
        yield f"{tree}/{name}/attribution.txt", _ATTRIBUTION


def write(folder: Path, count: int, *, faults: bool = True) -> None:
    """The same as files."""
    for path, text in taxonomy(count, faults=faults):
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


def one_large_leaf(size: int) -> str:
    """One skill of about `size` bytes."""
    parts, length = [_HEAD], len(_HEAD)
    while length < size:
        parts.append(_pair(f"large {len(parts)}", "  - ", 40))
        length += len(parts[-1])
    return "".join(parts)


_HEAD = "version: 3\ntask_description: Say what belongs together.\ncreated_by: ada-lovelace\nseed_examples:\n"
_ATTRIBUTION = """\
Title of work: Words of the north harbour
Link to work: https://en.wikipedia.org/wiki/Harbor
Revision: https://en.wikipedia.org/w/index.php?title=Harbor&oldid=1200000001
License of the work: CC-BY-SA-4.0
Creator names: Wikipedia authors
"""


def _skill(number: int) -> str:
    return _HEAD + "".join(_pair(f"{number} {seed}", "  - ", 30) for seed in range(5 + number % 5))


def _knowledge(number: int) -> str:
    head = (
        "version: 3\ndomain: geography\ncreated_by: ada-lovelace\n"
        f"document_outline: About {_text(f'{number} outline', 4)}.\n"
        "document:\n  repo: https://github.com/example/words\n"
        f"  commit: {hashlib.sha256(str(number).encode()).hexdigest()[:40]}\n"
        "  patterns:\n    - words.md\nseed_examples:\n"
    )
    return head + "".join(_context(f"{number} {seed}") for seed in range(5))


def _context(name: str) -> str:
    words = _text(f"{name} context", 60)
    pairs = "".join(
        f"      - question: Which of {_text(f'{name} {pair} q', 8)} comes first?\n"
        f"        answer: {words[20 * pair : 20 * pair + 60].strip()} comes first.\n"
        for pair in range(3)
    )
    return f"  - context: |\n      {words}\n    questions_and_answers:\n{pairs}"


def _pair(name: str, lead: str, words: int) -> str:
    indent = " " * len(lead)
    question = f"Name what goes with {_text(f'{name} q', 9)}?"
    return f"{lead}question: {question}\n{indent}answer: |\n{indent}  {_text(f'{name} a', words)}.\n"


def _faulty(text: str, fault: str) -> str:
    if fault == "trailing":
        return text.replace("ada-lovelace\n", "ada-lovelace  \n", 1)
    if fault == "number":
        return text.replace("created_by: ada-lovelace", "created_by: 1815", 1)
    if fault == "version":
        return text.removeprefix("version: 3\n")
    return text.replace("question:", "Question:", 1) if fault == "slip" else text


def _text(name: str, words: int) -> str:
    return " ".join(_WORDS[_hash(f"{name} {index}") % len(_WORDS)] for index in range(words))


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "big")
