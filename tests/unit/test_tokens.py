"""Counting tokens without the teacher."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.chunks import chunk_text
from pipeline.tokens import estimate, token_counter

TEXT = "\n\n".join(
    f"## Part {n}\n\nSeed number {n} grows in the bed. It is watered often, and it likes that." for n in range(60)
)


@pytest.fixture
def tokenizer(tmp_path: Path) -> Path:
    tokenizers = pytest.importorskip("tokenizers")
    made = tokenizers.Tokenizer(tokenizers.models.BPE())
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.post_processor = tokenizers.processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    trainer = tokenizers.trainers.BpeTrainer(vocab_size=400, special_tokens=["<s>"], show_progress=False)
    made.train_from_iterator([TEXT], trainer)
    made.enable_truncation(5)
    made.save(str(tmp_path / "tokenizer.json"))
    return tmp_path / "tokenizer.json"


def test_the_models_own_tokens_are_counted_whole_and_without_special_ones(tokenizer: Path) -> None:
    count = token_counter(tokenizer)
    assert count("") == 0
    assert 10 < count(TEXT[:80]) < 80
    assert token_counter(tokenizer) is count, "read once"


def test_a_quarter_of_the_characters_stands_for_an_unknown_tokenizer() -> None:
    assert token_counter(None) is estimate
    assert [estimate(text) for text in ("", "a", "abcd", "abcde")] == [0, 1, 1, 2]


def test_a_file_that_is_no_tokenizer_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.json", tmp_path / "broken.json"):
        (tmp_path / "broken.json").write_text("{}")
        with pytest.raises(ValueError, match=path.name):
            token_counter(path)


def test_chunks_hold_no_more_of_the_models_tokens_than_they_say(tokenizer: Path) -> None:
    count = token_counter(tokenizer)
    chunks = chunk_text(TEXT, count, low=100, high=200)
    assert len(chunks) > 5
    for chunk in chunks:
        true = count(chunk.heading) + count(chunk.text)
        assert true <= chunk.tokens <= 200
        assert chunk.tokens < 1.15 * true + 10
