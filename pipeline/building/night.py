"""A whole night: plan, build, and where the build is held for harm, find the leaf that does it and build without it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from itertools import chain

from pipeline import facts, speeds
from pipeline.anchors import heldout_on_file, unanswered
from pipeline.blame import Blame, find_culprits, paired_effect, victim_items
from pipeline.building.attempt import Attempt, Night, all_items
from pipeline.building.champion import read_champion
from pipeline.building.request import BuildRequest, BuildResult, Progress, Tools
from pipeline.evaluate.kept import Weights, missing_items
from pipeline.evaluate.port import OTHER_BATCH, Evaluator, Item, Score, item_of
from pipeline.evaluate.sets import EvalSetError, read_sets
from pipeline.export import Exporter, export
from pipeline.files import write_durably
from pipeline.gate import CALIBRATED, WAIVABLE, Policy, Verdict
from pipeline.git import Access, Repository
from pipeline.impact import known_harm
from pipeline.leafdata import LeafDataset, Origin
from pipeline.ledger import Remote, catch_up
from pipeline.likeness import likeness
from pipeline.manifest import LiveLeaf, canonical
from pipeline.mixture import anchors_wanted
from pipeline.models import resolve
from pipeline.modes import BuildFacts, BuildPlan, plan_build, predict
from pipeline.quality.decontamination import EvalItem
from pipeline.quality.embedding import Embedder
from pipeline.quarantine import Quarantine, sentence, sift, to_json
from pipeline.recipe import Recipe
from pipeline.registry import Registry
from pipeline.scope import repeated
from pipeline.stages import BuildError, only_one
from pipeline.statistics import Interval
from pipeline.store.port import Store
from pipeline.tokens import token_counter
from pipeline.train.port import Trainer
from pipeline.victims import added
from pipeline.waivers import WaiverProblem, read_waivers
from validators import Leaf


def run_build(
    request: BuildRequest,
    *,
    trainer: Trainer,
    evaluator: Evaluator,
    store: Store,
    progress: Progress,
    exporter: Exporter = export,
    embedder: Embedder | None = None,
    policy: Policy = CALIBRATED,
) -> BuildResult:
    """Build, judge and perhaps promote. `embedder`: finds rows of one meaning; None looks at words alone.

    Raises `BuildError`, and what the stages raise: `ModelError`, `TrainError`, `EvaluateError`, `ExportError`,
    `LedgerError`, `RegistryError`, `QuarantineError`, `StoreError`. After any of them the same call goes on from the
    last finished stage, and the champion is what it was.
    """
    with only_one(request.state):
        return _Night(request, Tools(trainer, evaluator, store, progress, exporter, embedder, policy)).run()


def plan_night(request: BuildRequest, tools: Tools) -> BuildPlan:
    """Which build the night would get, and why; nothing is built. Raises as `run_build`."""
    with only_one(request.state):
        return _Night(request, tools).plan()


def live_leaves(leaves: Sequence[tuple[Leaf, Origin]], datasets: Sequence[LeafDataset]) -> list[LiveLeaf]:
    """Leaves that have a dataset, with it, sorted by path. Raises `BuildError` when there are none."""
    by_path = {dataset.leaf: dataset for dataset in datasets}
    live = [LiveLeaf(leaf, origin, by_path[leaf.path]) for leaf, origin in leaves if leaf.path in by_path]
    if not live:
        raise BuildError("no leaf has a dataset, so there is nothing to learn; generate first")
    return sorted(live, key=lambda entry: entry.leaf.path)


class _Night:
    def __init__(self, request: BuildRequest, tools: Tools) -> None:
        self.request, self.tools = request, tools
        if request.push_url:
            catch_up(request.mirror, Remote(request.push_url, Access(token=request.token())))
        repository = Repository(request.mirror)
        waivers, self.problems = read_waivers(repository, request.commit, request.today, checks=WAIVABLE)
        registry = Registry(request.state / "registry")
        champion = registry.aliases().champion
        recipe = request.recipe.resolved()
        self.night = Night(
            request=request,
            tools=tools,
            base=resolve(request.student),
            recipe=recipe,
            registry=registry,
            champion=read_champion(request.state / "builds", champion) if champion else None,
            eval_sets=_eval_sets(recipe),
            waivers=waivers,
        )
        self.quarantine = Quarantine(request.state / "registry", request.mirror)
        every = live_leaves(request.leaves, request.datasets)
        keys = {entry.leaf.path: entry.dataset.leaf_key for entry in every}
        self.apart, ended = sift(self.quarantine.entries(), keys, request.today, waivers)
        self.quarantine.end(ended)
        self.live = _without(every, [entry.leaf for entry in self.apart])
        if not self.live:
            raise BuildError("every leaf is quarantined, so there is nothing to learn; `seedbed quarantine` lists them")

    def run(self) -> BuildResult:
        plan = self.plan()
        attempt = self._repeated() or self._attempt(self.live, plan)
        verdict = attempt.verdict()
        blame = self._blame(attempt, verdict, plan)
        if blame is None or not blame.attributable:
            return self._concluded(attempt, plan, blame=blame)
        self._concluded(attempt, plan, blame=blame)  # what was held is recorded as it is
        keys = {entry.leaf.path: entry.dataset.leaf_key for entry in attempt.live}
        self.quarantine.add(sentence(blame, keys, build=attempt.id, today=self.request.today))
        culprits = [culprit.leaf for culprit in blame.culprits]
        self.apart = (*self.apart, *(one for one in self.quarantine.entries() if one.leaf in culprits))
        again = self._attempt(_without(attempt.live, culprits), plan)
        return self._concluded(again, plan, blocked=verdict, blame=blame)

    def _repeated(self) -> Attempt | None:
        """The champion's own attempt, where nothing has changed since: it costs nothing again."""
        champion = self.night.champion
        if champion is None:
            return None
        inputs = champion.inputs
        attempt = Attempt(
            self.night, self.live, inputs.get("mode", "full"), inputs["taxonomy_commit"], inputs.get("parent")
        )
        return attempt if attempt.id == champion.id else None

    def _attempt(self, live: Sequence[LiveLeaf], plan: BuildPlan) -> Attempt:
        champion = self.night.champion
        parent = champion.id if plan.mode == "incremental" and champion else None
        return Attempt(self.night, live, plan.mode, self.request.commit, parent)

    def plan(self) -> BuildPlan:
        """Full or incremental, and why."""
        request, night = self.request, self.night
        pairs = [(entry.leaf, entry.dataset) for entry in self.live]
        anchors = heldout_on_file(night.base.digest, self.tools.store)
        items = all_items(self.live, anchors, night.recipe, audit=True)
        base = Weights(night.base.path, night.base.digest)
        incumbent = night.champion.weights(night.base) if night.champion else base
        tokenizer = night.base.path / "tokenizer.json"
        known = facts.facts_of(
            pairs,
            night.recipe,
            items,
            weekday=request.today.weekday(),
            base_digest=night.base.digest,
            champion=night.champion.manifest if night.champion else None,
            unanswered=unanswered(night.base.digest, self.tools.store, wanted=anchors_wanted(pairs, night.recipe)),
            base_lacks=missing_items(base, items, self.tools.store),
            again=missing_items(incumbent, repeated(items), self.tools.store, batch=OTHER_BATCH),
            count=token_counter(tokenizer if tokenizer.exists() else None),
        )
        measured = speeds.load_speeds(request.state / "registry", self._speeds_name(), self._first_speeds())
        return _chosen(request, known, measured)

    def _speeds_name(self) -> str:
        return speeds.speeds_name(self.night.base.digest, self.night.recipe)

    def _first_speeds(self) -> speeds.Speeds:
        try:
            parameters = speeds.parameters_of(self.night.base.path)
        except (OSError, ValueError, KeyError):
            return speeds.first_speeds(threads=self.night.recipe.threads)
        return speeds.first_speeds(parameters, self.night.recipe.threads) if parameters else speeds.first_speeds()

    def _learn_speeds(self, attempt: Attempt, plan: BuildPlan) -> None:
        """Put the times of this night's stages into the planner's experience."""
        folder, name = self.request.state / "registry", self._speeds_name()
        known = speeds.load_speeds(folder, name, self._first_speeds())
        for stage, seconds in attempt.seconds.items():
            if (work := plan.work.get(stage)) and known.seconds(work) > 0 and seconds > 0:
                known = known.observed(work, seconds)
        speeds.save_speeds(folder, name, known)

    def _blame(self, attempt: Attempt, verdict: Verdict, plan: BuildPlan) -> Blame | None:
        """Which leaves a held build is to be built without; None where it was not held for harm, or nobody looks."""
        if verdict.decision != "HOLD" or not verdict.harmed or not attempt.changed or self.request.blame_runs < 1:
            return None
        keys = {entry.leaf.path: entry.dataset.leaf_key for entry in attempt.live}
        suspects = {path: keys[path] for path in sorted(attempt.changed)}
        attempts: dict[frozenset[str], Attempt] = {frozenset(): attempt}

        def without(excluded: frozenset[str]) -> Verdict:
            rest = _without(attempt.live, excluded)
            if not rest:
                return _harmless(verdict)
            if excluded not in attempts:
                attempts[excluded] = self._attempt(rest, plan)
            return attempts[excluded].verdict()

        def effect(with_it: frozenset[str], without_it: frozenset[str], victims: tuple[str, ...]) -> Interval | None:
            return _effect(attempts.get(with_it), attempts.get(without_it), victims)

        blame = find_culprits(
            sorted(suspects),
            known_harm(self.tools.store, suspects, verdict.harmed),
            without,
            most_runs=self.request.blame_runs,
            likeness=_likeness(attempt, verdict.harmed),
            effect_of=effect,
        )
        write_durably(attempt.folder / "blame.json", canonical(asdict(blame)))
        return blame

    def _concluded(
        self, attempt: Attempt, plan: BuildPlan, *, blocked: Verdict | None = None, blame: Blame | None = None
    ) -> BuildResult:
        verdict, commit = attempt.conclude(to_json(self.quarantine.entries()))
        self._learn_speeds(attempt, plan)
        rejected = self.night.registry.rejection(attempt.id)
        changed = verdict.decision == "PROMOTE" and self.night.registry.aliases().champion == attempt.id
        self.tools.progress(f"build {attempt.id}: {verdict.decision}", 1.0)
        return BuildResult(
            verdict=verdict,
            build_id=attempt.id,
            folder=attempt.folder,
            champion_changed=changed,
            ledger_commit=commit,
            plan=plan,
            made=tuple(attempt.stages.made),
            blocked=blocked,
            blame=blame,
            quarantined=self.apart,
            problems=tuple(chain(map(_told, self.problems), [rejected] if rejected else [])),
        )


def _chosen(request: BuildRequest, known: BuildFacts, measured: speeds.Speeds) -> BuildPlan:
    """The planner's choice, or the mode that was asked for. Raises `BuildError`."""
    if request.mode == "auto":
        return plan_build(known, measured, request.budget_s)
    if request.mode == "incremental" and (known.champion is None or known.base_changed):
        raise BuildError("there is no champion on this base to go on from; build full first")
    plan = predict(request.mode, known, measured)
    return BuildPlan(plan.mode, f"{plan.mode}: as asked", plan.seconds, plan.tokens, plan.parts, plan.work)


def _without(live: Sequence[LiveLeaf], paths: Sequence[str] | frozenset[str]) -> list[LiveLeaf]:
    return [entry for entry in live if entry.leaf.path not in paths]


def _harmless(verdict: Verdict) -> Verdict:
    """Of a build without any leaf: nothing is learnt, so nothing is harmed."""
    return Verdict("HOLD", ("No leaf is left.",), (), verdict.against, verdict.build_id)


def _likeness(attempt: Attempt, victims: Sequence[str]) -> dict[str, float]:
    """How like each changed leaf is to the victims' questions, as far as these got worse beside the incumbent."""
    rows = attempt.rows()
    items = {row["id"]: item_of(row) for row in rows}
    before = {row["id"]: Score(**row.get("champion", row["base"])) for row in rows}
    harm = added(victim_items(items.values(), victims), attempt.candidate_scores(), before, victims)
    asked = {name: " ".join([of.question, of.reference, *of.choices]) for name, of in items.items() if name in harm}
    return likeness(attempt.taught(), [(asked[name], nats) for name, nats in harm.items()])


def _effect(with_it: Attempt | None, without_it: Attempt | None, victims: Sequence[str]) -> Interval | None:
    """What the leaves that the second leaves out add on the victims' items; None where one of them was not built."""
    if with_it is None or without_it is None:
        return None
    before, after = without_it.candidate_scores(), with_it.candidate_scores()
    asked = [row for row in with_it.rows() if row["id"] in before]
    items = [Item(row["id"], row["suite"], row["group"], "", "", row["cluster"]) for row in asked]
    hurt = victim_items(items, victims)
    return paired_effect(hurt, after, before, victims=victims, seed=with_it.id) if hurt else None


def _eval_sets(recipe: Recipe) -> list[EvalItem]:
    try:
        return read_sets(recipe.eval_sets)
    except EvalSetError as error:
        raise BuildError(str(error)) from error


def _told(problem: WaiverProblem) -> str:
    return f"This waiver waives nothing: {problem}"
