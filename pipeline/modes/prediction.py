"""How long a build takes, stage by stage: tokens over tokens a second, and what loading costs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pipeline.anchors import ANSWER_TOKENS as CHAT_TOKENS
from pipeline.evaluate.port import ANSWER_TOKENS
from pipeline.modes.model import CHATS, MOST_ITEMS, BuildFacts, BuildPlan, LeafFacts, Mode
from pipeline.replay import replay_rows
from pipeline.speeds import Kind, Speeds, Work


@dataclass(frozen=True, slots=True)
class Size:
    """`rows` and `tokens` of a mixture; `anchors`: tokens of those among them that are anchors'."""

    rows: int
    tokens: int
    anchors: int


def predict(mode: Mode, facts: BuildFacts, speeds: Speeds) -> BuildPlan:
    """A plan of that mode, without a word on why. In *impact*, `facts.changed` is the one leaf."""
    once = mixture_size(mode, facts)
    passes, answers = judged(mode, facts)
    impact = mode == "impact"
    work: dict[str, Work] = {
        "anchors": _some("answer", facts.unanswered * CHAT_TOKENS),
        "mixture": _some("mixture", once.tokens),
        "train": _training(once, facts),
        # Answers to items are made by the processes that score, so that nothing is loaded for them.
        "evaluate": {
            "score": (sum(passes), sum(tokens > 0 for tokens in passes)),
            "answer": (sum(answers) * ANSWER_TOKENS + (0 if impact else CHATS * CHAT_TOKENS), 0 if impact else 1),
        },
        "export": {} if impact else {"export": (passes[0] - facts.general_tokens, 1)},
    }
    parts = {stage: round(speeds.seconds(of), 1) for stage, of in work.items()}
    return BuildPlan(mode, "", round(sum(parts.values()), 1), once.tokens * facts.recipe.epochs, parts, work)


def mixture_size(mode: Mode, facts: BuildFacts) -> Size:
    """Leaves, replay and anchors, once through."""
    learnt = facts.leaves if mode == "full" else _of(facts, changed=True)
    rows, tokens = _rows(learnt), sum(leaf.tokens for leaf in learnt)
    if mode != "full":
        known = _of(facts, changed=False)
        share = min(replay_rows(rows, facts.recipe.replay_ratio, len(known)), _rows(known))
        tokens += round(share * sum(leaf.tokens for leaf in known) / max(1, _rows(known)))
        rows += share
    anchors = min(facts.anchors, round(facts.recipe.anchor_ratio * rows))
    return Size(rows + anchors, tokens + anchors * facts.anchor_tokens, anchors * facts.anchor_tokens)


def _training(once: Size, facts: BuildFacts) -> Work:
    """All epochs; looks at the dev rows, and the base's own reading of anchors, cost what scoring costs."""
    recipe = facts.recipe
    steps = math.ceil(once.rows * recipe.epochs / recipe.batch)
    read = facts.dev_tokens * (steps // recipe.dev_every) if recipe.patience else 0
    read += once.anchors * recipe.epochs if recipe.kl_weight else 0
    work: dict[Kind, tuple[float, int]] = {"train": (once.tokens * recipe.epochs, 1)} if once.tokens else {}
    return work | ({"score": (read, 0)} if read else {})


def judged(mode: Mode, facts: BuildFacts) -> tuple[list[int], list[int]]:
    """Tokens that are scored and items that are answered, in passes over candidate, base, champion, and the incumbent
    a second time, without answers. Scores that were made before are on file: of the champion, which was a candidate
    itself, all but those of leaves that changed."""
    changed, known = _of(facts, changed=True), _of(facts, changed=False)
    share = 1.0 if mode == "full" else min(1.0, MOST_ITEMS / max(1, sum(leaf.items for leaf in known)))

    def of(count: Callable[[LeafFacts], int]) -> int:
        return sum(map(count, changed)) + round(share * sum(map(count, known)))

    candidate = (of(lambda leaf: leaf.item_tokens) + facts.general_tokens, of(lambda leaf: leaf.answered))
    base = (of(lambda leaf: leaf.base_tokens) + facts.general_base_tokens, of(lambda leaf: leaf.base_answered))
    new = (sum(leaf.item_tokens for leaf in changed), sum(leaf.answered for leaf in changed))
    champion = [] if facts.champion is None else [new]
    again = [] if mode == "impact" else [(facts.again_tokens, 0)]
    passes = [candidate, base, *champion, *again]
    return [tokens for tokens, _ in passes], [answers for _, answers in passes]


def _some(kind: Kind, tokens: int) -> Work:
    return {kind: (tokens, 1)} if tokens else {}


def _of(facts: BuildFacts, *, changed: bool) -> tuple[LeafFacts, ...]:
    return tuple(leaf for leaf in facts.leaves if (leaf.path in facts.changed) == changed)


def _rows(leaves: Iterable[LeafFacts]) -> int:
    return sum(leaf.rows for leaf in leaves)
