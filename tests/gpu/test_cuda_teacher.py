"""The teacher on vLLM's CUDA build. Needs a GPU; skipped, loudly, without one."""

from __future__ import annotations

import asyncio
import json
import subprocess
import time

import pytest

from pipeline.teacher.choose import open_teacher, which_engine
from pipeline.teacher.hosted import HostedTeacher
from pipeline.teacher.port import ChatRequest, Completion, Message, Sampling
from tests.gpu.card import GPU

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.model,
    pytest.mark.skipif(not GPU, reason="NO GPU HERE: vLLM on CUDA is not tested by this run"),
]

SCHEMA = {
    "type": "object",
    "properties": {"bird": {"type": "string", "minLength": 1, "maxLength": 20}},
    "required": ["bird"],
    "additionalProperties": False,
}


def ask(text: str, **sampling: object) -> ChatRequest:
    return ChatRequest((Message("user", text),), Sampling(**sampling))  # type: ignore[arg-type]


def test_vllm_serves_on_the_gpu_and_gives_it_back() -> None:
    assert which_engine().engine == "vllm"
    before = processes_on_the_gpu()
    teacher = open_teacher("smollm2-135m-instruct", "vllm", form="schema")
    assert isinstance(teacher, HostedTeacher)
    try:
        assert "CUDA" in teacher.name
        asyncio.run(_serve(teacher))
        assert teacher.pid is not None
    finally:
        teacher.close()
    deadline = time.monotonic() + 30
    while processes_on_the_gpu() > before and time.monotonic() < deadline:
        time.sleep(0.1)
    assert processes_on_the_gpu() <= before


async def _serve(teacher: HostedTeacher) -> None:
    prompts = [f"Name {number} fruits." for number in range(2 * teacher.concurrency)]
    requests = [ask(text, temperature=0.8, max_tokens=24, seed=seed) for seed, text in enumerate(prompts)]
    completions: list[Completion] = await asyncio.gather(*map(teacher.answer, requests))
    assert all(completion.text and not completion.failed for completion in completions)
    bound = await teacher.answer(ask("Name a bird, as JSON.", schema=json.dumps(SCHEMA), max_tokens=40))
    assert set(json.loads(bound.text)) == {"bird"}
    likely = await teacher.answer(ask("Is grass green? Answer yes or no.", max_tokens=1, alternatives=5))
    assert len(likely.alternatives) == 5
    assert likely.text.startswith(likely.alternatives[0][0])
    endless = asyncio.create_task(teacher.answer(ask("Count to a thousand.", max_tokens=2000)))
    await asyncio.sleep(0)
    endless.cancel()
    assert (await teacher.answer(ask("Good morning", max_tokens=12))).text


def processes_on_the_gpu() -> int:
    command = ["nvidia-smi", "--query-compute-apps=pid", "--format=csv,noheader"]
    return len(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
