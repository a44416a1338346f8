"""Which keys a leaf may have, and where: what tells a key's line from a line of text when the YAML is broken."""

from __future__ import annotations

TOP = ("version", "created_by", "task_description", "domain", "seed_examples", "document_outline", "document")

# The levels of a leaf: the top, a seed example, a question with its answer, the document.
LEVELS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(TOP, ("top",)),
    "context": ("seed",),
    "questions_and_answers": ("seed",),
    "question": ("seed", "qna"),
    "answer": ("seed", "qna"),
    "repo": ("document",),
    "commit": ("document",),
    "patterns": ("document",),
    # Of the first version; no longer in the contract, but in leaves that were written for it.
    "attribution": ("seed",),
    "source": ("attribution",),
    "license": ("attribution",),
}
NAMES = tuple(sorted(LEVELS, key=len, reverse=True))

# What stands below a key: the level of a mapping, or the name of a list.
CHILD = {
    "seed_examples": "seeds",
    "questions_and_answers": "qnas",
    "document": "document",
    "patterns": "patterns",
    "attribution": "attributions",
}
# The level of a list's items, and the keys that they may begin with.
ITEM = {"seeds": "seed", "qnas": "qna", "attributions": "attribution"}
BEGIN = {
    "seeds": frozenset(("context", "question", "answer", "questions_and_answers")),
    "qnas": frozenset(("question", "answer")),
    "attributions": frozenset(("source", "license")),
}
# Keys whose value is prose. Whatever stands there in one piece is text.
PROSE = frozenset(("task_description", "domain", "document_outline", "context", "question", "answer"))
TEXT = PROSE | {"created_by", "repo", "commit"}


def fits(name: str, level: str, keys: set[str]) -> bool:
    """Whether a mapping of `level` that has `keys` so far expects `name`."""
    if name in keys or level not in LEVELS.get(name, ()):
        return False
    return not (level == "seed" and name in ("question", "answer") and "questions_and_answers" in keys)


def is_slip(name: str) -> bool:
    """Whether `name` is a key of the contract with its letters in another order, or with one letter wrong."""
    return any(abs(len(name) - len(known)) <= 1 and _is_near(name, known) for known in NAMES)


def _is_near(name: str, known: str) -> bool:
    longest = max(len(name), len(known))
    if longest < 5:
        return False
    if sorted(name) == sorted(known):
        return True
    same = (one == other for one, other in zip(name, known, strict=False))
    head = next((at for at, is_same in enumerate(same) if not is_same), min(len(name), len(known)))
    same = (one == other for one, other in zip(reversed(name), reversed(known), strict=False))
    tail = next((at for at, is_same in enumerate(same) if not is_same), min(len(name), len(known)))
    return head + tail >= longest - 1
