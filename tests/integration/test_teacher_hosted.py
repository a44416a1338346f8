"""What hosting adds to a teacher: children that start late, die, are started again, and take nobody with them."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from pipeline.models import ModelFolder
from pipeline.teacher.hosted import HostedTeacher, TeacherSpec
from pipeline.teacher.port import ChatRequest, Completion, Message, Sampling, TeacherError
from pipeline.teacher.scripted import ScriptedTeacher
from tests.contract.teacher_script import ENDLESS
from tests.tiny_model import save_tiny_model
from tests.unit.test_child import gone

REPLY = {"script": "tests.contract.teacher_script:reply"}

pytestmark = pytest.mark.timeout(120)


def ask(text: str, seed: int = 0, **sampling: Any) -> ChatRequest:
    return ChatRequest((Message("user", text),), Sampling(seed=seed, **sampling))


def hosted(tmp_path: Path | None = None, **script: Any) -> HostedTeacher:
    return HostedTeacher(TeacherSpec("scripted", script={**REPLY, **script}), memory=tmp_path)


def outcomes(teacher: HostedTeacher, requests: Sequence[ChatRequest]) -> list[Completion | BaseException]:
    async def main() -> list[Completion | BaseException]:
        return await asyncio.gather(*map(teacher.answer, requests), return_exceptions=True)

    return asyncio.run(main())


def texts(teacher: HostedTeacher | ScriptedTeacher, requests: Sequence[ChatRequest]) -> list[str]:
    async def main() -> list[Completion]:
        return await asyncio.gather(*map(teacher.answer, requests))

    return [completion.text for completion in asyncio.run(main())]


BIRDS = [ask(f"Tell me about bird number {number}.", seed=number) for number in range(9)]


def test_a_death_is_survived_and_what_was_in_flight_asked_again(tmp_path: Path) -> None:
    teacher = hosted(die_at=5, die_mark=str(tmp_path / "died"))
    assert texts(teacher, BIRDS) == texts(ScriptedTeacher(), BIRDS)
    assert (tmp_path / "died").exists()
    teacher.close()


def test_a_request_that_kills_is_found_and_given_up_alone() -> None:
    teacher = hosted()
    *good, bad = outcomes(teacher, [*BIRDS, ask("kill")])
    assert [getattr(completion, "text", "") for completion in good] == texts(ScriptedTeacher(), BIRDS)
    assert isinstance(bad, Completion)
    assert bad.finish_reason == "error"
    assert "died 3 times under this request" in (bad.error or "")
    assert "exit code 9" in (bad.error or "")
    teacher.close()


def test_a_teacher_that_only_dies_is_given_up() -> None:
    teacher = hosted()
    ends = outcomes(teacher, [ask("kill", seed) for seed in range(6)])
    given_up = [end for end in ends if isinstance(end, TeacherError)]
    assert len(given_up) == 4  # two together, then one by one: two have died three times before all have five times
    assert all("5 times in a row" in str(end) and "seedbed doctor" in str(end) for end in given_up)
    assert teacher.pid is None
    assert texts(teacher, BIRDS[:1])  # who comes later begins anew
    teacher.close()


def test_an_engine_that_breaks_ends_its_process_and_says_why() -> None:
    teacher = hosted()
    good, bad = outcomes(teacher, [BIRDS[0], ask("break")])
    assert isinstance(good, Completion)
    assert not good.failed
    assert isinstance(bad, Completion)
    assert "the engine is broken" in (bad.error or "")
    teacher.close()


def test_a_fault_at_one_request_ends_that_one() -> None:
    teacher = hosted()
    teacher.start()
    pid = teacher.pid
    good, bad = outcomes(teacher, [BIRDS[0], ask("crash")])
    assert isinstance(bad, Completion)
    assert bad.finish_reason == "error"
    assert "no such bird" in (bad.error or "")
    assert isinstance(good, Completion)
    assert not good.failed
    assert teacher.pid == pid
    teacher.close()


def test_starts_late_and_comes_back_after_close_and_after_a_kill() -> None:
    teacher = hosted()
    assert teacher.pid is None
    assert len(texts(teacher, BIRDS[:2])) == 2
    first = teacher.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    assert len(texts(teacher, BIRDS[:2])) == 2
    assert teacher.pid not in (None, first)
    teacher.close()
    assert teacher.pid is None
    assert len(texts(teacher, BIRDS[:2])) == 2
    teacher.close()


def test_thousands_at_once_in_any_order() -> None:
    teacher = hosted(delay="tests.contract.teacher_script:late")
    requests = [ask(f"{number} " + "word " * 500, seed=number, max_tokens=1000) for number in range(2000)]
    assert [text.partition(" ")[0] for text in texts(teacher, requests)] == [str(number) for number in range(2000)]
    teacher.close()


def test_closing_while_it_loads_or_waits_to_load_says_so() -> None:
    teacher = hosted()

    async def main() -> None:
        waiting = [asyncio.create_task(teacher.answer(bird)) for bird in BIRDS]
        await asyncio.sleep(0)
        await asyncio.to_thread(teacher.close)
        for end in await asyncio.gather(*waiting, return_exceptions=True):
            assert isinstance(end, TeacherError)
            assert "closed while it answered" in str(end)
        assert (await teacher.answer(BIRDS[0])).text

    asyncio.run(main())
    teacher.close()
    assert teacher.pid is None


def test_a_load_failure_reaches_all_who_wait(tmp_path: Path) -> None:
    teacher = hosted(tmp_path, no_such_argument=1)
    for end in outcomes(teacher, BIRDS):
        assert isinstance(end, TeacherError)
        assert "cannot load" in str(end)
        assert "no_such_argument" in str(end)
    assert not teacher.proven
    assert teacher.pid is None


def test_remembers_who_it_is_without_starting(tmp_path: Path) -> None:
    first = HostedTeacher(TeacherSpec("scripted", script={"form": "schema", "concurrency": 7}), memory=tmp_path)
    known = (first.name, first.fingerprint, first.context_tokens, first.concurrency, first.form, first.tokenizer)
    first.close()
    second = HostedTeacher(first.spec, memory=tmp_path)
    assert second.proven
    assert known == (
        second.name, second.fingerprint, second.context_tokens, second.concurrency, second.form, second.tokenizer
    )  # fmt: skip
    assert known[3:] == (7, "schema", None)
    assert second.pid is None
    assert not HostedTeacher(TeacherSpec("scripted", context_tokens=99), memory=tmp_path).proven


def test_another_teacher_than_the_remembered_one_is_refused_once(tmp_path: Path) -> None:
    spec = TeacherSpec("scripted", script={"name": "wren"})
    teacher = HostedTeacher(spec, memory=tmp_path)
    assert teacher.name == "wren"
    teacher.close()
    [memory] = tmp_path.iterdir()
    memory.write_text(memory.read_text().replace("wren", "owl").replace(teacher.fingerprint, "f" * 64))
    changed = HostedTeacher(spec, memory=tmp_path)
    [end] = outcomes(changed, BIRDS[:1])
    assert isinstance(end, TeacherError)
    assert "another than before (wren, not owl)" in str(end)
    assert not HostedTeacher(spec, memory=tmp_path).proven


@pytest.mark.model
def test_vllm_answers_with_an_adapter_and_its_engine_ends_with_it(tmp_path: Path) -> None:
    """The engine has a process of its own; one that dies must neither hang nor stay behind."""
    pytest.importorskip("vllm", reason="NO VLLM HERE: neither of its builds installs on this machine")
    base, adapter, plain, tuned = _tiny_with_adapter(tmp_path)
    model = ModelFolder(base, "tiny", "0" * 64, "unknown")
    teacher = HostedTeacher(TeacherSpec("vllm", model, 512, adapter=ModelFolder(adapter, "tuned", "1" * 64, "unknown")))
    try:
        [text] = texts(teacher, [ask("Hello", max_tokens=12)])
        assert text == tuned != plain
        assert teacher.name == "tiny with tuned on vLLM (CPU)"
        asyncio.run(_break(teacher))
    finally:
        teacher.close()


async def _break(teacher: HostedTeacher) -> None:
    waiting = asyncio.create_task(teacher.answer(ask(ENDLESS, max_tokens=400, temperature=1.0)))
    pid = teacher.pid
    assert pid is not None
    [core] = [int(line.split()[0]) for line in _group(pid) if "EngineCore" in line]
    os.kill(core, signal.SIGKILL)
    deadline = time.monotonic() + 60
    while teacher.pid in (None, pid) and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
    second = teacher.pid
    assert second not in (None, pid)
    assert gone(core)
    assert gone(pid)
    await asyncio.to_thread(teacher.close)
    with pytest.raises(TeacherError, match="closed"):
        await waiting
    assert not [line for line in _group(second or 0) if "defunct" not in line]


def _group(pid: int) -> list[str]:
    return subprocess.run(["ps", "-o", "pid=,cmd=", "-g", str(pid)], capture_output=True, text=True).stdout.splitlines()


def _tiny_with_adapter(folder: Path) -> tuple[Path, Path, str, str]:
    """A model, an adapter, and what peft says that each of them answers to "Hello"."""
    import peft
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    base, adapter = save_tiny_model(folder / "base", heads=1), folder / "adapter"
    torch.manual_seed(1)
    config = peft.LoraConfig(
        r=4, lora_alpha=64, target_modules="all-linear", init_lora_weights=False, task_type="CAUSAL_LM"
    )
    model = peft.get_peft_model(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), config)
    model.save_pretrained(adapter)
    tokenizer = AutoTokenizer.from_pretrained(base)
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": "Hello"}], add_generation_prompt=True, return_tensors="pt", return_dict=False
    )

    def greedy() -> str:
        output = model.generate(prompt, max_new_tokens=12, do_sample=False)[0, prompt.shape[1] :]
        return str(tokenizer.decode(output, skip_special_tokens=True)).rstrip("\ufffd")  # vLLM drops half characters

    tuned = greedy()
    with model.disable_adapter():
        return base, adapter, greedy(), tuned
