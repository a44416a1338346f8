"""Gates on the shape of a text: marks that are no text, repetition, length. Plain flows have their own."""

from __future__ import annotations

import re
from statistics import median

from pipeline.quality.lexical import LENGTH_FACTORS, MAX_REPETITION, has_control, repetition, words
from pipeline.quality.rows import Row

MOST_ALWAYS = 12  # words that any text may have, however short the seeds are
# What prompts and templates are built of, and no text of a person: headings of instructions, tags, filled-in blanks.
_FORMAT = re.compile(
    r"^\s*#{2,}\s*(?:instructions?|response|input|output|question|answer|task|example)\b\s*:?|"
    r"\[(?:start|end) of (?:question|answer|context|document|conversation)\]|"
    r"</?(?:question|answer|context|document|passage|facts?|instructions?|response)>|"
    r"^== (?:system|user|example user|example assistant) ==|\{\{.{0,80}?\}\}|\{%.{0,80}?%\}|"
    r"^\s*(?:user|assistant|system|human|question|answer)\s*:\s",
    re.IGNORECASE | re.MULTILINE,
)


def marks(row: Row) -> str | None:
    """Chat control marks, and the tags, headings and labels that prompts are made of."""
    for part, text in row.parts:
        if has_control(text):
            return f"{part}: it contains chat control marks"
        found = _FORMAT.search(text)
        if found and not any(_FORMAT.search(seed) for seed in row.seeds.of(part)):
            return f"{part}: it contains {found.group().strip()[:40]!r}, a mark of prompts that no seed has"
    return None


def repeats_itself(row: Row) -> str | None:
    """The share of 4-grams of words that came before in the same text, unless a seed repeats itself as much."""
    if row.flow.form == "plain":
        return None
    for part, text in row.parts:
        share = round(repetition(text), 4)
        row.draft.scores[f"{part}_repetition"] = share
        if share > MAX_REPETITION and share > max(map(repetition, row.seeds.of(part)), default=0.0):
            return f"{part}: it repeats itself ({share:.2f} of its 4-word runs came before)"
    return None


def length(row: Row) -> str | None:
    """Words of each part: a fifth of the seeds' median to five times as many; twelve, and what a seed has, always."""
    if row.flow.form == "plain" or row.draft.task != "qa":
        return None
    for part, text in row.parts:
        known = row.seeds.lengths[part]
        if not known:
            continue
        size, usual = len(words(text)), median(known)
        row.draft.scores[f"{part}_words"] = size
        low = min(max(1, int(LENGTH_FACTORS[0] * usual)), min(known))
        high = max(MOST_ALWAYS, int(LENGTH_FACTORS[1] * usual), max(known))
        if not low <= size <= high:
            return f"{part}: its length of {size} words is outside {low} to {high}, the range that the seeds suggest"
    return None
