"""Did a leaf, a branch of the taxonomy, or a category of the general suite get worse? Over many, one error rate."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.gate.comparison import Comparison
from pipeline.gate.policy import Policy
from pipeline.gate.verdict import ALL_LEAVES, Check, Row
from pipeline.gate.words import count, listed, row_change, subject


def leaves(rows: Sequence[Row], branches: Sequence[Row], ours: Comparison, policy: Policy) -> Check:
    """Leaves with enough items block alone; smaller ones with their branch. Rows carry their significance."""
    floor = policy.noise_times * ours.floor
    collapse = max(policy.leaf_collapse, floor)
    surely = {row.group for row in _harmed(rows, policy.leaf_alpha, max(policy.leaf_margin, floor))}
    harmed = [row for row in rows if row.group in surely or (row.change.mean > collapse and not row.informing)]
    together = _harmed(branches, policy.leaf_alpha, max(policy.branch_margin, floor))
    blocking = harmed + _unexplained(together, harmed)
    numbers = {
        "leaves": len(rows),
        "informing": sum(row.informing for row in rows),
        "branches": len(branches),
        "alpha": policy.leaf_alpha,
        "leaf_limit": max(policy.leaf_margin, floor),
        "branch_limit": max(policy.branch_margin, floor),
        "collapse_limit": collapse,
    }
    if not blocking:
        return Check("leaves", True, _kept(rows), numbers)
    proven = surely | {row.group for row in together}
    detail = " ".join(_worse(row, row.group in proven) for row in blocking)
    return Check("leaves", False, detail, numbers, harmed=tuple(row.group for row in blocking), advice=_ADVICE)


_ADVICE = "Replay more of these leaves, or leave out the new leaf that harms them."


def _kept(rows: Sequence[Row]) -> str:
    informing = sum(row.informing for row in rows)
    alone = f"; {informing} have too few questions to block alone" if informing else ""
    return f"None of {count(len(rows), 'live leaf', 'live leaves')} got worse{alone}."


def _worse(row: Row, proven: bool) -> str:
    why = f"p = {row.significance:.3f}" if proven else "more than noise ever does"
    asked = count(row.n, "held-out question")
    return f"{subject(row)} got worse: {row_change(row)} nats per token on {asked} ({why})."


def categories(rows: Sequence[Row], ours: Comparison, policy: Policy) -> Check:
    """A category of the general suite that got much worse, which the mean of all would hide."""
    limit = max(policy.category_margin, policy.noise_times * ours.floor)
    beyond = [row for row in rows if _is_beyond(row, policy)]
    harmed = [row for row in _harmed(rows, policy.category_alpha, limit) if row not in beyond]
    numbers = {"categories": len(rows), "beyond": len(beyond), "alpha": policy.category_alpha, "limit": limit}
    if not harmed:
        return Check("categories", True, f"No category of general questions got much worse{_beyond(beyond)}.", numbers)
    figures = "; ".join(f"{row.group} {row_change(row)}, {count(row.n, 'question')}" for row in harmed)
    detail = f"General answers got worse in what they are about, in nats per token: {figures} (limit {limit:+.3f})."
    names = tuple(f"general/{row.group}" for row in harmed)
    return Check("categories", False, detail, numbers, harmed=names, advice="Add anchors of these categories.")


def _is_beyond(row: Row, policy: Policy) -> bool:
    """Whether the model that is served chooses no better than one that guesses: what it cannot do, it cannot lose."""
    return row.choices >= policy.able_items and row.right_before <= policy.able_above * row.choices


def _beyond(rows: Sequence[Row]) -> str:
    if not rows:
        return ""
    figures = listed([f"{row.group} ({row_change(row)} nats per token)" for row in rows])
    return f"; not counted is what the served model does no better than by guessing: {figures}"


def perhaps_worse(rows: Sequence[Row], policy: Policy, blocking: Sequence[str]) -> list[str]:
    """A warning that names leaves which may have got worse, though not surely enough to block."""
    suspects = [row for row in rows if row.group not in blocking and row.change.mean > 0]
    names = [row.group for row in suspects if row.q < policy.warn_q or row.change.mean > policy.leaf_collapse]
    return [f"Perhaps worse, though not surely enough to block: {listed(names)}."] if names else []


def _harmed(rows: Sequence[Row], alpha: float, limit: float) -> list[Row]:
    return [row for row in rows if row.significance < alpha and row.change.mean > limit]


def _unexplained(branches: Sequence[Row], harmed: Sequence[Row]) -> list[Row]:
    """Branches that hold no leaf, and no smaller branch, that is named already."""
    named = [row.group for row in harmed]
    kept: list[Row] = []
    for row in sorted(branches, key=lambda row: (row.group == ALL_LEAVES, -row.group.count("/"), row.group)):
        if not any(row.group == ALL_LEAVES or name.startswith(row.group) for name in named):
            named.append(row.group)
            kept.append(row)
    return kept
