"""What the teacher would make of a pull request's leaves, shown in the sticky comment before anybody merges."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from bot import pulls
from bot.context import Context
from bot.engine.port import JSON, Steps
from bot.events import external_id
from bot.forge.port import Conclusion
from bot.jobs.lint import judge, superseded
from bot.jobs.watch import Watch
from bot.pulls import SHOWN_KEPT, LeafPreview, PreviewPart, Shown
from bot.reading import read_pull
from bot.render import checks, texts
from bot.render.escape import one_line, prose
from pipeline.generate import LeafDataset, Origin, generate
from pipeline.samples import Sample
from validators import Leaf, LeafError, parse_leaf

SHOWN_CHARS = 1000  # of each text in the stored state; the page shows all


def run(context: Context, steps: Steps, payload: JSON) -> JSON:
    """Payload: {"pull": number, "sha": head that somebody allowed}. Another head by now: nothing is done."""
    pin = steps.run("pin", lambda: _pin(context, payload))
    if pin["skip"]:
        return pin
    try:
        steps.run("start", lambda: _start(context, steps, pin))
        part = steps.run("generate", lambda: _generate(context, steps, pin))
        return steps.run("tell", lambda: _tell(context, pin, part))
    except Exception as error:
        _give_up(context, pin, error)
        raise


def _pin(context: Context, payload: Mapping[str, Any]) -> dict[str, Any]:
    number, sha = int(payload["pull"]), str(payload["sha"])
    pull = context.forge.pull(number)
    pin = {"pull": number, "sha": sha, "base": pull.base_sha, "author": pull.author, "skip": ""}
    if pull.state != "open":
        return pin | {"skip": "the pull request is closed"}
    if pull.head_sha != sha:
        return pin | {"skip": f"superseded by {pull.head_sha}"}
    return pin


def _start(context: Context, steps: Steps, pin: Mapping[str, Any]) -> None:
    check = checks.check(
        texts.PREVIEW, pin["sha"], _external(context, pin), texts.PREVIEW_RUNNING, url=_url(context, pin)
    )
    context.forge.ensure_check(check)
    context.publish(pin["pull"], PreviewPart(sha=pin["sha"], status="running", job=steps.job_id))


def _generate(context: Context, steps: Steps, pin: Mapping[str, Any]) -> dict[str, Any]:
    """Judged again, as a maintainer may ask for samples of files that were never checked."""
    read = read_pull(context.forge, pin["pull"], pin["sha"], context.fetch)
    if not judge(context, read, pin).ok:
        skipped = tuple(LeafPreview(path, skipped="the findings must be mended first") for path in read.leaves)
        return asdict(PreviewPart(pin["sha"], "done", leaves=skipped))
    leaves, unreadable = _parse(read.leaves, read.files)
    if not leaves:
        return asdict(PreviewPart(pin["sha"], "done", leaves=tuple(unreadable)))
    origin = Origin(commit=pin["sha"], pull=pin["pull"], author=pin["author"])
    with context.teachers.lease() as teacher:
        datasets = generate(
            [(leaf, origin) for leaf in leaves],
            teacher=teacher,
            responses=context.responses,
            store=context.store,
            target=context.settings.preview_samples,
            progress=Watch(steps, context.settings.state_dir),
            documents=context.documents,
        )
        name = teacher.name
    made = [*(_leaf(d) for d in datasets), *unreadable]
    return asdict(PreviewPart(pin["sha"], "done", name, tuple(sorted(made, key=lambda leaf: leaf.path))))


def _parse(paths: Sequence[str], files: Mapping[str, bytes]) -> tuple[list[Leaf], list[LeafPreview]]:
    leaves, unreadable = [], []
    for path in paths:
        try:
            leaves.append(parse_leaf(f"{path}/qna.yaml", files))
        except LeafError as error:
            unreadable.append(LeafPreview(path, skipped=one_line(str(error), limit=300)))
    return leaves, unreadable


def _leaf(dataset: LeafDataset) -> LeafPreview:
    reasons = Counter(s.reason or "no reason given" for s in dataset.rejected)
    return LeafPreview(
        path=dataset.leaf,
        key=dataset.leaf_key,
        kept=len(dataset.samples),
        rejected=len(dataset.rejected),
        shown=tuple(_shown(s) for s in dataset.samples[:SHOWN_KEPT]),
        dropped=tuple(_shown(s) for s in dataset.rejected[:SHOWN_KEPT]),
        reasons=tuple(sorted(reasons.items(), key=lambda item: (-item[1], item[0]))),
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
    text = (texts.KEPT.format(kept=kept, rejected=rejected), texts.ALL_SAMPLES.format(url=_url(context, pin)))
    context.publish(pin["pull"], part)  # before the check ends: whoever waits for the check finds the comment
    _conclude(context, pin, "success" if kept else "neutral", text)
    return {"pull": pin["pull"], "sha": pin["sha"], "kept": kept, "rejected": rejected}


def _give_up(context: Context, pin: Mapping[str, Any], error: Exception) -> None:
    reason = one_line(str(error) or type(error).__name__, limit=1000)
    try:
        if context.forge.check(texts.PREVIEW, pin["sha"], _external(context, pin)) not in (None, "in_progress"):
            return
        _conclude(context, pin, "failure", (texts.PREVIEW_FAILED, f"{prose(reason)}\n\n{texts.AGAIN_PREVIEW}"))
        context.publish(pin["pull"], PreviewPart(sha=pin["sha"], status="failed", failed=reason))
    except Exception as silent:  # must not hide the first one
        error.add_note(f"and the pull request could not be told: {silent}")


def _conclude(context: Context, pin: Mapping[str, Any], conclusion: Conclusion, text: tuple[str, str]) -> None:
    external, url = _external(context, pin), _url(context, pin)
    context.forge.ensure_check(checks.check(texts.PREVIEW, pin["sha"], external, text, conclusion=conclusion, url=url))


def _external(context: Context, pin: Mapping[str, Any]) -> str:
    return external_id(context.forge.repository, pin["pull"])


def _url(context: Context, pin: Mapping[str, Any]) -> str:
    return context.page(pin["pull"])
