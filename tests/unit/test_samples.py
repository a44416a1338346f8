"""Samples: canonical lines, ids from content."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.samples import Sample, from_jsonl, to_jsonl
from pipeline.teacher.port import Message


def make(question: str = "Où est l'île?", **changes: object) -> Sample:
    sample = Sample(
        messages=(Message("user", question), Message("assistant", "Là-bas.\nVraiment.")),
        place=(4, 1),
        task="qa",
        leaf="knowledge/x",
        kind="knowledge",
        leaf_key="k" * 64,
        commit="c" * 40,
        pull=7,
        author="wren",
        licence="CC0-1.0",
        document="https://github.com/a/b@cc:doc.md",
        document_note="",
        span=(3, 9),
        chunk=2,
        seeds=(0, 2),
        teacher="scripted",
        teacher_fingerprint="f",
        flow="knowledge@1+abc",
        trace=(("question", "r1"), ("answer", "r2")),
        attributes={"format": "a list"},
        scores={"b": 0.5, "a": 1.0},
    )
    return replace(sample, **changes)  # type: ignore[arg-type]


def test_a_line_gives_the_same_sample_and_bytes_back() -> None:
    sample = make()
    line = sample.to_json()
    assert "\n" not in line
    assert Sample.from_json(line) == sample
    assert Sample.from_json(line).to_json() == line
    assert make(scores={"a": 1.0, "b": 0.5}).to_json() == line


def test_the_id_follows_leaf_key_and_messages_alone() -> None:
    sample = make()
    assert sample.id == make(commit="d" * 40, author="other", scores={}).id
    assert sample.id != make("Another question?").id
    assert sample.id != make(leaf_key="j" * 64).id


def test_rejected_samples_without_text_stay_apart() -> None:
    empty = (Message("user", ""), Message("assistant", ""))
    first = make(messages=empty, status="rejected", reason="x", place=(1,))
    second = make(messages=empty, status="rejected", reason="x", place=(2,))
    assert first.id != second.id


def test_lines_come_sorted_by_id_and_altered_ones_are_refused() -> None:
    samples = [make(f"Question {n}?") for n in range(5)]
    data = to_jsonl(samples)
    assert to_jsonl(reversed(samples)) == data
    assert [s.id for s in from_jsonl(data)] == sorted(s.id for s in samples)
    with pytest.raises(ValueError, match="was altered"):
        from_jsonl(data.replace(b"Question 3", b"Question 9"))


def test_a_text_that_is_no_utf8_still_has_an_id_and_a_line() -> None:
    sample = make("half a pair \ud800?")
    assert len(sample.id) == 64
    assert b"half a pair" in to_jsonl([sample])
