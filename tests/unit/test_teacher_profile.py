"""How large a model is by its files, and which form follows."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from pipeline.models import ModelFolder
from pipeline.teacher.port import TeacherError
from pipeline.teacher.profile import form_for, parameters_of


def folder(path: Path, *shards: dict[str, tuple[str, list[int]]]) -> ModelFolder:
    """Headers alone, as a real file of that size would have."""
    for number, tensors in enumerate(shards):
        header = {name: {"dtype": dtype, "shape": shape} for name, (dtype, shape) in tensors.items()}
        text = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
        (path / f"model-{number}.safetensors").write_bytes(struct.pack("<Q", len(text)) + text)
    return ModelFolder(path, "model", "0" * 64, "unknown")


def test_counts_the_weights_of_all_shards(tmp_path: Path) -> None:
    model = folder(tmp_path, {"a": ("BF16", [3, 4]), "b": ("F32", [5])}, {"c": ("BF16", [])})
    assert parameters_of(model) == 3 * 4 + 5 + 1


def test_counts_what_was_packed_into_integers(tmp_path: Path) -> None:
    assert parameters_of(folder(tmp_path, {"gptq": ("I32", [10]), "bnb": ("U8", [10]), "scale": ("F16", [1])})) == 101


@pytest.mark.parametrize(
    ("weights", "wish", "binds", "form"),
    [
        (2_999, "auto", True, "plain"),
        (3_000, "auto", True, "schema"),
        (3_000, "auto", False, "plain"),
        (3_000, "plain", True, "plain"),
        (1, "schema", True, "schema"),
    ],
)
def test_form_follows_size_engine_and_wish(tmp_path: Path, weights: int, wish: str, binds: bool, form: str) -> None:
    model = folder(tmp_path, {"a": ("BF16", [weights, 1_000_000])})
    assert form_for(model, wish, binds=binds, engine="it") == form


def test_a_wish_that_the_engine_cannot_meet_is_told(tmp_path: Path) -> None:
    with pytest.raises(TeacherError, match="transformers cannot bind"):
        form_for(folder(tmp_path), "schema", binds=False, engine="transformers")


@pytest.mark.parametrize("content", [b"", b"\x08", struct.pack("<Q", 2) + b"[]", struct.pack("<Q", 9) + b'{"a": {}}'])
def test_a_broken_file_is_told(tmp_path: Path, content: bytes) -> None:
    model = folder(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(TeacherError, match=r"model\.safetensors does not read"):
        parameters_of(model)
