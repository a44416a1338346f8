"""How one leaf grows: its roots pass the stages side by side, and what is kept is decided in the order of the roots.

A dataset is a fold over the roots 0, 1, 2 … and the stored answers: which root ended first decides nothing. So a run
with 64 requests in flight, a run with one, and a run that was killed anywhere and begun again keep the same rows. What
the order of the roots decides is only whether a text is new, and where to stop; all else of a root goes on at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from pipeline.calibration import calibrate
from pipeline.flows import filters
from pipeline.flows.model import Calibration, Draft, Flow, Material, Stage, Unparsable, number
from pipeline.pool import Answer, Order, Pool
from pipeline.quality.checks import row_reason
from pipeline.quality.novelty import Embed, Novelty
from pipeline.teacher.port import ChatRequest, Completion

TRUST = 8  # rows that the flow's expected yield weighs beside what was seen
SATURATED = 0.05  # a stretch that keeps less than this share has nothing new to give
LEAST_STRETCH, LONGEST_STRETCH = 16, 64  # rows
MOST_ROWS = 12  # for each one that is wanted


@dataclass(slots=True)
class StageCost:
    """What the answers behind a leaf's rows cost their teacher, at the time when they were made."""

    requests: int = 0
    prompt_tokens: int = 0
    output_tokens: int = 0

    def add(self, completion: Completion) -> None:
        """Count one answer."""
        self.requests += 1
        self.prompt_tokens += completion.prompt_tokens
        self.output_tokens += completion.output_tokens


@dataclass(slots=True)
class Growth:
    """A leaf on its way. `drafts`: the rows of all decided roots, in order. `rows`: those that count for the target.

    `costs`: by stage, of those roots.

    `before`: roots that it took last time; as many begin at once, so that a run over the same answers asks no others.
    `examined`: keys of the calibration's requests; `unheard`: how many of them the teacher failed on.
    `requests`, `tokens`, `seconds`: what the teacher had to do now; seconds are the sum of times in flight.
    """

    flow: Flow
    material: Material
    target: int
    drafts: list[Draft] = field(default_factory=list)
    costs: dict[str, StageCost] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    rows: list[Draft] = field(default_factory=list)
    kept: int = 0
    before: int = 0
    unheard: int = 0
    examined: list[str] = field(default_factory=list)
    requests: int = 0
    tokens: int = 0
    seconds: float = 0.0


async def grow(growth: Growth, pool: Pool, order: Order, embed: Embed | None = None) -> None:
    """Grow until the target is reached, nothing new comes, or there are no more roots. `order`: lane and leaf.

    Raises `TeacherError`, `StoreError`, and what a stage's own code raises.
    """
    leaf = _Leaf(growth, pool, order, embed)
    try:
        await leaf.grow()
    finally:
        await leaf.stop()


class _Leaf:
    def __init__(self, growth: Growth, pool: Pool, order: Order, embed: Embed | None) -> None:
        self.growth = growth
        self.flow = growth.flow
        self.pool = pool
        self.order = order
        common = _common(growth.material)
        asked = [stage.name for stage in self.flow.stages if stage.new]
        # Meaning is compared once a row, by its question or context: it costs the most, and answers follow from those.
        self.known = {name: Novelty(common, embed if name == asked[0] else None) for name in asked}
        self.passed: dict[tuple[str, int], asyncio.Event] = {}
        self.costs: dict[int, dict[str, dict[str, Completion]]] = {}
        self.tasks: list[asyncio.Task[list[Draft]]] = []
        self.calibration: asyncio.Task[Calibration] | None = None

    async def grow(self) -> None:
        growth, decided = self.growth, 0
        most = self.flow.roots(growth.material)
        while not self._enough(decided, most):
            self._start(decided, most)
            drafts = sorted(await self.tasks[decided], key=lambda draft: draft.place)
            await asyncio.to_thread(self._pass_gates, drafts)  # milliseconds a row: the loop has others to serve
            self._decide(decided, drafts)
            decided += 1
        if self.calibration is not None:
            growth.material = replace(growth.material, calibration=await self.calibration)

    async def stop(self) -> None:
        """Roots beyond the last that counts leave no trace but their stored answers."""
        tasks: list[asyncio.Task[object]] = [*self.tasks, *([self.calibration] if self.calibration else [])]
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError, Exception):
                await task

    def _enough(self, decided: int, most: int | None) -> bool:
        growth = self.growth
        rows = growth.rows
        stretch = max(LEAST_STRETCH, min(LONGEST_STRETCH, 2 * growth.target))
        new = sum(draft.reason is None for draft in rows[-stretch:])
        if growth.kept >= growth.target:
            return True
        said = f"stopped at {growth.kept} of {growth.target} samples"
        if len(rows) >= stretch and new < SATURATED * stretch:
            growth.notes.append(f"{said}: {new} of the last {stretch} drafts were new and sound")
        elif most is not None and decided >= most:
            growth.notes.append(f"{said}: there is nothing more to ask about")
        elif len(rows) >= MOST_ROWS * (growth.target + 1):
            growth.notes.append(f"{said} after {len(rows)} drafts")
        else:
            return False
        return True

    def _start(self, decided: int, most: int | None) -> None:
        """Have as many roots on their way as will probably be needed: too many cost, too few leave the teacher idle."""
        growth = self.growth
        if decided < growth.before:
            self._begin(growth.before if most is None else min(most, growth.before))
            return
        rate = (growth.kept + TRUST * self.flow.expected) / (len(growth.rows) + TRUST)
        need = -int(-(growth.target - growth.kept) / (self.flow.per_root * max(rate, SATURATED)) // 1)
        self._begin(max(decided + 1, decided + need if most is None else min(most, decided + need)))

    def _begin(self, wanted: int) -> None:
        if self.calibration is None and self.flow.judge is not None:
            self.calibration = asyncio.create_task(self._calibrate())
        while len(self.tasks) < wanted:
            self.tasks.append(asyncio.create_task(self._root(len(self.tasks))))

    def _pass_gates(self, drafts: Sequence[Draft]) -> None:
        for draft in drafts:
            if draft.reason is None:
                draft.reason = row_reason(self.growth.material, draft, self.flow)

    def _decide(self, root: int, drafts: Sequence[Draft]) -> None:
        """Take a root's rows in; those beyond the target are left out, and so cost nothing to take in later."""
        growth = self.growth
        for draft in drafts:
            counts = draft.task == "qa"
            if counts and growth.kept >= growth.target:
                continue
            growth.drafts.append(draft)
            if counts:
                growth.rows.append(draft)
                growth.kept += draft.reason is None
        for stage, answers in self.costs.pop(root, {}).items():
            cost = growth.costs.setdefault(stage, StageCost())
            for completion in answers.values():
                cost.add(completion)

    async def _root(self, root: int) -> list[Draft]:
        try:
            drafts = [self.flow.start(self.growth.material, root)]
            for stretch in _stretches(self.flow.stages):
                drafts = await self._through(drafts, stretch)
                if stretch[-1].new:
                    await self._in_turn(root, stretch[-1], drafts)
            return drafts
        finally:
            for stage in self.flow.stages:
                self._turn(stage, root).set()

    async def _in_turn(self, root: int, stage: Stage, drafts: Sequence[Draft]) -> None:
        """Reject what an earlier root brought already, as soon as all earlier roots have come to this point."""
        if stage.new is None:
            return
        if root:
            await self._turn(stage, root - 1).wait()
        known = self.known[stage.name]
        for draft in sorted(drafts, key=lambda draft: draft.place):
            if draft.reason is None and draft.task in stage.tasks:
                text = stage.new(self.growth.material, draft)
                draft.reason = await asyncio.to_thread(known.reason, text) if text else None
                if text and draft.reason is None:
                    known.add(text)
        self._turn(stage, root).set()

    def _turn(self, stage: Stage, root: int) -> asyncio.Event:
        return self.passed.setdefault((stage.name, root), asyncio.Event())

    async def _through(self, drafts: Sequence[Draft], stages: Sequence[Stage]) -> list[Draft]:
        """Siblings through `stages`, each as soon as it can; rejected drafts stay where they are."""
        going = [draft for draft in drafts if draft.reason is None]
        gone = [draft for draft in drafts if draft.reason is not None]
        if not stages or not going:
            return list(drafts)
        stage, rest = stages[0], stages[1:]
        mine = [draft for draft in going if draft.task in stage.tasks]
        others = [draft for draft in going if draft.task not in stage.tasks]
        groups = [mine] if stage.scope == "siblings" and mine else [[draft] for draft in mine]

        async def go(group: list[Draft]) -> list[Draft]:
            return await self._through(await self._ask(stage, group, len(rest)), rest)

        ways = [go(group) for group in groups] + ([self._through(others, rest)] if others else [])
        arrived = await _all(ways)
        return gone + [draft for way in arrived for draft in way]

    async def _ask(self, stage: Stage, group: list[Draft], rest: int) -> list[Draft]:
        """One request for a group; a reply that cannot be read is asked for once more, by another seed."""
        material = self.growth.material
        if stage.judges and self.calibration is not None:
            material = replace(material, calibration=await asyncio.shield(self.calibration))
            if material.calibration and not material.calibration.believed:
                return group
        request = stage.request(material, group)
        for last in (False, True):
            completion = await self._answer(stage, group, request, rest)
            if completion.failed:
                for draft in group:
                    draft.failed = completion.finish_reason == "error"
                return _rejected(group, f"{stage.name}: {_failure(completion)}")
            try:
                made = list(stage.take(material, group, completion))
            except Unparsable as error:
                if last:
                    return _rejected(group, f"{stage.name}: the reply cannot be read: {error}")
                again = replace(request.sampling, seed=number(request.sampling.seed, "again"))
                request = replace(request, sampling=again)
                continue
            if completion.finish_reason == "length" and not stage.judges:
                _rejected(made, f"the {stage.name} was cut off at the length limit")
            return made
        raise AssertionError("unreachable")

    async def _answer(self, stage: Stage, group: Sequence[Draft], request: ChatRequest, rest: int) -> Completion:
        root = group[0].root
        # What is nearest to its end goes first, and what shares a prefix goes together: leaf, root, stage.
        answer = await self.pool.ask(request, (*self.order, root, rest))
        self._note(answer)
        for draft in group:
            draft.trace.append((stage.name, answer.key))
        self.costs.setdefault(root, {}).setdefault(stage.name, {})[answer.key] = answer.completion
        return answer.completion

    async def _calibrate(self) -> Calibration:
        judge = self.flow.judge
        if judge is None:
            raise AssertionError("a flow without a judge is not calibrated")

        async def ask(request: ChatRequest) -> Completion:
            answer = await self.pool.ask(request, (*self.order, -1, 0))
            self._note(answer)
            self.growth.examined.append(answer.key)
            self.growth.unheard += answer.completion.finish_reason == "error"
            self.growth.costs.setdefault("calibration", StageCost()).add(answer.completion)
            return answer.completion

        return await calibrate(self.growth.material, judge, ask)

    def _note(self, answer: Answer) -> None:
        if answer.made:
            self.growth.requests += 1
            self.growth.tokens += answer.completion.prompt_tokens + answer.completion.output_tokens
            self.growth.seconds += answer.seconds


async def _all(ways: Sequence[object]) -> list[list[Draft]]:
    """As `gather`, but what fails takes the others with it, so that nothing goes on unseen."""
    tasks = [asyncio.ensure_future(way) for way in ways]  # type: ignore[call-overload]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()


def _stretches(stages: Sequence[Stage]) -> list[list[Stage]]:
    """Stages, cut behind each one that looks for what is new."""
    found: list[list[Stage]] = [[]]
    for stage in stages:
        found[-1].append(stage)
        if stage.new:
            found.append([])
    return [stretch for stretch in found if stretch]


def _rejected(drafts: list[Draft], reason: str) -> list[Draft]:
    for draft in drafts:
        draft.reason = draft.reason or reason
    return drafts


def _failure(completion: Completion) -> str:
    word = "it can never be asked" if completion.finish_reason == "unfit" else "the teacher failed"
    return f"{word}: {completion.error}"


def _common(material: Material) -> frozenset[str]:
    """Words that the seeds share: they tell no two texts of this leaf apart."""
    contexts = [seed.context for seed in (*material.open, *material.held) if seed.context]
    kinds = (
        [*material.questions, *material.held_questions],
        [*material.answers, *material.held_answers],
        contexts,
    )
    return frozenset[str]().union(*(filters.common_words(texts) for texts in kinds))
