"""How long a build takes, stage by stage: tokens over tokens a second, and what loading costs."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.anchors import ANSWER_TOKENS as CHAT_TOKENS
from pipeline.modes.model import AGAIN, MOST_ITEMS, BuildFacts, BuildPlan, LeafFacts, Mode
from pipeline.replay import replay_rows
from pipeline.speeds import Kind, Speeds, Work

ANSWER_TOKENS = 64  # that an answer to a gate item may have
CHATS = 20  # greedy chats that the gate looks at


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
    a second time. Scores that were made before are on file: of base and champion only what is new is scored. The
    second time takes `AGAIN` items, without answers."""
    changed, known = _of(facts, changed=True), _of(facts, changed=False)
    share = 1.0 if mode == "full" else min(1.0, MOST_ITEMS / max(1, sum(leaf.items for leaf in known)))
    all_tokens = _item_tokens(changed) + round(share * _item_tokens(known)) + facts.general_tokens
    all_answers = _answered(changed) + round(share * _answered(known))
    new = (_item_tokens(changed), _answered(changed))
    again = (round(facts.general_tokens * min(1.0, AGAIN / max(1, facts.general_items))), 0)
    if facts.champion is None:
        others = [(all_tokens, all_answers), again]  # base, and base again
    else:
        of_base = (all_tokens, all_answers) if facts.base_changed else new
        others = [of_base, new] if mode == "impact" else [of_base, new, again]
    passes = [(all_tokens, all_answers), *others]
    return [tokens for tokens, _ in passes], [answers for _, answers in passes]


def _some(kind: Kind, tokens: int) -> Work:
    return {kind: (tokens, 1)} if tokens else {}


def _of(facts: BuildFacts, *, changed: bool) -> tuple[LeafFacts, ...]:
    return tuple(leaf for leaf in facts.leaves if (leaf.path in facts.changed) == changed)


def _rows(leaves: Iterable[LeafFacts]) -> int:
    return sum(leaf.rows for leaf in leaves)


def _item_tokens(leaves: Iterable[LeafFacts]) -> int:
    return sum(leaf.item_tokens for leaf in leaves)


def _answered(leaves: Iterable[LeafFacts]) -> int:
    return sum(leaf.answered for leaf in leaves)
