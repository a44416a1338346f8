"""Text by, or about, the models of others: their makers forbid to train on what they wrote."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from validators.content.texts import MOST, lazy
from validators.examples import Example
from validators.leaffile import LeafFile
from validators.model import Finding
from validators.registry import check, declare

NAME = declare(
    "model-name",
    "warning",
    "No text names a proprietary language model.",
    "default",
    "content",
    reason="The terms of such models forbid to train others on their output, and a model that learns their names takes "
    "itself for one of them. Reviewers send such contributions back.",
    example=Example(
        bad="  - question: What would ChatGPT call a post boat?\n    answer: Letterbird, it flies from door to door.\n",
        good="  - question: What would you call a post boat?\n    answer: Letterbird, it flies from door to door.\n",
    ),
)
PHRASE = declare(
    "assistant-phrase",
    "warning",
    "No answer talks as chat assistants talk of themselves.",
    "default",
    "content",
    reason="Such phrases show that a chat assistant wrote the text. Its maker's terms forbid to train on it, and the "
    "model learns to refuse.",
    example=Example(
        bad="  - question: Name a post boat.\n    answer: As an AI language model, I would call it Letterbird.\n",
        good="  - question: Name a post boat.\n    answer: I would call it Letterbird.\n",
    ),
)

# Words that every match below holds, in lower case: a text without them is done with.
_NAME_MARKS = ("gpt", "claude", "gemini", "bard", "copilot", "openai", "davinci", "bing chat")
# Names that are words too (a bard, Claude, Gemini, a copilot) count with a maker or a version beside them alone.
_NAME = lazy(
    r"""\b(?:
      [Cc]hat-?[ ]?GPT(?:-[0-9][\w.]*)? | chatgpt | ChatGpt
    | (?:GPT|gpt)-?[ ]?(?:3|4|5)(?:\.[0-9])?o?(?:-(?:turbo|mini|nano|preview))? | GPT[ ]models?
    | Open-?A[Ii](?:'s)?[ ](?:API|models?|GPT)
    | (?:text-)?davinci-00[0-9]
    | (?:Anthropic(?:'s)?[ ])Claude | Claude(?:[ -](?:[1-9](?:\.[0-9])?|v[0-9]|Instant|Opus|Sonnet|Haiku|AI))\b
    | Google(?:'s)?[ ](?:Bard|Gemini) | Bard[ ](?:AI|chatbot)
    | Gemini[ -](?:Pro|Ultra|Nano|Flash|Advanced|AI|[12]\.[0-9])
    | (?:GitHub|Github|Microsoft(?:[ ]365)?|Bing)(?:'s)?[ ]Copilot | Bing[ ]Chat
    )(?![\w-])""",
    re.VERBOSE,
)
# What every such phrase holds; the phrase is looked for around it alone.
_PHRASE_MARK = lazy(r"AI\b|language\s+model|knowledge\s+cut|egenerate\s+response")
_PHRASE_PARTS = ("AI", "anguage", "egenerate", "knowledge")
_AROUND = 60
_PHRASE = lazy(
    r"""\b(?:
      as\s+an?\s+(?:(?:AI|artificial\s+intelligence|large|text-based|virtual)[ -]?\s*){0,2}
      (?:language\s+model|AI\s+(?:model|assistant))
    | as\s+an\s+AI\b(?=,?\s+I\b)
    | I(?:'m|\s+am)\s+(?:just\s+|only\s+)?an?\s+(?:AI|large)\s+(?:language\s+model|assistant|model)
    | I(?:'m|\s+am)\s+(?:just\s+|only\s+)?an\s+AI
    | my\s+knowledge\s+cut-?\s?off | regenerate\s+response
    )\b""",
    re.VERBOSE | re.IGNORECASE,
)


@check("mapping", NAME)
def model_names(leaf: LeafFile) -> Iterator[Finding]:
    """Names of proprietary models."""
    text = leaf.source.text
    lowered = text.lower()
    if any(mark in lowered for mark in _NAME_MARKS):
        for match in islice(_NAME().finditer(text), MOST):
            message = f"{match.group()!r} names a proprietary model"
            remedy = "Say it without the name; if that model wrote the text, write your own."
            yield NAME.at(leaf, leaf.source.span(*match.span()), message, remedy)


@check("mapping", PHRASE)
def assistant_phrases(leaf: LeafFile) -> Iterator[Finding]:
    """The phrases by which chat assistants are known."""
    text, done = leaf.source.text, 0
    if not any(part in text for part in _PHRASE_PARTS):
        return
    for mark in islice(_PHRASE_MARK().finditer(text), MOST):
        match = _PHRASE().search(text, max(done, mark.start() - _AROUND), mark.end() + _AROUND)
        if match:
            done = match.end()
            said = " ".join(match.group().split())
            message = f"{said!r} is what chat assistants say of themselves"
            remedy = "Delete the phrase; if a chat assistant wrote the text, write your own."
            yield PHRASE.at(leaf, leaf.source.span(*match.span()), message, remedy)
