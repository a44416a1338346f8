"""What the teacher would make of a pull request's leaves, shown in the sticky comment before anybody merges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from bot import pulls
from bot.context import Context
from bot.engine.port import JSON, Steps
from bot.jobs import asked, documents
from bot.jobs.endings import superseded
from bot.jobs.lint import judge
from bot.jobs.shown import ShownJob
from bot.jobs.watch import Watch
from bot.pulls import SHOWN_KEPT, LeafPreview, PreviewPart, Shown
from bot.reading import read_pull
from bot.render import checks, texts
from bot.render.documents import blocks as document_blocks
from pipeline.flows.prompts import MAX_BYTES, Prompts, prompt_name, prompts_of
from pipeline.generate import LeafDataset, Origin, generate
from pipeline.pool import PREVIEW
from pipeline.samples import Sample

MOST_SAMPLES = 100  # of one leaf, whatever was asked
SHOWN_CHARS = 1000  # of each text in the stored state; the page shows all
JOB = ShownJob(texts.PREVIEW, texts.PREVIEW_RUNNING, texts.PREVIEW_FAILED, texts.AGAIN_PREVIEW, PreviewPart)


def run(context: Context, steps: Steps, payload: JSON) -> JSON:
    """Payload: {"pull", "sha": head that somebody allowed, "leaves"?: [path], "n"?: samples of each leaf}.

    Another head by now: nothing is done.
    """
    pin = steps.run("pin", lambda: _pin(context, payload))
    if pin["skip"]:
        return pin
    try:
        part = steps.run("generate", lambda: _generate(context, steps, pin))
        return steps.run("tell", lambda: _tell(context, pin, part))
    except BaseException as error:  # a cancelled job unwinds by one that is no Exception
        JOB.end(context, steps, pin, error)
        raise


def _pin(context: Context, payload: Mapping[str, Any]) -> dict[str, Any]:
    return asked.pin(context, payload) | {"n": payload.get("n") or context.settings.preview_samples}


def _generate(context: Context, steps: Steps, pin: Mapping[str, Any]) -> dict[str, Any]:
    """Judged again, as a maintainer may ask for samples of files that were never checked.

    Opens the check, too: a job that is retried says so.
    """
    JOB.start(context, steps, pin)
    read = read_pull(context.forge, pin["pull"], pin["sha"])
    if not judge(context, read, pin).ok:
        skipped = tuple(LeafPreview(path, skipped="the findings must be mended first") for path in read.leaves)
        return asdict(PreviewPart(pin["sha"], "done", leaves=skipped))
    chosen, unknown = asked.leaves_named(read.leaves, pin["leaves"])
    leaves, unread = asked.parsed(chosen, read.files)
    unreadable = [LeafPreview(path, skipped=why) for path, why in unread]
    unreadable += [LeafPreview(path, skipped=texts.LEAF_UNKNOWN) for path in unknown]
    if not leaves:
        return asdict(PreviewPart(pin["sha"], "done", leaves=tuple(unreadable)))
    documents.tell(context, steps, pin, leaves)
    origin = Origin(commit=pin["sha"], pull=pin["pull"], author=pin["author"])
    with context.teachers.lease() as pool:
        datasets = generate(
            [(leaf, origin) for leaf in leaves],
            pool=pool,
            store=context.store,
            target=min(int(pin["n"]), MOST_SAMPLES),
            progress=Watch(steps, context.settings.state_dir),
            documents=context.documents,
            prompts=prompts_at_base(context, pin),
            lane=PREVIEW,
            embedder=context.embedder,
        )
        name = pool.teacher.name
    made = [*(_leaf(d) for d in datasets), *unreadable]
    return asdict(PreviewPart(pin["sha"], "done", name, tuple(sorted(made, key=lambda leaf: leaf.path))))


def prompts_at_base(context: Context, pin: Mapping[str, Any]) -> Prompts:
    """Those at the base commit: a pull request that brings others is not judged by them."""
    tree = context.forge.tree(pin["base"])
    paths = [path for path in sorted(tree.entries) if prompt_name(path)]
    files = {path: context.forge.file(pin["base"], path, limit=MAX_BYTES) for path in paths}
    return prompts_of({path: content for path, content in files.items() if content is not None})


def _leaf(dataset: LeafDataset) -> LeafPreview:
    rejected = dataset.rejected
    return LeafPreview(
        path=dataset.leaf,
        key=dataset.leaf_key,
        kept=len(dataset.samples),
        rejected=len(rejected),
        shown=tuple(_shown(s) for s in dataset.samples[:SHOWN_KEPT]),
        dropped=tuple(_shown(s) for s in rejected[:SHOWN_KEPT]),
        reasons=tuple(dataset.report.reasons.items()),
        notes=dataset.notes,
    )


def _shown(sample: Sample) -> Shown:
    return Shown(sample.question[:SHOWN_CHARS], sample.answer[:SHOWN_CHARS], sample.reason or "")


def _tell(context: Context, pin: Mapping[str, Any], made: Mapping[str, Any]) -> dict[str, Any]:
    pull = context.forge.pull(pin["pull"])
    if superseded(context, texts.PREVIEW, pin, pull):
        return {"superseded": pull.head_sha}
    part = pulls.preview_part(made)
    kept = sum(leaf.kept for leaf in part.leaves)
    rejected = sum(leaf.rejected for leaf in part.leaves)
    title = checks.kept(part.leaves) if kept or rejected else texts.PREVIEW_NOTHING
    text = (title, "\n\n".join([texts.ALL_SAMPLES.format(url=context.page(pin["pull"])), *_documents(context, pin)]))
    context.publish(pin["pull"], part, pull=pull)  # before the check ends: who waits for the check finds the comment
    JOB.conclude(context, pin, "success" if kept else "neutral", text)
    return {"pull": pin["pull"], "sha": pin["sha"], "kept": kept, "rejected": rejected}


def _documents(context: Context, pin: Mapping[str, Any]) -> Iterator[str]:
    return document_blocks(documents.at_head(context, pin), leaves=20, places=20, chars=400)
