"""Before anything is compared: is the candidate a working model, and does scoring repeat itself?"""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.gate.comparison import faults
from pipeline.gate.evidence import Evidence, EvidenceError
from pipeline.gate.policy import Policy
from pipeline.gate.verdict import Check

LOOPING = 0.5
"""Share of a text's 4-grams of words that occur in it before: a text beyond this goes round in circles."""


def sanity(evidence: Evidence, policy: Policy) -> Check:
    """Finite scores, the same tokenizer, nothing that training or merging found wrong, chats that say something."""
    wrong = [f"{name}: {why}" for name, why in sorted(evidence.failed.items())]
    if not evidence.tokenizer_same:
        wrong.append("its tokenizer is not the base model's, so its words would mean something else")
    unscored = faults(evidence.asked(), {score.id: score for score in evidence.candidate})
    wrong += [unscored] if unscored else []
    wrong += _chats(evidence.chats, policy)
    detail = (
        f"The candidate is not a working model: {'; '.join(wrong)}." if wrong else "The candidate is a working model."
    )
    return Check("sanity", not wrong, detail, {"chats": len(evidence.chats)}, advice=_ADVICE if wrong else "")


_ADVICE = "Look into the build's training log; the same inputs on a sound machine give the same build again."


def _chats(chats: Sequence[str], policy: Policy) -> list[str]:
    empty, circling = sum(not chat.strip() for chat in chats), sum(loops(chat) for chat in chats)
    found = []
    if empty > policy.empty_most * len(chats):
        found.append(f"{empty} of {len(chats)} answers to ordinary prompts are empty")
    if circling > policy.looping_most * len(chats):
        found.append(f"{circling} of {len(chats)} answers to ordinary prompts go round in circles")
    return found


def loops(text: str) -> bool:
    """Whether a text says the same again and again."""
    words = text.split()
    runs = [tuple(words[at : at + 4]) for at in range(len(words) - 3)]
    return bool(runs) and 1 - len(set(runs)) / len(runs) > LOOPING


def noise(evidence: Evidence, policy: Policy) -> Check:
    """The A/A run: the incumbent scored twice. The floor is the largest difference of any item, in nats.

    Raises `EvidenceError` where the second run has other items or scores that are not numbers.
    """
    if not evidence.again:
        detail = "How far scoring repeats itself was not measured."
        return Check("noise", True, detail, {"floor": 0.0, "items": 0})
    first = {score.id: score.nats for score in evidence.incumbent}
    second = {score.id: score.nats for score in evidence.again}
    if not second.keys() <= first.keys():
        raise EvidenceError(f"the second scoring has items that the first has not: {min(second.keys() - first.keys())}")
    floor = round(max(abs(nats - first[name]) for name, nats in second.items()), 6)
    numbers = {"floor": floor, "items": len(second), "most": policy.noise_most}
    if floor <= policy.noise_most:
        detail = f"Scored twice, the same model differs by at most {floor:.6f} nats"
        return Check("noise", True, f"{detail}; {policy.noise_times:g} times that counts as nothing.", numbers)
    detail = (
        f"Scored twice, the same model differs by {floor:.3f} nats on one question; {policy.noise_most} is allowed."
    )
    return Check("noise", False, detail, numbers, advice="Score in float32 with fixed batches, on one kind of machine.")
