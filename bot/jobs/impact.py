"""What learning a pull request's leaves would do to the present model, told before anybody merges."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from bot import datasets, pulls
from bot.context import Context
from bot.engine.port import JSON, Steps
from bot.feedback import change_of, leaf_score, typical
from bot.jobs import asked
from bot.jobs.endings import superseded
from bot.jobs.lint import judge
from bot.jobs.preview import prompts_at_base
from bot.jobs.shown import ShownJob
from bot.jobs.watch import Watch
from bot.outcomes import Contrast, GroupScore, ImpactPart, LeafScore, LostLead
from bot.reading import read_pull
from bot.render import impact as render
from bot.render import texts
from bot.render import texts_models as words
from bot.render.escape import prose
from bot.render.reason import reason
from pipeline.evaluate.items import gate_items
from pipeline.evaluate.port import Item
from pipeline.gate import CALIBRATED, Row
from pipeline.generate import LeafDataset, Origin, generate, load_dataset
from pipeline.impact import ImpactError, ImpactReport, ImpactRequest, measure
from pipeline.models import resolve
from pipeline.present import present_model
from pipeline.recipe import load_recipe
from pipeline.taxonomy import read_leaves
from validators import Leaf

MOST_OTHERS = 96  # questions of leaves that others wrote, by hash: they cost as much time as one's own
JOB = ShownJob(words.IMPACT, words.IMPACT_RUNNING, words.IMPACT_FAILED, words.IMPACT_AGAIN, ImpactPart)
IN_CHECK = {"leaves": 20, "examples": 0, "chars": 400}


def run(context: Context, steps: Steps, payload: JSON) -> JSON:
    """Payload: {"pull", "sha": head that somebody allowed, "leaves"?: [path]}. Another head by now: nothing is done."""
    pin = steps.run("pin", lambda: asked.pin(context, payload))
    if pin["skip"]:
        return pin
    try:
        made = steps.run("generate", lambda: _generate(context, steps, pin))
        part = steps.run("measure", lambda: asdict(_measure(context, steps, pin, made)))
        return steps.run("tell", lambda: _tell(context, pin, part))
    except BaseException as error:  # a cancelled job unwinds by one that is no Exception
        JOB.end(context, steps, pin, error)
        raise


def _generate(context: Context, steps: Steps, pin: Mapping[str, Any]) -> dict[str, Any]:
    """{"keys": leaf key by path, "unread": [[path, why not]]}. As many samples as after the merge, so that the merge
    finds them made. Opens the check, too: a job that is retried says so."""
    JOB.start(context, steps, pin)
    read = read_pull(context.forge, pin["pull"], pin["sha"])
    if not judge(context, read, pin).ok:
        return {"keys": {}, "unread": [[path, words.IMPACT_FAULTS] for path in read.leaves]}
    chosen, unknown = asked.leaves_named(read.leaves, pin["leaves"])
    leaves, unread = asked.parsed(chosen, read.files)
    unread += [(path, texts.LEAF_UNKNOWN) for path in unknown]
    unread += [(leaf.path, words.IMPACT_ONE_SEED) for leaf in leaves if len(leaf.seeds) < 2]
    leaves = [leaf for leaf in leaves if len(leaf.seeds) >= 2]
    keys = {made.leaf: made.leaf_key for made in _samples(context, steps, pin, leaves)} if leaves else {}
    return {"keys": keys, "unread": [list(entry) for entry in unread]}


def _samples(context: Context, steps: Steps, pin: Mapping[str, Any], leaves: Sequence[Leaf]) -> Sequence[LeafDataset]:
    origin = Origin(commit=pin["sha"], pull=pin["pull"], author=pin["author"])
    with context.teachers.lease() as pool:
        return generate(
            [(leaf, origin) for leaf in leaves],
            pool=pool,
            store=context.store,
            target=context.settings.samples,
            progress=Watch(steps, context.settings.state_dir),
            documents=context.documents,
            prompts=prompts_at_base(context, pin),
            embedder=context.embedder,
        )


def _measure(context: Context, steps: Steps, pin: Mapping[str, Any], made: Mapping[str, Any]) -> ImpactPart:
    unread = tuple((path, why) for path, why in made["unread"])
    nothing = ImpactPart(pin["sha"], "done", unread=unread)
    if not made["keys"]:
        return nothing if unread else ImpactPart(pin["sha"], "failed", failed=words.IMPACT_NO_LEAF)
    settings, keys = context.settings, made["keys"]
    model = present_model(settings.state_dir, settings.student_model)
    request = ImpactRequest(
        pairs=_pairs(context, pin, keys),
        model=model,
        base=resolve(settings.student_model),
        recipe=load_recipe(settings.recipe),
        folder=settings.state_dir / "impact",
        others=_others(context, keys),
    )
    try:
        with context.teachers.closed():  # tuning wants the memory that a loaded teacher holds
            report = measure(
                request,
                trainer=context.trainer,
                evaluator=context.evaluator,
                store=context.store,
                progress=Watch(steps, settings.state_dir),
                embedder=context.embedder,
            )
    except ImpactError as error:
        return replace(nothing, unread=(*unread, *((path, reason(error, limit=500)) for path in keys)))
    return part_of(report, sha=pin["sha"], against=model.name, unread=unread)


def _pairs(context: Context, pin: Mapping[str, Any], keys: Mapping[str, str]) -> list[tuple[Leaf, LeafDataset]]:
    """The leaves with their datasets, which lie in the store since the step before."""
    read = read_pull(context.forge, pin["pull"], pin["sha"])
    leaves, _ = asked.parsed(sorted(keys), read.files)
    datasets_of = {leaf.path: load_dataset(context.store, keys[leaf.path]) for leaf in leaves}
    return [(leaf, dataset) for leaf in leaves if (dataset := datasets_of[leaf.path]) is not None]


def _others(context: Context, own: Collection[str]) -> list[Item]:
    """Held-out questions of the leaves on `main`, to see whether they suffer: `MOST_OTHERS` of them, by hash."""
    main = datasets.look(context)
    leaves = [leaf for leaf in read_leaves(main.repository, main.commit).leaves if leaf.path not in own]
    items = [item for leaf in leaves for item in gate_items(leaf)]
    chosen = sorted(items, key=lambda item: hashlib.sha256(item.id.encode()).digest())[:MOST_OTHERS]
    return sorted(chosen, key=lambda item: item.id)


def part_of(report: ImpactReport, *, sha: str, against: str, unread: tuple[tuple[str, str], ...]) -> ImpactPart:
    """What people are told of a report."""
    return ImpactPart(
        sha=sha,
        status="done",
        against=against,
        leaves=tuple(_leaf(report, row) for row in report.own),
        general=_group(report.general),
        others=_group(report.together),
        worse=tuple(_worse(report)),
        leads=tuple(LostLead(one.group, one.items, round(one.share, 4)) for one in report.leads),
        unread=unread,
        rows=report.trained,
    )


def _leaf(report: ImpactReport, row: Row) -> LeafScore:
    answered = [
        (one.change, Contrast(one.question, one.before, one.after))
        for one in report.answers
        if one.leaf == row.group and (one.before or one.after)
    ]
    return replace(leaf_score(row), example=typical(answered))


def _worse(report: ImpactReport) -> Iterable[GroupScore]:
    """What got worse by more than the gate lets pass, beyond chance over all that was looked at."""
    limits = ((report.others, CALIBRATED.leaf_margin), (report.kinds, CALIBRATED.category_margin))
    for rows, margin in limits:
        for row in rows:
            if row.significance < CALIBRATED.leaf_alpha and row.change.mean > margin:
                yield GroupScore(row.group, row.n, change_of(row.change))


def _group(row: Row | None) -> GroupScore | None:
    return GroupScore(row.group, row.n, change_of(row.change)) if row and row.units >= 2 else None


def _tell(context: Context, pin: Mapping[str, Any], made: Mapping[str, Any]) -> dict[str, Any]:
    pull = context.forge.pull(pin["pull"])
    if superseded(context, words.IMPACT, pin, pull):
        return {"superseded": pull.head_sha}
    part = pulls.impact_part(made)
    context.publish(pin["pull"], part, pull=pull)  # before the check ends: who waits for the check finds the comment
    if part.status == "failed":
        text = (words.IMPACT_TITLES["nothing"], prose(part.failed))
        JOB.conclude(context, pin, "neutral", text)
        return {"pull": pin["pull"], "sha": pin["sha"], "outcome": "nothing"}
    came = render.outcome(part)
    text = (words.IMPACT_TITLES[came], "\n\n".join(render.measured(part, **IN_CHECK)))
    JOB.conclude(context, pin, "success" if came == "better" else "neutral", text)
    return {"pull": pin["pull"], "sha": pin["sha"], "outcome": came}
