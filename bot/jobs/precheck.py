"""What the community's present model answers to the seed questions of a pull request, before it has learnt them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from bot import pulls
from bot.context import Context
from bot.engine.port import JSON, Steps
from bot.jobs import asked
from bot.jobs.watch import Unwanted, Watch
from bot.pulls import Asked, LeafPrecheck, PrecheckPart
from bot.reading import read_pull
from bot.render import texts
from bot.render.reason import reason
from pipeline.evaluate.items import items_digest, question_of
from pipeline.evaluate.port import Item, Score
from pipeline.evaluate.reference import f1
from pipeline.flows.filters import strip_control
from pipeline.models import ModelFolder
from pipeline.present import present_model
from validators import Leaf

KNOWN = 0.5
"""From this score on, an answer counts as known: about half of the words of its best passage are the seed's."""
MOST = 100  # questions of one precheck: some minutes on two cores
LONGEST = 8_000  # characters of a question with its context, and of an answer: what fits a small student's window
SHOWN_CHARS = 1000  # of each text in the stored state
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")
_SENTENCES = 12  # of an answer; it has 64 tokens at most


def run(context: Context, steps: Steps, payload: JSON) -> JSON:
    """Payload: {"pull", "sha": head that somebody allowed, "leaves"?: [path]}. Another head by now: nothing is done."""
    pin = steps.run("pin", lambda: asked.pin(context, payload))
    if pin["skip"]:
        return pin
    try:
        part = steps.run("ask", lambda: _ask(context, steps, pin))
        return steps.run("tell", lambda: _tell(context, pin, part))
    except BaseException as error:  # a cancelled job unwinds by one that is no Exception
        _end(context, steps, pin, error)
        raise


def _ask(context: Context, steps: Steps, pin: Mapping[str, Any]) -> dict[str, Any]:
    """Says that it has begun, too: a job that is retried says so again."""
    if steps.cancelled():  # whoever cancelled has told already
        raise Unwanted(f"job {steps.job_id} was cancelled")
    context.publish(pin["pull"], PrecheckPart(sha=pin["sha"], status="running", job=steps.job_id))
    read = read_pull(context.forge, pin["pull"], pin["sha"])
    chosen, unknown = asked.leaves_named(read.leaves, pin["leaves"])
    if not read.leaves:
        return asdict(PrecheckPart(pin["sha"], "failed", failed=texts.PRECHECK_NO_LEAF))
    leaves, unreadable = asked.parsed(chosen, read.files)
    unread = [LeafPrecheck(path, note=why) for path, why in unreadable]
    unread += [LeafPrecheck(path, note=texts.LEAF_UNKNOWN) for path in unknown]
    name, made = _answers(context, steps, leaves) if leaves else ("", [])
    return asdict(PrecheckPart(pin["sha"], "done", name, tuple(sorted([*made, *unread], key=lambda leaf: leaf.path))))


def _answers(context: Context, steps: Steps, leaves: Sequence[Leaf]) -> tuple[str, list[LeafPrecheck]]:
    """The model's name, and what it answers."""
    items, left_out = _items(leaves)
    model = present_model(context.settings.state_dir, context.settings.student_model)
    scores = {score.id: score for score in _scores(context, steps, model, items)} if items else {}
    of = {leaf.path: [item for item in items if item.group == leaf.path] for leaf in leaves}
    return model.name, [_leaf(leaf, of[leaf.path], scores, left_out[leaf.path]) for leaf in leaves]


def _items(leaves: Sequence[Leaf]) -> tuple[list[Item], dict[str, int]]:
    """What is asked, as the student will be asked after training; and of each leaf how many questions are left out."""
    items: list[Item] = []
    left_out = {leaf.path: 0 for leaf in leaves}
    for leaf in leaves:
        for item in _questions(leaf):
            if len(items) >= MOST or max(len(item.question), len(item.reference)) > LONGEST:
                left_out[leaf.path] += 1
            else:
                items.append(item)
    return items, left_out


def _questions(leaf: Leaf) -> list[Item]:
    """Every pair of every seed example. The suite's name is what makes the evaluator answer, and not only score."""
    return [
        Item(
            id=f"{leaf.path}#{seed.index}.{number}",
            suite="heldout",
            group=leaf.path,
            question=question_of(leaf, seed, pair.question),
            reference=strip_control(pair.answer),
        )
        for seed in leaf.seeds
        for number, pair in enumerate(seed.pairs)
    ]


def _scores(context: Context, steps: Steps, model: ModelFolder, items: Sequence[Item]) -> list[Score]:
    """From the store where the same model was asked the same before."""
    digest = hashlib.sha256(f"{model.digest} {items_digest(items)}".encode()).hexdigest()
    key = f"prechecks/{digest}.json"
    if context.store.exists(key):
        return [Score(**fields) for fields in json.loads(context.store.read(key))]
    watch = Watch(steps, context.settings.state_dir)
    with context.teachers.closed():  # the model wants the memory that a loaded teacher holds
        scores = context.evaluator.score(model.path, None, items, watch)
    context.store.write(key, json.dumps([asdict(score) for score in scores]).encode())
    return scores


def _leaf(leaf: Leaf, items: Sequence[Item], scores: Mapping[str, Score], left_out: int) -> LeafPrecheck:
    note = texts.PRECHECK_LIMIT.format(n=left_out, limit=MOST, chars=LONGEST) if left_out else ""
    return LeafPrecheck(leaf.path, tuple(_asked(item, scores[item.id]) for item in items), note)


def _asked(item: Item, score: Score) -> Asked:
    agrees = agreement(score.answer, item.reference)
    return Asked(
        question=item.question[:SHOWN_CHARS],
        expected=item.reference[:SHOWN_CHARS],
        answer=score.answer[:SHOWN_CHARS],
        score=agrees,
        known=agrees >= KNOWN,
    )


def agreement(answer: str, reference: str) -> float:
    """Token F1, 0 to 1, of the run of whole sentences that fits `reference` best: small models go on talking."""
    sentences = _SENTENCE_END.split(answer.strip())[:_SENTENCES]
    ends = range(1, len(sentences) + 1)
    passages = (" ".join(sentences[start:end]) for end in ends for start in range(end))
    return max((f1(passage, reference) for passage in passages), default=0.0)


def _tell(context: Context, pin: Mapping[str, Any], made: Mapping[str, Any]) -> dict[str, Any]:
    pull = context.forge.pull(pin["pull"])
    if pull.head_sha != pin["sha"] or pull.state != "open":
        return {"superseded": pull.head_sha}
    part = pulls.precheck_part(made)
    context.publish(pin["pull"], part, pull=pull)
    count = sum(len(leaf.asked) for leaf in part.leaves)
    return {"pull": pin["pull"], "sha": pin["sha"], "asked": count, "known": sum(leaf.known for leaf in part.leaves)}


def _end(context: Context, steps: Steps, pin: Mapping[str, Any], error: BaseException) -> None:
    """Say why there is no answer, unless it was told before. A worker that stops is no reason: the job goes on."""
    stopped = isinstance(error, Unwanted) or steps.cancelled()
    if not stopped and not isinstance(error, Exception):
        return
    why = texts.CANCELLED if stopped else reason(error)
    try:
        now = pulls.load(context.store, pin["pull"]).precheck
        if now is not None and now.status == "running" and now.job == steps.job_id:
            context.publish(pin["pull"], replace(now, status="failed", failed=why))
    except Exception as silent:  # must not hide the first one
        error.add_note(f"and the pull request could not be told: {silent}")
