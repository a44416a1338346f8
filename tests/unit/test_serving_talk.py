"""What of a conversation fits a model's window."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.serving.talk import TalkError, fitted


class Words:
    """A token a word; each message takes one more for who speaks."""

    def apply_chat_template(self, chat: list[dict[str, str]], **more: Any) -> str:
        assert more == {"tokenize": False, "add_generation_prompt": True}
        return " ".join(f"<{message['role']}> {message['content']}" for message in chat)

    def __call__(self, text: str, *, add_special_tokens: bool) -> dict[str, list[int]]:
        assert not add_special_tokens
        return {"input_ids": list(range(len(text.split())))}


def chat(*contents: str) -> list[dict[str, str]]:
    roles = ("user", "assistant")
    return [{"role": roles[at % 2], "content": content} for at, content in enumerate(contents)]


@pytest.mark.parametrize(("room", "tokens", "forgotten"), [(100, 10, 0), (10, 10, 0), (9, 6, 2), (6, 6, 2), (5, 2, 4)])
def test_the_oldest_questions_go_with_their_answers(room: int, tokens: int, forgotten: int) -> None:
    ids, gone = fitted(Words(), chat("one", "two", "three", "four", "five"), room)
    assert (len(ids), gone) == (tokens, forgotten)


def test_a_message_that_alone_is_too_long_is_refused() -> None:
    with pytest.raises(TalkError, match="takes 4 tokens and the model has room for 3; make it shorter"):
        fitted(Words(), chat("one", "two", "a b c"), 3)
