"""The Ray side of a `RayTeacher`: one engine in an actor's process, on whatever machine of the cluster it stands."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from pipeline.child import JSON
from pipeline.teacher.hosted import build
from pipeline.teacher.port import ChatRequest, Completion, Form, Teacher


class Facts(NamedTuple):
    """What an engine says of itself once it is loaded."""

    name: str
    fingerprint: str
    context_tokens: int
    concurrency: int
    form: Form
    tokenizer: Path | None


class EngineActor:
    """Its methods are async, so that Ray runs them side by side on one event loop."""

    def __init__(self) -> None:
        self._teacher: Teacher | None = None

    async def load(self, spec: JSON) -> Facts:
        """Make the engine. Raises `TeacherError`."""
        teacher = self._teacher = build(spec)
        return Facts(
            teacher.name,
            teacher.fingerprint,
            teacher.context_tokens,
            teacher.concurrency,
            teacher.form,
            teacher.tokenizer,
        )

    async def answer(self, request: ChatRequest) -> Completion:
        """See `Teacher.answer`."""
        assert self._teacher is not None, "asked before it was loaded"  # noqa: S101
        return await self._teacher.answer(request)
