"""One teacher out of many: Ray actors on the GPUs of one or many machines, each with the same engine and model."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.child import JSON
from pipeline.teacher.closing import InFlight
from pipeline.teacher.hosted import TeacherSpec
from pipeline.teacher.port import ChatRequest, Completion, Form, TeacherError
from pipeline.teacher.ray_actor import EngineActor, Facts
from pipeline.teacher.routing import choose, prefix_of
from pipeline.teacher.words import one_line

log = logging.getLogger(__name__)

LOAD_S = 1800.0
"""An engine that has not loaded after so long, or found no room in the cluster, is given up."""
_DEATHS = 3
"""An actor's place that lost so many in a row, without an answer between, stays empty."""
_LOSSES, _LOSSES_TOGETHER = 3, 2
"""A request that was lost so often is given up. Before, having been lost so often, it is asked with no other such
request in flight: else the innocent that happened to be beside a deadly one each time would be given up as well."""
_AT_ONCE = 4096  # calls that an actor runs side by side; the engine queues by itself
_STORE_BYTES = 80 << 20  # requests and answers are small, so the least that Ray takes


@dataclass(eq=False, slots=True)
class _Place:
    """Where an actor stands, and after its loss another. `flying`: requests there; `deaths`: since its last answer."""

    number: int
    actor: Any
    facts: Facts | None = None
    flying: int = 0
    deaths: int = 0
    mending: asyncio.Task[None] | None = None


class RayTeacher:
    """Engines of `spec` in `actors` Ray actors, each with `gpus_each` GPUs; one teacher to the outside.

    A request goes to the actor that read its beginning before (routing.py). What an actor took along when it was lost
    is asked of others, and another actor takes its place; only when none is left and none comes back, the
    teacher cannot serve. Name and fingerprint are the engine's: how many there are does not change the texts.

    Needs seedbed[ray] here, and this project and the model's folder at the same path on every machine of the cluster.
    Host it in a child (`TeacherSpec.cluster`), because Ray takes over the signals of the process that it is started in,
    and hands its environment to its own.
    """

    def __init__(
        self, spec: TeacherSpec | JSON, *, actors: int | None = None, gpus_each: float | None = None, address: str = ""
    ) -> None:
        """Load all engines, each as `spec` says.

        `address` "": start Ray on this machine; else a cluster's, or "auto" for the one that runs. `gpus_each` None:
        one where the cluster has any, else none. `actors` None: as many as the GPUs allow, or one. Raises
        `TeacherError`.
        """
        self._spec = spec.to_json() if isinstance(spec, TeacherSpec) else spec
        self._flying = InFlight()
        self._places: list[_Place] = []
        self._lock: tuple[asyncio.AbstractEventLoop, asyncio.Lock] | None = None
        self._owns = _connect(address, actors or 1)
        try:
            count, self._gpus_each = _room(actors, gpus_each)
            self._places = [_Place(number, self._new_actor()) for number in range(count)]
            self._facts = self._load()
        except BaseException:
            self.close()
            raise

    @property
    def name(self) -> str:
        """See `Teacher.name`; the engine's."""
        return self._facts.name

    @property
    def fingerprint(self) -> str:
        """See `Teacher.fingerprint`; the engine's."""
        return self._facts.fingerprint

    @property
    def context_tokens(self) -> int:
        """See `Teacher.context_tokens`."""
        return self._facts.context_tokens

    @property
    def concurrency(self) -> int:
        """See `Teacher.concurrency`: the sum over the actors that live."""
        return max(1, sum(place.facts.concurrency for place in self._places if place.facts))

    @property
    def form(self) -> Form:
        """See `Teacher.form`."""
        return self._facts.form

    @property
    def tokenizer(self) -> Path | None:
        """See `Teacher.tokenizer`; None where its path is another machine's."""
        path = self._facts.tokenizer
        return path if path is not None and path.is_file() else None

    async def answer(self, request: ChatRequest) -> Completion:
        """See `Teacher.answer`."""
        return await self._flying.run(self._answer(request))

    def close(self) -> None:
        """See `Teacher.close`; from any thread. Ends Ray where this teacher started it."""
        import ray

        if not self._flying.closed:
            self._flying.close()
            for place in self._places:
                _kill(place.actor)
            if self._owns:
                ray.shutdown()

    async def _answer(self, request: ChatRequest) -> Completion:
        outcome = await self._try(request, prefix_of(request))
        for loss in range(1, _LOSSES):
            if isinstance(outcome, Completion):
                break
            # By its own key, no longer by its prefix: what kills an engine must not meet its neighbours again.
            async with self._suspects() if loss >= _LOSSES_TOGETHER else nullcontext():
                outcome = await self._try(request, f"{request.key('')}:{loss}")
        if isinstance(outcome, Completion):
            return outcome
        words = f"{_LOSSES} engines in turn were lost while they answered this"
        return Completion("", "error", error=f"{words}: {outcome}")

    async def _try(self, request: ChatRequest, prefix: str) -> Completion | str:
        """The completion, or how the engine was lost that should have made it."""
        import ray

        place = await self._place_for(prefix)
        actor = place.actor
        ref = actor.answer.remote(request)
        place.flying += 1
        try:
            completion: Completion = await ref
            place.deaths = 0
            return completion
        except asyncio.CancelledError:
            if not self._flying.closed:
                ray.cancel(ref)
            raise
        except ray.exceptions.RayError as error:  # the actor died, or its engine did (`TeacherError`)
            told = _told(error)
            self._lose(place, actor, told)
            return told
        finally:
            place.flying -= 1

    def _suspects(self) -> asyncio.Lock:
        """Held by the one suspect request that may be in flight on this event loop."""
        loop = asyncio.get_running_loop()
        if self._lock is None or self._lock[0] is not loop:
            self._lock = (loop, asyncio.Lock())
        return self._lock[1]

    async def _place_for(self, prefix: str) -> _Place:
        """A place with a live actor; waits while there is none but one may come. Raises `TeacherError`."""
        until = time.monotonic() + LOAD_S
        while True:
            self._mend()
            live = {place.number: place.flying for place in self._places if place.facts is not None}
            if live:
                return self._places[choose(prefix, live)]
            mending = [place.mending for place in self._places if place.mending is not None]
            if not mending or time.monotonic() > until:
                raise TeacherError(
                    f"all {len(self._places)} engines of {self.name} were lost, and none came back. "
                    "`ray status` shows the cluster; the log says how they ended."
                )
            await asyncio.wait(mending, timeout=LOAD_S, return_when=asyncio.FIRST_COMPLETED)

    def _lose(self, place: _Place, actor: Any, told: str) -> None:
        if place.actor is actor and place.facts is not None:  # else another request has told already
            log.warning("Engine %d of %s was lost: %s", place.number, self.name, told)
            place.facts = None
            place.deaths += 1
            _kill(actor)
            self._mend()

    def _mend(self) -> None:
        """See to it that each empty place gets an actor, unless it lost too many."""
        loop = asyncio.get_running_loop()
        for place in self._places:
            if place.mending is not None and (place.mending.done() or place.mending.get_loop() is not loop):
                place.mending = None
            if place.facts is None and place.mending is None and place.deaths < _DEATHS:
                place.mending = loop.create_task(self._replace(place))

    async def _replace(self, place: _Place) -> None:
        import ray

        place.actor = actor = self._new_actor()
        try:
            facts: Facts = await actor.load.remote(self._spec)
            if facts.fingerprint != self.fingerprint:
                raise TeacherError(f"its fingerprint is another: {facts.name}")
            place.facts = facts
        except (ray.exceptions.RayError, TeacherError) as error:
            log.warning("Engine %d of %s does not come back: %s", place.number, self.name, _told(error))
            place.deaths += 1
            _kill(actor)
        except asyncio.CancelledError:
            if not self._flying.closed:
                _kill(actor)
            raise

    def _new_actor(self) -> Any:
        import ray

        remote = ray.remote(
            num_cpus=1, num_gpus=self._gpus_each, max_concurrency=_AT_ONCE, scheduling_strategy="SPREAD"
        )
        return remote(EngineActor).remote()

    def _load(self) -> Facts:
        """Load the engines of all places, and agree on who they are. Raises `TeacherError`."""
        import ray

        until = time.monotonic() + LOAD_S
        told = "there is no place for one"
        for place, ref in [(place, place.actor.load.remote(self._spec)) for place in self._places]:
            try:
                place.facts = ray.get(ref, timeout=max(0.0, until - time.monotonic()))
            except ray.exceptions.RayError as error:
                told = _told(error)
                log.warning("Engine %d does not load: %s", place.number, told)
                place.deaths = _DEATHS
                _kill(place.actor)
        loaded = [place.facts for place in self._places if place.facts]
        if not loaded:
            raise TeacherError(f"no engine loads in the Ray cluster: {told}. `ray status` shows what it has.")
        if len({facts.fingerprint for facts in loaded}) > 1:
            kinds = ", ".join(sorted({facts.name for facts in loaded}))
            raise TeacherError(
                f"the cluster's machines make different teachers of this model: {kinds}. Use equal ones."
            )
        return loaded[0]


def _connect(address: str, actors: int) -> bool:
    """Join or start a cluster; whether it was started. Raises `TeacherError`."""
    try:
        import ray
    except ImportError as error:
        raise TeacherError(
            "Ray is not installed. Install seedbed[ray], or set another SEEDBED_TEACHER_ENGINE."
        ) from error
    if ray.is_initialized():
        return False
    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    try:
        if address:
            ray.init(address=address, **quiet)
            return False
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would report to its makers
        cpus = max(os.cpu_count() or 1, actors)
        ray.init("local", num_cpus=cpus, object_store_memory=_STORE_BYTES, include_dashboard=False, **quiet)
    except Exception as error:  # Ray has no common class for what may go wrong here
        where = f"the Ray cluster at {address} cannot be reached" if address else "Ray does not start on this machine"
        raise TeacherError(f"{where}: {one_line(str(error))}. Check SEEDBED_TEACHER_URL and `ray status`.") from error
    return True


def _room(actors: int | None, gpus_each: float | None) -> tuple[int, float]:
    """How many actors with how many GPUs each. Raises `TeacherError` where the cluster will never have the room."""
    import ray

    has = ray.cluster_resources()
    gpus = float(has.get("GPU", 0))
    each = (1.0 if gpus else 0.0) if gpus_each is None else gpus_each
    count = actors or (max(1, int(gpus // each)) if each else 1)
    if count * each > gpus or count > has.get("CPU", 0):
        raise TeacherError(
            f"the Ray cluster has {gpus:g} GPUs and {has.get('CPU', 0):g} CPUs; {count} engines with {each:g} GPUs "
            "and a CPU each do not fit. Ask for fewer, or add machines (`ray start`)."
        )
    return count, each


def _kill(actor: Any) -> None:
    import ray

    with suppress(Exception):  # it is gone, or Ray is
        ray.kill(actor)


def _told(error: Exception) -> str:
    text = str(getattr(error, "cause", None) or error)
    return one_line(text[max(0, text.find("The actor is dead because")) :])  # before that: ids and addresses
