"""The nightly build of the head of `main`, and what its verdict means to each contributor."""

from __future__ import annotations

from collections.abc import Mapping
from math import exp
from typing import Any

from bot import datasets, pulls
from bot.context import Context
from bot.datasets import Main, Record
from bot.engine.port import JSON, Steps
from bot.jobs import merge
from bot.jobs.watch import Watch
from bot.pulls import BuildPart, LeafScore
from pipeline.build import BuildRequest, run_build
from pipeline.gate import Verdict
from pipeline.generate import Origin
from pipeline.recipe import load_recipe
from pipeline.stages import BuildError
from pipeline.taxonomy import read_leaves
from validators import Leaf


def run(context: Context, steps: Steps, payload: JSON) -> JSON:
    """Make what is missing, build, tell. The payload is not read: a build is of what `main` is now."""
    steps.run("generate", lambda: merge.ensure(context, steps))
    built = steps.run("build", lambda: _build(context, steps))
    told = steps.run("tell", lambda: _tell(context, built))
    return {name: value for name, value in built.items() if name not in ("scores", "pulls")} | {"told": told}


def _build(context: Context, steps: Steps) -> dict[str, Any]:
    main = datasets.look(context)
    if main.record is None:
        raise BuildError("main moved while its samples were made; the next build takes it in")
    settings, record = context.settings, main.record
    leaves = _leaves(main, record)
    lone = {leaf.path for leaf, _ in leaves if len(leaf.seeds) < 2}  # all held out: nothing could be learnt
    request = BuildRequest(
        mirror=main.repository.path,
        commit=main.commit,
        state=settings.state_dir,
        student=settings.student_model,
        recipe=load_recipe(settings.recipe),
        datasets=[dataset for dataset in datasets.load_all(context, record) if dataset.leaf not in lone],
        leaves=leaves,
        push_url=context.forge.clone_url,
        token=context.forge.git_token,  # asked at the push: an App's lives for an hour
    )
    with context.teachers.closed():  # tuning wants the memory that a loaded teacher holds
        result = run_build(
            request,
            trainer=context.trainer,
            evaluator=context.evaluator,
            store=context.store,
            progress=Watch(steps, settings.state_dir),
            embedder=context.embedder,
        )
    return {
        "build": result.build_id,
        "commit": main.commit,
        "decision": result.verdict.decision,
        "promoted": result.champion_changed,
        "reasons": list(result.verdict.reasons),
        "ledger": result.ledger_commit,
        "scores": _scores(result.verdict),
        "pulls": {str(number): [leaf.path for leaf in record.made(number)] for number in record.pulls},
    }


def _leaves(main: Main, record: Record) -> list[tuple[Leaf, Origin]]:
    origins = {leaf.path: Origin(leaf.commit, leaf.pull, leaf.author) for leaf in record.leaves}
    return [(leaf, origins[leaf.path]) for leaf in read_leaves(main.repository, main.commit).leaves]


def _scores(verdict: Verdict) -> dict[str, list[float]]:
    """By leaf: the mean probability of a token of the reference answer, before and after."""
    return {row.group: [exp(-row.before), exp(-row.after)] for row in verdict.rows if row.suite == "heldout"}


def _tell(context: Context, built: Mapping[str, Any]) -> list[int]:
    """Each merged pull request, until a promoted build has learned from it; then it is left in peace."""
    told = []
    for number, paths in sorted((int(number), paths) for number, paths in built["pulls"].items()):
        said = pulls.load(context.store, number).build if pulls.known(context.store, number) else None
        if not pulls.known(context.store, number) or (said is not None and said.promoted):
            continue
        scores = tuple(LeafScore(path, *built["scores"][path]) for path in paths if path in built["scores"])
        part = BuildPart(built["build"], built["promoted"], " ".join(built["reasons"]), scores)
        if part != said:
            context.publish(number, part)
            told.append(number)
    return told
