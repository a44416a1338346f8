"""Texts that are longer than a prompt of the teacher has room for."""

from __future__ import annotations

from collections.abc import Iterator

from validators.content.texts import SeedTexts, seed_texts
from validators.examples import Example
from validators.leaffile import LeafFile
from validators.limits import TokenLimits
from validators.model import Finding
from validators.registry import Rule, check, declare
from validators.yamltree import Node

_REASON = "The teacher sees several seed examples at once; what does not fit into its window is cut off or refused."
_CHARACTERS = 4
"""English prose has about four characters a token."""
_WIDEST = 4
"""No tokenizer makes more tokens of a character than UTF-8 makes bytes."""
_LIMITS = TokenLimits()
_SENTENCE = "The ferry carries the post, and the harbour pickles samphire. "
_SHORT = {
    "context": "The ferry carries the post, and the harbour pickles samphire.",
    "question": "What does the ferry carry?",
    "answer": "It carries the post.",
}


def _knowledge(**texts: str) -> str:
    """A seed example of knowledge, with some of its texts replaced."""
    said = _SHORT | texts
    return (
        f"  - context: {said['context']}\n    questions_and_answers:\n"
        f"      - question: {said['question']}\n        answer: {said['answer']}\n"
        "      - question: What does the harbour do with samphire?\n        answer: It pickles the samphire.\n"
        "      - question: Is any post carried by the ferry?\n        answer: Yes, the ferry carries it.\n"
    )


def _skill(answer: str) -> str:
    return f"  - question: Tell me how the ferry got its name.\n    answer: {answer}\n"


def _of_length(tokens: int) -> str:
    return (_SENTENCE * (tokens * _CHARACTERS // len(_SENTENCE) + 1)).strip()


def _declare(key: str, limit: int) -> Rule:
    bad, good = _knowledge(**{key: _of_length(limit + 10)}), _knowledge()
    return declare(
        f"{key}-length",
        "warning",
        f"No {key} of a knowledge leaf is longer than the teacher's prompt has room for.",
        "default",
        "lengths",
        reason=_REASON,
        example=Example(bad=bad, good=good, base="knowledge"),
    )


CONTEXT = _declare("context", _LIMITS.context)
QUESTION = _declare("question", _LIMITS.question)
ANSWER = _declare("answer", _LIMITS.answer)
SEED = declare(
    "seed-length",
    "warning",
    "A seed example as a whole is no longer than the teacher's prompt has room for.",
    "default",
    "lengths",
    reason=_REASON,
    example=Example(
        bad=_skill(_of_length(_LIMITS.seed + 10)), good=_skill("A storm blew it into the harbour, hence Stormwright.")
    ),
)


@check("mapping", CONTEXT, QUESTION, ANSWER, SEED)
def lengths(leaf: LeafFile) -> Iterator[Finding]:
    """Texts with more tokens than their limit; a whole seed example only where each of its texts keeps its own.

    A skill may spend its tokens as it likes: it can be about long texts.
    """
    for seed in seed_texts(leaf):
        found = list(_parts(leaf, seed)) if leaf.schema_name == "knowledge" else []
        yield from found or _whole(leaf, seed, leaf.config.token_limits.seed)


def _parts(leaf: LeafFile, seed: SeedTexts) -> Iterator[Finding]:
    limits = leaf.config.token_limits
    yield from _long(leaf, CONTEXT, seed.context, "context", limits.context)
    for pair in seed.pairs:
        yield from _long(leaf, QUESTION, pair.question, "question", limits.question)
        yield from _long(leaf, ANSWER, pair.answer, "answer", limits.answer)


def _long(leaf: LeafFile, rule: Rule, node: Node | None, what: str, limit: int) -> Iterator[Finding]:
    if node and _may_exceed(node.text, limit):
        count, about = _count(leaf, node.text)
        if count > limit:
            message = f"this {what} has {about}{count} tokens, at most {limit} fit"
            yield rule.at(leaf, leaf.span(node), message, f"Shorten it to about {limit * 3 // 4} words, or split it.")


def _whole(leaf: LeafFile, seed: SeedTexts, limit: int) -> Iterator[Finding]:
    texts = [node.text for node in seed.nodes()]
    if sum(map(len, texts)) * _WIDEST > limit and _may_exceed("\n".join(texts), limit):
        count, about = _count(leaf, "\n".join(texts))
        if count > limit:
            message = f"this seed example has {about}{count} tokens in all, at most {limit} fit"
            remedy = "Shorten its texts, or make two seed examples of it."
            yield SEED.at(leaf, leaf.source.line_span(seed.node.start), message, remedy)


def _may_exceed(text: str, limit: int) -> bool:
    """False where no tokenizer could make so many tokens of the text."""
    return len(text) * (1 if text.isascii() else _WIDEST) > limit


def _count(leaf: LeafFile, text: str) -> tuple[int, str]:
    """(tokens, "about " if they are estimated)."""
    if leaf.config.tokens is None:
        return -(-len(text) // _CHARACTERS), "about "
    return leaf.config.tokens(text), ""
