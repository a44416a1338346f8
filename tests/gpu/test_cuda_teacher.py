"""The teacher on vLLM's CUDA build. Needs a GPU; skipped, loudly, without one."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from pipeline.teacher.choose import open_teacher, which_engine
from pipeline.teacher.port import ChatRequest, Message, Sampling

GPU = shutil.which("nvidia-smi") is not None and subprocess.run(["nvidia-smi", "-L"], check=False).returncode == 0

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.model,
    pytest.mark.skipif(not GPU, reason="NO GPU HERE: vLLM on CUDA is not tested by this run"),
]


def test_vllm_serves_on_the_gpu_and_repeats_itself() -> None:
    assert which_engine().engine == "vllm"
    teacher = open_teacher("smollm2-135m-instruct", "vllm")
    asked = [
        ChatRequest((Message("user", f"Name {n} fruits."),), Sampling(temperature=0.8, max_tokens=24, seed=n))
        for n in range(8)
    ]
    try:
        first, second = (dict(teacher.complete(asked)) for _ in range(2))
    finally:
        teacher.close()
    assert sorted(first) == list(range(8))
    assert first == second
