"""The gate itself: evidence in, verdict out. docs/explanation/gate.md says why each step is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pipeline.gate.benefit import benefit
from pipeline.gate.comparison import Comparison, compare
from pipeline.gate.evidence import Evidence
from pipeline.gate.general import choices, drift, general
from pipeline.gate.lead import SAFETY, lead, leads
from pipeline.gate.leaves import categories, leaves, perhaps_worse
from pipeline.gate.policy import CALIBRATED, LOOKS, Policy
from pipeline.gate.rows import adjusted, branch_rows, general_row, group_rows
from pipeline.gate.safety import leaning, safety
from pipeline.gate.sanity import noise, sanity
from pipeline.gate.verdict import Check, Decision, Row, Verdict
from pipeline.gate.waiving import idle, leaf_words, waive, waived_leaves

_LAST = "This was the second and last look."
_AGAIN = (
    "Not enough questions to decide, so the model that is served stays. With more of them the same candidate may be "
    "judged a second and last time."
)


def decide(evidence: Evidence, policy: Policy = CALIBRATED) -> Verdict:
    """Judge a candidate. The same evidence gives the same verdict, byte for byte. Raises `EvidenceError`."""
    sound = [sanity(evidence, policy), noise(evidence, policy)]
    if not all(check.passed for check in sound):
        return _verdict(evidence, sound)
    ours, from_base = compare(evidence, sound[1].numbers["floor"])
    rows, branches = _table(ours, evidence, policy)
    groups = [row for row in rows if row.suite == "general"]
    tested = [row for row in rows if row.suite == "heldout"]
    led = leads(ours, from_base, policy)
    checks = [
        general(ours, policy),
        *([drift(from_base, policy)] if from_base else []),
        choices(ours, from_base, policy),
        categories(groups, ours, policy),
        lead([one for one in led if one.group != SAFETY], ours, policy),
        leaves([row for row in tested if row.group not in waived_leaves(evidence.waivers)], branches, ours, policy),
        safety(ours, from_base, [one for one in led if one.group == SAFETY], policy),
        benefit(ours, evidence, policy),
    ]
    verdict = _verdict(evidence, sound + _settled(checks, evidence), rows, (*branches, *general_row(ours)))
    return replace(
        verdict,
        waived=(*verdict.waived, *leaf_words(evidence.waivers, tested, policy.leaf_alpha, policy.leaf_margin)),
        warnings=(
            *perhaps_worse(tested, policy, verdict.harmed),
            *leaning(ours),
            *idle(evidence.waivers, {row.group for row in tested}),
        ),
    )


def _table(ours: Comparison, evidence: Evidence, policy: Policy) -> tuple[tuple[Row, ...], tuple[Row, ...]]:
    """Leaves, categories and audited leaves; and branches. Waived leaves are shown, and count nowhere else."""
    waived = waived_leaves(evidence.waivers)
    alone, together = group_rows(ours, "heldout", evidence.changed), branch_rows(ours, waived)
    family = adjusted([*(row for row in alone if row.group not in waived), *together], policy.leaf_alpha)
    found = {row.group: row for row in family}
    categories = adjusted(group_rows(ours, "general"), policy.category_alpha)
    audited = group_rows(ours, "audit", evidence.changed)
    rows = (*(found.get(row.group, row) for row in alone), *categories, *audited)
    return rows, tuple(found[row.group] for row in together)


def _settled(checks: Sequence[Check], evidence: Evidence) -> list[Check]:
    """After waivers; at the last look, what is still undecided has failed."""
    waived = waive(checks, evidence.waivers)
    if evidence.look < LOOKS:
        return waived
    return [replace(c, undecided=False, detail=f"{c.detail} {_LAST}") if c.undecided else c for c in waived]


def _verdict(
    evidence: Evidence, checks: Sequence[Check], rows: tuple[Row, ...] = (), branches: tuple[Row, ...] = ()
) -> Verdict:
    blocking = [check for check in checks if check.blocks]
    undecided = [check for check in checks if check.undecided and not check.waived]
    decision: Decision = "HOLD" if blocking else "INCONCLUSIVE" if undecided else "PROMOTE"
    floor = next((check.numbers["floor"] for check in checks if check.name == "noise"), 0.0)
    return Verdict(
        decision=decision,
        reasons=_reasons(checks, blocking, undecided),
        rows=rows,
        against=evidence.champion_id or "base",
        build_id=evidence.build_id,
        checks=tuple(checks),
        branches=branches,
        noise_floor=floor,
        harmed=tuple(dict.fromkeys(name for check in blocking for name in check.harmed)),
        waived=tuple(check.waived for check in checks if check.waived),
        look=evidence.look,
    )


def _reasons(checks: Sequence[Check], blocking: Sequence[Check], undecided: Sequence[Check]) -> tuple[str, ...]:
    if blocking:
        return tuple(f"{check.detail} {check.advice}".strip() for check in blocking)
    if undecided:
        return (*(f"{check.detail} {check.advice}".strip() for check in undecided), _AGAIN)
    shown = [check for check in checks if check.name not in ("sanity", "noise")]
    good = sorted(shown, key=lambda check: check.name != "benefit")
    return tuple(f"Waived: {check.waived}." if check.waived else check.detail for check in good)
