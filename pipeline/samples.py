"""A sample: one generated training row that knows where it came from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from pipeline.teacher.port import Message

Status = Literal["kept", "rejected"]


@dataclass(frozen=True, slots=True)
class Sample:
    """One row with its provenance (design §5.4).

    `messages`: the training row, user then assistant. `place`: root and numbers within it, as in `flows.model.Draft`;
    with the leaf key it is the row's key. `task`: "qa", an auxiliary task of a knowledge flow such as "summary", or
    "choice" for a held-out multiple-choice item. `pull`, `author`, `commit`: the contribution. `document`:
    `repo@commit:path`, None when no document was read; `document_note` says why then. `span`: characters [start, end)
    of the document's text, or of the seed context without one. `chunk`: its place in the dataset's chunks, None where
    it has none. `seeds`: indexes of the seed examples shown to the teacher. `attributes`: what its plan asked for.
    `trace`: (stage, request key) of each response it was made from. `scores`: what filters and judge measured, by name.
    `reason`: why it was rejected.
    """

    messages: tuple[Message, ...]
    place: tuple[int, ...]
    task: str
    leaf: str
    kind: str
    leaf_key: str
    commit: str
    pull: int | None
    author: str
    licence: str
    document: str | None
    document_note: str
    span: tuple[int, int] | None
    chunk: int | None
    seeds: tuple[int, ...]
    teacher: str
    teacher_fingerprint: str
    flow: str
    trace: tuple[tuple[str, str], ...]
    attributes: dict[str, str] = field(default_factory=dict)
    scores: dict[str, float] = field(default_factory=dict)
    status: Status = "kept"
    reason: str | None = None

    @property
    def id(self) -> str:
        """SHA-256 (hex) of leaf key and messages; of a rejected sample, also of its place: its text may be empty."""
        turns = [[message.role, message.content] for message in self.messages]
        parts = [self.leaf_key, turns] if self.status == "kept" else [self.leaf_key, turns, list(self.place)]
        return hashlib.sha256(_canonical(parts).encode(errors="backslashreplace")).hexdigest()

    @property
    def question(self) -> str:
        """The user's turn."""
        return self.messages[0].content

    @property
    def answer(self) -> str:
        """The assistant's turn; empty when the sample was rejected before one was made."""
        return self.messages[1].content if len(self.messages) > 1 else ""

    def to_json(self) -> str:
        """One canonical line: sorted keys, no wall clock, the same bytes for the same sample."""
        return _canonical({"id": self.id, **asdict(self)})

    @classmethod
    def from_json(cls, line: str | bytes) -> Sample:
        """The sample of a line that `to_json` wrote. Raises `ValueError` when its id does not fit its content."""
        row: dict[str, Any] = json.loads(line)
        stated = row.pop("id")
        row["messages"] = tuple(Message(**message) for message in row["messages"])
        row["span"] = tuple(row["span"]) if row["span"] is not None else None
        row["seeds"], row["place"] = tuple(row["seeds"]), tuple(row["place"])
        row["trace"] = tuple((stage, key) for stage, key in row["trace"])
        sample = cls(**row)
        if sample.id != stated:
            raise ValueError(f"sample {stated[:12]} was altered: its content has the id {sample.id[:12]}")
        return sample


def to_jsonl(samples: Iterable[Sample]) -> bytes:
    """All samples, one a line, sorted by id."""
    lines = (sample.to_json() + "\n" for sample in sorted(samples, key=lambda sample: sample.id))
    return "".join(lines).encode(errors="backslashreplace")


def from_jsonl(data: bytes) -> tuple[Sample, ...]:
    """The samples of `to_jsonl`. Raises `ValueError` when a line is not one."""
    return tuple(Sample.from_json(line) for line in data.split(b"\n") if line)


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
