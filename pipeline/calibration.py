"""How far a judge is to be believed on one leaf: it scores the leaf's own seeds (good) and corruptions of them (bad).

A judge is a model, and may be no better than a coin on a given kind of text. The area under the ROC curve (AUC) says
how often it puts a good pair above a bad one. A judge that cannot tell them apart is not believed on that leaf, and the
figure stands beside every verdict of one that can. With 4 good and 8 bad pairs, one that guesses gets to 0.8 in about
one leaf of twenty (tests/unit/test_calibration.py counts it).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import pairwise

from pipeline.corruptions import Pair, corruptions, seed_pairs
from pipeline.flows.judges import DEFAULT_THRESHOLD
from pipeline.flows.model import Calibration, Judge, Material
from pipeline.teacher.port import ChatRequest, Completion

BELIEVED = 0.8  # AUC from which on a verdict counts
LEAST = 3  # scores of either sort that it takes

Ask = Callable[[ChatRequest], Awaitable[Completion]]


async def calibrate(material: Material, judge: Judge, ask: Ask) -> Calibration:
    """Ask about good and bad pairs, all at once. Replies that hold no score are left out, failed ones too."""
    good, bad = seed_pairs(material), corruptions(material)
    scores = await score(material, judge, ask, [*good, *bad])
    of_good, of_bad = scores[: len(good)], scores[len(good) :]
    return calibration([s for s in of_good if s is not None], [s for s in of_bad if s is not None])


async def score(material: Material, judge: Judge, ask: Ask, pairs: Sequence[Pair]) -> list[float | None]:
    """What the judge says of each pair; None where it says nothing, or its teacher failed."""

    async def one(pair: Pair) -> float | None:
        completion = await ask(judge.request(material, pair.context, pair.question, pair.answer))
        return None if completion.failed else judge.score(completion)

    return list(await asyncio.gather(*map(one, pairs)))


def calibration(good: Sequence[float], bad: Sequence[float]) -> Calibration:
    """What scores of good and of bad pairs say about their judge."""
    area = auc(good, bad)
    believed = area is not None and area >= BELIEVED and min(len(good), len(bad)) >= LEAST
    return Calibration(area, threshold(good, bad), len(good), len(bad), believed)


def auc(good: Sequence[float], bad: Sequence[float]) -> float | None:
    """Probability that a good pair's score is above a bad one's, ties ½ (Mann and Whitney 1947); None without pairs."""
    if not good or not bad:
        return None
    won = sum((one > other) + 0.5 * (one == other) for one in good for other in bad)
    return won / (len(good) * len(bad))


def threshold(good: Sequence[float], bad: Sequence[float]) -> float:
    """The score from which on to accept: largest share of good minus share of bad at or above it (Youden's J, 1950).

    It lies midway between two scores; of several as good, the middle one counts. 0.5 where nothing is to be told apart.
    """
    seen = sorted({*good, *bad})
    between = [(low + high) / 2 for low, high in pairwise(seen)]
    if not good or not bad or not between:
        return DEFAULT_THRESHOLD
    gains = [_share(good, cut) - _share(bad, cut) for cut in between]
    best = [cut for cut, gain in zip(between, gains, strict=True) if gain > max(gains) - 1e-9]
    return best[(len(best) - 1) // 2] if max(gains) > 0 else DEFAULT_THRESHOLD


def _share(scores: Sequence[float], cut: float) -> float:
    return sum(score >= cut for score in scores) / len(scores)
