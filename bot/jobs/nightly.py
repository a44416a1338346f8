"""The nightly build of the head of `main`, and what its verdict means to each contributor."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import Any

from bot import datasets, feedback, pulls
from bot.context import Context
from bot.datasets import Main, Record
from bot.engine.port import JSON, Steps
from bot.jobs import merge
from bot.jobs.watch import Watch
from bot.releasing import publish_build
from bot.settings import SettingsError
from pipeline.building import BuildError, BuildRequest, BuildResult, Tools, plan_night, run_build, verify
from pipeline.building.request import ModeAsked
from pipeline.generate import Origin
from pipeline.publishing.port import PublishError
from pipeline.recipe import load_recipe
from pipeline.taxonomy import read_leaves
from validators import Leaf

log = logging.getLogger(__name__)


def run(context: Context, steps: Steps, payload: JSON) -> JSON:
    """Make what is missing, build, publish, tell: a build is of what `main` is now.

    Payload: {"mode"?: "auto", "full" or "incremental"}; or {"plan": true}, to say what the night would be; or
    {"verify": build id}, to build an old build again and compare.
    """
    if name := payload.get("verify"):
        return steps.run("verify", lambda: _verify(context, steps, name))
    today = steps.run("day", lambda: datetime.now(UTC).date().isoformat())  # one night has one date, also when resumed
    steps.run("generate", lambda: merge.ensure(context, steps))
    asked = (date.fromisoformat(today), payload.get("mode", "auto"))
    if payload.get("plan"):
        return steps.run("plan", lambda: _plan(context, steps, *asked))
    built = steps.run("build", lambda: _build(context, steps, *asked))
    if built["promoted"]:
        built |= {"published": steps.run("publish", lambda: _publish(context, steps, built["build"]))}
    told = steps.run("tell", lambda: _tell(context, built))
    return {name: value for name, value in built.items() if name != "parts"} | {"told": told}


def _build(context: Context, steps: Steps, today: date, mode: ModeAsked) -> dict[str, Any]:
    main, record = _main(context)
    tools = _tools(context, steps)
    with context.teachers.closed():  # tuning wants the memory that a loaded teacher holds
        result = run_build(
            _request(context, main, record, today, mode),
            trainer=tools.trainer,
            evaluator=tools.evaluator,
            store=tools.store,
            progress=tools.progress,
            embedder=tools.embedder,
        )
    return _told(context, result, record, main.commit)


def _plan(context: Context, steps: Steps, today: date, mode: ModeAsked) -> dict[str, Any]:
    main, record = _main(context)
    plan = plan_night(_request(context, main, record, today, mode), _tools(context, steps))
    return {"commit": main.commit, "plan": plan.to_json()}


def _verify(context: Context, steps: Steps, name: str) -> dict[str, Any]:
    main, record = _main(context)
    with context.teachers.closed():
        found = verify(_request(context, main, record, date.min, "auto"), name, _tools(context, steps))
    return {"build": name, "holds": found.holds, **asdict(found)}


def _main(context: Context) -> tuple[Main, Record]:
    main = datasets.look(context)
    if main.record is None:
        raise BuildError("main moved while its samples were made; the next build takes it in")
    return main, main.record


def _tools(context: Context, steps: Steps) -> Tools:
    watch = Watch(steps, context.settings.state_dir)
    return Tools(context.trainer, context.evaluator, context.store, watch, embedder=context.embedder)


def _request(context: Context, main: Main, record: Record, today: date, mode: ModeAsked) -> BuildRequest:
    settings = context.settings
    leaves = _leaves(main, record)
    lone = {leaf.path for leaf, _ in leaves if len(leaf.seeds) < 2}  # all held out: nothing could be learnt
    return BuildRequest(
        mirror=main.repository.path,
        commit=main.commit,
        state=settings.state_dir,
        student=settings.student_model,
        recipe=load_recipe(settings.recipe),
        datasets=[dataset for dataset in datasets.load_all(context, record) if dataset.leaf not in lone],
        leaves=leaves,
        today=today,
        push_url=context.forge.clone_url,
        token=context.forge.git_token,  # asked at the push: an App's lives for an hour
        mode=mode,
        budget_s=60.0 * settings.night_minutes,
        blame_runs=settings.blame_runs,
    )


def _told(context: Context, result: BuildResult, record: Record, commit: str) -> dict[str, Any]:
    """What the job keeps of a build, and what each pull request will be told of it."""
    settings = context.settings
    brought = {number: [leaf.path for leaf in record.made(number)] for number in record.pulls}
    return {
        "build": result.build_id,
        "commit": commit,
        "decision": result.verdict.decision,
        "promoted": result.champion_changed,
        "reasons": list(result.verdict.reasons),
        "ledger": result.ledger_commit,
        "mode": result.plan.mode,
        "why": result.plan.why,
        "quarantined": [entry.leaf for entry in result.quarantined],
        "blamed": [asdict(culprit) for culprit in result.blame.culprits] if result.blame else [],
        "problems": list(result.problems),
        "parts": feedback.build_parts(
            result.verdict,
            _judged(result),
            brought,
            promoted=result.champion_changed,
            quarantined=result.quarantined,
            url=feedback.ledger_url(settings.forge_url, settings.repository, result.ledger_commit),
        ),
    }


def _judged(result: BuildResult) -> Iterable[Mapping[str, Any]]:
    path = result.folder / "scores.json"
    rows: list[dict[str, Any]] = json.loads(path.read_bytes()) if path.exists() else []
    return rows


def _leaves(main: Main, record: Record) -> list[tuple[Leaf, Origin]]:
    origins = {leaf.path: Origin(leaf.commit, leaf.pull, leaf.author) for leaf in record.leaves}
    return [(leaf, origins[leaf.path]) for leaf in read_leaves(main.repository, main.commit).leaves]


def _publish(context: Context, steps: Steps, build: str) -> dict[str, str]:
    """By place, "" or why it was refused: `seedbed publish` tries again. The champion is served all the same."""
    settings = context.settings
    try:
        with context.teachers.closed():  # released files are loaded and scored
            publication = publish_build(settings, settings.state_dir, build, progress=Watch(steps, settings.state_dir))
    except (PublishError, SettingsError) as error:
        log.warning("build %s was not published: %s", build, error)
        return {"": str(error)}
    refused = {"": publication.problem} if publication.problem else {}
    return {target.name: target.reason for target in publication.targets} | refused


def _tell(context: Context, built: Mapping[str, Any]) -> list[int]:
    """Each merged pull request, until a promoted build has learned from it; then it is left in peace."""
    told = []
    for number, plain in sorted((int(number), plain) for number, plain in built["parts"].items()):
        if not pulls.known(context.store, number):
            continue
        said = pulls.load(context.store, number).build
        part = pulls.build_part(plain)
        if feedback.settled(said) or part == said:
            continue
        context.publish(number, part)
        told.append(number)
    return told
