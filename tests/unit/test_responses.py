"""The response store: nothing asked twice, whole chunks or none."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from pipeline.responses import Responses, answer_all
from pipeline.store.port import StoreError
from pipeline.teacher.port import ChatRequest, Completion, Message, TeacherError
from pipeline.teacher.scripted import ScriptedTeacher


def asks(*texts: str) -> list[ChatRequest]:
    return [ChatRequest((Message("user", text),)) for text in texts]


class Recording(ScriptedTeacher):
    """Remembers each call's prompts; answers in reverse order; stops serving before call `broken_at`."""

    def __init__(self, batch_size: int = 2, broken_at: int | None = None, fail: str = "") -> None:
        super().__init__(lambda request: request.messages[-1].content.upper(), batch_size=batch_size)
        self.calls: list[list[str]] = []
        self.broken_at, self.fail = broken_at, fail

    def complete(self, requests: Sequence[ChatRequest]) -> Iterator[tuple[int, Completion]]:
        if len(self.calls) == self.broken_at:
            raise TeacherError("the engine is gone")
        self.calls.append([request.messages[-1].content for request in requests])
        for index, completion in reversed([*super().complete(requests)]):
            failed = requests[index].messages[-1].content == self.fail
            yield index, Completion("", "error", error="too long") if failed else completion


@pytest.fixture
def responses(tmp_path: Path) -> Responses:
    return Responses(tmp_path / "deep" / "responses.db")


def test_stored_completions_come_back_from_another_connection(responses: Responses) -> None:
    rows = {f"k{n}": Completion(f"text {n} é", "length", 3, n) for n in range(1200)}
    responses.put_many(rows)
    other = Responses(responses.path)
    assert other.get_many([*rows, "absent"]) == rows
    assert other.count() == 1200


def test_what_is_stored_first_stays(responses: Responses) -> None:
    responses.put_many({"k": Completion("first")})
    responses.put_many({"k": Completion("second"), "l": Completion("new")})
    assert responses.get_many(["k"])["k"].text == "first"
    assert responses.count() == 2


def test_each_request_is_answered_once_in_its_place(responses: Responses) -> None:
    teacher = Recording()
    answers = answer_all(teacher, responses, asks("a", "b", "a", "c"))
    assert [c.text for c in answers.completions] == ["A", "B", "A", "C"]
    assert answers.made == {0, 1, 3}
    assert teacher.calls == [["a", "b"], ["c"]]
    again = answer_all(teacher, responses, asks("c", "a"))
    assert [c.text for c in again.completions] == ["C", "A"]
    assert not again.made
    assert len(teacher.calls) == 2


def test_after_a_stop_the_remaining_chunks_are_the_same_chunks(responses: Responses) -> None:
    requests = asks(*"abcdefg")
    with pytest.raises(TeacherError):
        answer_all(Recording(broken_at=2), responses, requests)
    assert responses.count() == 4
    teacher = Recording()
    answers = answer_all(teacher, responses, requests)
    assert teacher.calls == [["e", "f"], ["g"]]
    assert answers.made == {4, 5, 6}


def test_an_error_is_not_stored_and_moves_no_other_chunk(responses: Responses) -> None:
    requests = asks(*"abcd")
    answers = answer_all(Recording(fail="b"), responses, requests)
    assert [c.finish_reason for c in answers.completions] == ["stop", "error", "stop", "stop"]
    teacher = Recording()
    assert answer_all(teacher, responses, requests).completions[1].text == "B"
    assert teacher.calls == [["b"]]


def test_progress_counts_to_the_end(responses: Responses) -> None:
    seen: list[tuple[int, int]] = []
    answer_all(Recording(), responses, asks(*"abc"), lambda done, total: seen.append((done, total)))
    assert seen == [(2, 3), (3, 3)]


def test_a_damaged_file_is_named_with_the_next_step(tmp_path: Path) -> None:
    path = tmp_path / "responses.db"
    path.write_bytes(b"this is no database, but long enough to be taken for one" * 40)
    with pytest.raises(StoreError, match=r"responses\.db: the response store is damaged .*move the file away"):
        Responses(path)


def test_a_damaged_row_is_named(responses: Responses) -> None:
    responses.put_many({"k": Completion("x")})
    with sqlite3.connect(responses.path) as db:
        db.execute("UPDATE responses SET body = '{'")
    with pytest.raises(StoreError, match="damaged"):
        responses.get_many(["k"])


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be used"):
        Responses(tmp_path / "file" / "responses.db")
