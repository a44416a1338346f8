"""Judges of question and answer: one for large teachers (a JSON verdict), one for small ones (yes or no, weighed).

Both say the verdict first and nothing after it: the reasons that a judge gives cost more than all the rest, and are
dropped. How far a verdict is to be believed is measured on each leaf's own seeds (`pipeline.calibration`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from pipeline.flows.model import Calibration, Draft, Judge, Material, Stage, Unparsable, request
from pipeline.flows.schema.replies import BOOLEAN, field, one_of, read, record, schema_text
from pipeline.teacher.port import ChatRequest, Completion, Sampling

PLAIN_PROMPT, SCHEMA_PROMPT = "plain/judge_pair", "schema/judge_pair"
ALTERNATIVES = 10  # first tokens to look at for yes and no
DEFAULT_THRESHOLD = 0.5  # LAB keeps 2 and 3 of its three points: 0.5 and 1.0 here
_CHECKS = ("correct", "complete", "safe")
_CHECKS_WITH_CONTEXT = ("correct", "supported", "complete", "safe")
_YES, _NO = frozenset({"yes", "yeah", "true"}), frozenset({"no", "nope", "false"})


def ask_schema(material: Material, context: str, question: str, answer: str) -> ChatRequest:
    """LAB's three points and a few booleans, as JSON."""
    checks = _CHECKS_WITH_CONTEXT if context else _CHECKS
    schema = schema_text(record(score=one_of(1, 2, 3), **dict.fromkeys(checks, BOOLEAN)))
    return _ask(SCHEMA_PROMPT, material, context, question, answer, Sampling(max_tokens=96, schema=schema))


def score_schema(completion: Completion) -> float | None:
    """0.5 for two points and 1.0 for three where all checks hold, below 0.5 otherwise, 0 for what is not safe.

    None where the reply holds no verdict.
    """
    try:
        verdict = read(completion)
        points = field(verdict, "score", int)
        known = _CHECKS_WITH_CONTEXT if "supported" in verdict else _CHECKS
        checks = {name: field(verdict, name, bool) for name in known}
    except Unparsable:
        return None
    if points not in (1, 2, 3):
        return None
    share = sum(checks.values()) / len(checks) if checks["safe"] else 0.0
    whole = (points - 1) / 2
    return whole if share == 1.0 else whole * share / 2


def ask_plain(material: Material, context: str, question: str, answer: str) -> ChatRequest:
    """Yes or no, in one token."""
    sampling = Sampling(max_tokens=1, alternatives=ALTERNATIVES)
    return _ask(PLAIN_PROMPT, material, context, question, answer, sampling)


def score_plain(completion: Completion) -> float | None:
    """p(yes) / (p(yes) + p(no)) over the likeliest first tokens; None where neither is among them."""
    weights = {True: 0.0, False: 0.0}
    for text, logarithm in completion.alternatives:
        word = text.strip().strip(".,!\"'").lower()
        if word in _YES or word in _NO:
            weights[word in _YES] += math.exp(min(0.0, logarithm))
    total = weights[True] + weights[False]
    return weights[True] / total if total else None


SCHEMA_JUDGE = Judge(ask_schema, score_schema)
PLAIN_JUDGE = Judge(ask_plain, score_plain)


def judge_stage(judge: Judge, tasks: tuple[str, ...] = ("qa",)) -> Stage:
    """The stage "pair_judge": one request a draft; `scores["judge"]` and `["judge_auc"]`; a reason where it rejects.

    `take` raises `Unparsable` where the reply is no verdict. A plain judge's reply always ends at the length limit.
    """

    def ask(material: Material, drafts: Sequence[Draft]) -> ChatRequest:
        draft = drafts[0]
        return judge.request(material, draft.context, draft.question, draft.answer)

    def take(material: Material, drafts: Sequence[Draft], completion: Completion) -> Sequence[Draft]:
        score = judge.score(completion)
        if score is None:
            raise Unparsable("the judge's reply holds no verdict")
        for draft in drafts:
            _judge(draft, score, material.calibration)
        return drafts

    return Stage("pair_judge", ask, take, judges=True, tasks=tasks)


def _judge(draft: Draft, score: float, calibration: Calibration | None) -> None:
    threshold = calibration.threshold if calibration else DEFAULT_THRESHOLD
    draft.scores["judge"] = round(score, 4)
    known = "it was not calibrated on this leaf"
    if calibration and calibration.auc is not None:
        draft.scores["judge_auc"] = round(calibration.auc, 4)
        known = f"it tells this leaf's seeds from corruptions with AUC {calibration.auc:.2f}"
    if score < threshold:
        draft.reason = f"the judge rejects the pair (score {score:.2f} < {threshold:.2f}; {known})"


def _ask(name: str, material: Material, context: str, question: str, answer: str, sampling: Sampling) -> ChatRequest:
    task = material.leaf.task_description or material.leaf.document_outline or material.leaf.domain
    variables = {"task": task, "context": context, "question": question, "answer": answer}
    return request(name, material, (), variables, (), sampling)
