"""Leaves written for the tests: valid ones, to be broken one fault at a time."""

from __future__ import annotations

SKILL_PATH = "compositional_skills/arts/colours/qna.yaml"
KNOWLEDGE_PATH = "knowledge/science/lamps/qna.yaml"
_ASKED = (
    *("What do these paints give,", "Which shade comes of", "Can you mix", "I poured together pots", "How dark are"),
    *("Say what becomes of", "My brush was in"),
)


def skill(seeds: int = 5, version: int | None = 3, context: bool = False) -> str:
    """A skill leaf about mixing paint."""
    lines = [] if version is None else [f"version: {version}"]
    lines += ["created_by: painter-1", "task_description: Say which paint a mixture gives.", "seed_examples:"]
    for i in range(seeds):
        lines += [f"  - question: {_ASKED[i % len(_ASKED)]} {i} and {i + 1}?", f"    answer: They give shade {i}."]
        lines += [f"    context: Paint {i} is dark."] if context else []
    return "\n".join(lines) + "\n"


def knowledge(seeds: int = 5) -> str:
    """A knowledge leaf of version 3 about lamps."""
    lines = ["version: 3", "created_by: keeper", "domain: lamps", "document_outline: How lamps are kept.", "document:"]
    lines += ["  repo: https://github.com/example/lamps.git", "  commit: " + "a1" * 20, "  patterns:", "    - lamps.md"]
    lines += ["seed_examples:"]
    for i in range(seeds):
        lines += ["  - context: |", f"      Lamp {i} burns oil.", "    questions_and_answers:"]
        for j in range(3):
            lines += [f"      - question: What of lamp {i}, part {j}?", f"        answer: Part {j} is brass."]
    return "\n".join(lines) + "\n"


def tree(path: str, text: str | bytes, attribution: bytes | None = b"Own work, CC0-1.0\n") -> dict[str, bytes]:
    """A file mapping with one leaf."""
    files = {path: text.encode() if isinstance(text, str) else text}
    if attribution is not None:
        files[path.rpartition("/")[0] + "/attribution.txt"] = attribution
    return files
