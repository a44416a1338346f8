"""A real (and very small) model that talks: pieces make the answer, and a full window forgets from the beginning on."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.models import ModelFolder
from pipeline.serving.choice import Choice
from pipeline.serving.speaker import Speaker, SpeakerError
from tests.tiny_model import save_tiny_model


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("tiny"))


def test_a_conversation_with_a_window_of_512_tokens(tiny: Path) -> None:
    speaker = Speaker(Choice(None, ModelFolder(tiny, "tiny", "d", "x")), threads=1)
    try:
        pieces: list[str] = []
        first = speaker.ask("Hello", 12, pieces.append)
        assert pieces[0] == ""
        assert "".join(pieces).strip() == first.text
        assert 0 < first.tokens <= 12
        assert first.ended or first.tokens == 12
        assert (first.forgotten, len(speaker.history)) == (0, 2)
        long = speaker.ask("x" * 470, 12, pieces.append)
        assert long.forgotten == 2
        with pytest.raises(SpeakerError, match="make it shorter"):
            speaker.ask("y" * 600, 12, pieces.append)
        assert len(speaker.history) == 4
        speaker.reset()
        assert speaker.ask("Hello", 12, lambda piece: None).text == first.text
    finally:
        speaker.close()
