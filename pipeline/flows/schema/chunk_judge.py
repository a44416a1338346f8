"""Knowledge: one strict verdict on question and answer, against the raw text of the chunk, proved by a quote of it.

A judge that sees what a teacher made of the text, a summary or a list of facts, passes what the teacher made up there.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.flows.model import Draft, Judge, Material, Unparsable, number
from pipeline.flows.schema import chunked
from pipeline.flows.schema.quotes import FOUND, quoted
from pipeline.flows.schema.replies import BOOLEAN, INTEGER, STRING, field, read, record, schema_text
from pipeline.teacher.port import ChatRequest, Completion, Sampling

PROMPT = "schema/knowledge_judge"


def ask(material: Material, context: str, question: str, answer: str) -> ChatRequest:
    """One structured verdict against the raw text. The same request for a sample as for a seed in its own context."""
    schema = schema_text(
        record(
            quote=STRING,
            total_claims=INTEGER,
            supported_claims=INTEGER,
            answers_question=BOOLEAN,
            self_contained=BOOLEAN,
        )
    )
    draft = Draft((0, number(question, answer)), context=context)
    variables = {"question": question, "answer": answer}
    return chunked.ask(PROMPT, material, draft, variables, Sampling(max_tokens=256, schema=schema))


def ask_of(material: Material, drafts: Sequence[Draft]) -> ChatRequest:
    """The judge's request for a draft: against its chunk."""
    draft = drafts[0]
    return ask(material, draft.context, draft.question, draft.answer)


def score(completion: Completion) -> float | None:
    """1.0 where all claims are supported and both checks hold; claims weigh half. None for what is no verdict."""
    try:
        verdict = read(completion)
        total, supported = field(verdict, "total_claims", int), field(verdict, "supported_claims", int)
        checks = [field(verdict, name, bool) for name in ("answers_question", "self_contained")]
    except Unparsable:
        return None
    if total < 0 or not 0 <= supported <= total:
        return None
    share = supported / total if total else 0.0
    return round(0.5 * share + 0.25 * sum(checks), 4)


def take(material: Material, drafts: Sequence[Draft], completion: Completion) -> Sequence[Draft]:
    """Keep what is supported whole, answers its question, is clear alone, and is proved by a quote from the chunk."""
    draft = drafts[0]
    value = score(completion)
    if value is None:
        raise Unparsable("the judge's reply holds no verdict")
    verdict = read(completion)
    quote = verdict.get("quote")
    found = quoted(quote, draft.chunk.text) if isinstance(quote, str) and draft.chunk else 0.0
    draft.scores |= {"judge": value, "quote_found": found}
    if material.calibration and material.calibration.auc is not None:
        draft.scores["judge_auc"] = round(material.calibration.auc, 4)
    draft.reason = _fault(verdict, found)
    return drafts


def _fault(verdict: dict[str, object], found: float) -> str | None:
    total, supported = verdict["total_claims"], verdict["supported_claims"]
    if supported != total or not total:
        return f"the judge found {supported} of {total} claims supported by the chunk"
    if not verdict["answers_question"]:
        return "the judge says that the answer is not what was asked"
    if not verdict["self_contained"]:
        return "the judge says that it is not clear without the chunk"
    if found < FOUND:
        return f"the judge's quote does not stand in the chunk (similarity {found:.2f})"
    return None


JUDGE = Judge(ask, score)
