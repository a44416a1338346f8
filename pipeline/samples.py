"""A sample: one generated training row that knows where it came from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from pipeline.teacher.port import Message

Status = Literal["kept", "rejected"]
NOT_NEEDED = "surplus"  # how the reason of a sound sample begins that was not needed


@dataclass(frozen=True, slots=True)
class Sample:
    """One row with its provenance (design §5.4).

    `messages`: the training row, user then assistant. `pull`, `author`, `commit`: the contribution. `document`:
    `repo@commit:path`, None when no document was read; `document_note` says why then. `span`: characters [start, end)
    of the document's text, or of the seed context without one. `seeds`: indexes of the seed examples shown to the
    teacher. `request_keys`: names of the responses it was made from. `scores`: what the filters measured, by name.
    `reason`: why it was rejected.
    """

    messages: tuple[Message, ...]
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
    seeds: tuple[int, ...]
    teacher: str
    teacher_fingerprint: str
    flow: str
    request_keys: tuple[str, ...]
    scores: dict[str, float] = field(default_factory=dict)
    status: Status = "kept"
    reason: str | None = None

    @property
    def id(self) -> str:
        """SHA-256 (hex) of leaf key and messages; of a rejected sample, also of its requests: its text may be empty."""
        turns = [[message.role, message.content] for message in self.messages]
        parts = [self.leaf_key, turns] if self.status == "kept" else [self.leaf_key, turns, list(self.request_keys)]
        return hashlib.sha256(_canonical(parts).encode(errors="backslashreplace")).hexdigest()

    @property
    def spare(self) -> bool:
        """Whether it is sound, and was only not needed: enough others were kept."""
        return self.status == "rejected" and (self.reason or "").startswith(NOT_NEEDED)

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
        row["seeds"], row["request_keys"] = tuple(row["seeds"]), tuple(row["request_keys"])
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
