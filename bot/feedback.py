"""From a verdict to what each contributor is told: scores of their leaves, an example, and what was left out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from math import exp
from typing import TYPE_CHECKING, Any

from bot.outcomes import BuildPart, Change, Contrast, LeafApart, LeafScore
from pipeline.gate import Row, Verdict
from pipeline.splits import INFORMING_BELOW
from pipeline.statistics import Interval

if TYPE_CHECKING:
    from pipeline.quarantine import Quarantined

SHOWN_CHARS = 1000  # of each text in the stored state


def leaf_scores(verdict: Verdict, judged: Iterable[Mapping[str, Any]]) -> dict[str, LeafScore]:
    """What the table says of each leaf, with an example of each.

    `judged`: the lines of a build's `scores.json`, an item each with the scores of "base", "candidate" and, where there
    was one, "champion".
    """
    answered: dict[str, list[tuple[float, Contrast]]] = defaultdict(list)
    for line in judged:
        before, after = line["champion" if "champion" in line else "base"], line["candidate"]
        if line["suite"] == "heldout" and (before["answer"] or after["answer"]):
            contrast = Contrast(line["question"], before["answer"], after["answer"])
            answered[line["group"]].append((after["nats"] - before["nats"], contrast))
    rows = [row for row in verdict.rows if row.suite == "heldout"]
    return {row.group: replace(leaf_score(row), example=typical(answered[row.group])) for row in rows}


def leaf_score(row: Row) -> LeafScore:
    """One row of a table."""
    return LeafScore(
        path=row.group,
        before=exp(-row.before),
        after=exp(-row.after),
        nats=(row.before, row.after),
        change=change_of(row.change) if row.units >= 2 else None,
        questions=row.n,
        informing=row.informing,
        needed=INFORMING_BELOW,
        choices=(row.choices, row.right_before, row.right_after),
    )


def change_of(interval: Interval) -> Change:
    """As it is stored."""
    return Change(interval.mean, interval.low, interval.high)


def typical(answered: Sequence[tuple[float, Contrast]]) -> Contrast | None:
    """The answers to the question whose score changed as much as most did (the median), with the change in nats of
    each: neither the best nor the worst is shown off. None where nothing was answered."""
    if not answered:
        return None
    ranked = sorted(answered, key=lambda one: (one[0], one[1].question))
    _, shown = ranked[(len(ranked) - 1) // 2]
    return Contrast(shown.question[:SHOWN_CHARS], shown.before[:SHOWN_CHARS], shown.after[:SHOWN_CHARS])


def build_part(
    verdict: Verdict,
    paths: Collection[str],
    scores: Mapping[str, LeafScore],
    *,
    promoted: bool,
    quarantined: Iterable[Quarantined] = (),
    url: str = "",
) -> BuildPart:
    """What the pull request that brought the leaves `paths` is told of a build. `url`: of its commit in the ledger."""
    return BuildPart(
        build=verdict.build_id,
        promoted=promoted,
        reason=" ".join(verdict.reasons),
        leaves=tuple(scores[path] for path in sorted(paths) if path in scores),
        decision=verdict.decision,
        against=verdict.against,
        url=url,
        apart=tuple(_apart(entry) for entry in sorted(quarantined, key=lambda e: e.leaf) if entry.leaf in paths),
    )


def build_parts(
    verdict: Verdict,
    judged: Iterable[Mapping[str, Any]],
    brought: Mapping[int, Collection[str]],
    *,
    promoted: bool,
    quarantined: Iterable[Quarantined] = (),
    url: str = "",
) -> dict[str, Any]:
    """`build_part` for each pull request, by its number as text, and as JSON for the record of a step.

    `brought`: the leaves that each pull request brought. `pulls.build_part` reads one back.
    """
    scores, apart = leaf_scores(verdict, judged), tuple(quarantined)
    return {
        str(number): asdict(build_part(verdict, paths, scores, promoted=promoted, quarantined=apart, url=url))
        for number, paths in brought.items()
    }


def settled(part: BuildPart | None) -> bool:
    """Whether there is no more to tell: a promoted build has learned from every leaf of the pull request."""
    return part is not None and part.promoted and not part.apart


def ledger_url(forge_url: str, repository: str, commit: str) -> str:
    """Where people see a commit of the ledger; "" for none."""
    return f"{forge_url}/{repository}/commit/{commit}" if commit else ""


def _apart(entry: Quarantined) -> LeafApart:
    numbers = (entry.effect, entry.low, entry.high)
    known = [number for number in numbers if number is not None]
    change = Change(*known) if len(known) == len(numbers) else None
    return LeafApart(entry.leaf, entry.victims, entry.build, entry.expires.isoformat(), change)
