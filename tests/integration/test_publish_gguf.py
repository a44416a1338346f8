"""GGUF files of the packaged SmolLM2, beside the file that llama.cpp's own converter wrote of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gguf import GGUFReader
from gguf.quants import dequantize

from pipeline.evaluate.port import Item
from pipeline.models import ModelFolder, _packaged_gguf, resolve
from pipeline.publishing.gguf import tensors
from pipeline.publishing.gguf.kinds import Kind
from pipeline.publishing.gguf.make import GgufJob, Made, Tools, make
from pipeline.publishing.gguf.write import write_gguf

pytestmark = [pytest.mark.model, pytest.mark.endurance, pytest.mark.timeout(1200)]

ITEMS = [
    Item("1", "general", "facts", "What is the capital of Italy?", "The capital of Italy is Rome."),
    Item("2", "general", "facts", "Name three colours.", "Three colours are red, green and blue."),
    Item("3", "general", "arithmetic", "What is 12 plus 30?", "12 plus 30 is 42."),
    Item("4", "heldout", "skill", "Say good morning in French.", "Good morning in French is bonjour."),
]
# By the tokenizer that the student has: as transformers reads it from GGUF, digits are not told apart.
DIFFERENT = {"tokenizer.ggml.pre", "general.file_type", "general.name", "general.license"}


@pytest.fixture(scope="module")
def model() -> ModelFolder:
    return resolve("smollm2-135m-instruct")


@pytest.fixture(scope="module")
def job(model: ModelFolder, tmp_path_factory: pytest.TempPathFactory) -> GgufJob:
    out = tmp_path_factory.mktemp("gguf")
    return GgufJob(model.path, out, "smollm2", "build-test", model.licence, ITEMS, kinds=("f16", "q4_0"), threads=2)


@pytest.fixture(scope="module")
def made(job: GgufJob) -> tuple[Made, ...]:
    return make(job, lambda doing, fraction: None)


@pytest.fixture(scope="module")
def ours(job: GgufJob, made: tuple[Made, ...]) -> GGUFReader:
    return GGUFReader(job.out / made[0].file)


@pytest.fixture(scope="module")
def theirs() -> Iterator[GGUFReader]:
    return GGUFReader(_packaged_gguf())


def test_each_file_says_what_the_model_says(job: GgufJob, made: tuple[Made, ...]) -> None:
    f16, q4_0 = made
    assert f16.rise is not None
    assert q4_0.rise is not None
    assert abs(f16.rise) < 0.002
    assert q4_0.rise <= 0.10
    assert [one.reason for one in made] == ["", ""]
    sizes = {one.kind: (job.out / one.file).stat().st_size for one in made}
    assert sizes["q4_0"] < 0.4 * sizes["f16"]


def test_the_header_is_as_llama_cpp_writes_it(ours: GGUFReader, theirs: GGUFReader) -> None:
    wanted = {name for name in theirs.fields if name.startswith(("llama.", "tokenizer."))}
    assert wanted <= set(ours.fields)
    for name in sorted(wanted - DIFFERENT):
        assert ours.fields[name].contents() == theirs.fields[name].contents(), name
    assert ours.fields["tokenizer.ggml.pre"].contents() == "gpt-2"
    assert ours.fields["general.architecture"].contents() == "llama"


def test_the_tensors_are_those_of_llama_cpp(ours: GGUFReader, theirs: GGUFReader) -> None:
    """Their file is where the model's weights came from: what differs is the rounding to bfloat16."""
    mine, other = ({tensor.name: tensor for tensor in reader.tensors} for reader in (ours, theirs))
    assert set(mine) == set(other)
    for name in ("token_embd.weight", "blk.0.attn_q.weight", "blk.29.attn_k.weight", "blk.7.ffn_down.weight"):
        assert list(mine[name].shape) == list(other[name].shape)
        np.testing.assert_allclose(_values(mine[name]), _values(other[name]), rtol=2**-7, atol=1e-6)


def _values(tensor: Any) -> Any:
    return dequantize(tensor.data, tensor.tensor_type)


def test_the_same_model_gives_the_same_bytes(job: GgufJob, made: tuple[Made, ...], tmp_path: Path) -> None:
    again = Tools().write
    again(job, "q4_0", tmp_path / "again.gguf")
    assert (tmp_path / "again.gguf").read_bytes() == (job.out / made[1].file).read_bytes()


def test_rows_in_the_wrong_order_are_noise_and_not_released(
    job: GgufJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tensors, "interleave", lambda array, heads: array)

    def write(asked: GgufJob, kind: Kind, out: Path) -> None:
        payload = {
            "model": str(asked.model),
            "out": str(out),
            "kind": kind,
            "name": "x",
            "version": "x",
            "licence": "x",
        }
        write_gguf(payload, lambda event: None)

    wrong = GgufJob(job.model, tmp_path, "wrong", "x", "x", ITEMS, kinds=("f16",), threads=2)
    (found,) = make(wrong, lambda doing, fraction: None, Tools(write))
    assert found.rise is not None
    assert found.rise > 0.5
    assert "nats a token worse" in found.reason
    assert list(tmp_path.iterdir()) == []
