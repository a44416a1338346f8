"""A teacher on vLLM inside this process, on CUDA or on the CPU build."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path
from typing import Any, Literal

from pipeline.models import ModelFolder
from pipeline.teacher.port import ChatRequest, Completion, Form, TeacherError
from pipeline.teacher.profile import form_for
from pipeline.teacher.prompt import CONTEXT_TOKENS, Prompter, context_of, fingerprint, tokenizer_of
from pipeline.teacher.stepping import Stepper
from pipeline.teacher.vllm_engines import Steps, Streams

CONCURRENCY_CPU = 64  # twice as many gain an eighth in speed and double the memory and what a kill costs (design §7)
CONCURRENCY_GPU = 256
ENVIRONMENT = {
    "VLLM_CPU_KVCACHE_SPACE": "2",  # GiB: 64 requests of 700 tokens at float32 for the packaged model
    "VLLM_LOGGING_LEVEL": "ERROR",
    "VLLM_NO_USAGE_STATS": "1",
    "HF_HUB_OFFLINE": "1",
    "VLLM_WORKER_MULTIPROC_METHOD": "spawn",  # a fork would hold our pipes open after our death
}
_LORA_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)

Drive = Literal["auto", "async", "steps"]


def cpu_dtype() -> str:
    """bfloat16 where this CPU multiplies it, else float32, which without AMX or AVX512-BF16 is 2.5 times as fast."""
    try:
        flags = set(Path("/proc/cpuinfo").read_text(encoding="utf-8").split())
    except OSError:
        return "float32"
    native = {"bf16"} if platform.machine() == "aarch64" else {"amx_bf16", "avx512_bf16"}
    return "bfloat16" if flags & native else "float32"


class VllmTeacher:
    """Answers by continuous batching, with a seed for each request and a prefix cache that lives as long as the engine.

    `adapter`: a LoRA adapter that all answers use. `drive`: who runs the engine. "async": vLLM's `AsyncLLM`, whose
    engine has processes of its own, in our process group; "steps": a thread of ours; "auto": "async" on CUDA, "steps"
    on a CPU. With "async", all calls must come from the event loop that made it: host it (hosted.py).
    """

    def __init__(
        self,
        model: ModelFolder,
        *,
        context_tokens: int = CONTEXT_TOKENS,
        concurrency: int | None = None,
        adapter: ModelFolder | None = None,
        form: str = "auto",
        drive: Drive = "auto",
    ) -> None:
        """Load; 15 s for the packaged model. Raises `TeacherError`."""
        for key, value in ENVIRONMENT.items():
            os.environ.setdefault(key, value)
        self._form: Form = form_for(model, form, binds=True, engine="vLLM")
        self._context = context_of(model, context_tokens)
        self._tokenizer = tokenizer_of(model)
        self._engine: Stepper[Steps] | Streams
        try:
            from vllm.platforms import current_platform

            cpu = current_platform.is_cpu()
            tuned = f" with {adapter.name}" if adapter else ""
            self._name = f"{model.name}{tuned} on vLLM ({'CPU' if cpu else 'CUDA'})"
            self._concurrency = concurrency or (CONCURRENCY_CPU if cpu else CONCURRENCY_GPU)
            arguments = {**self._arguments(model, cpu), **_lora_arguments(adapter)}
            prompter = Prompter(model, self._context)
            # AsyncLLM's two processes more compete with the arithmetic for the same cores: PLACEHOLDER
            if drive == "steps" or (drive == "auto" and cpu):
                stepper = Stepper(lambda: Steps(arguments, prompter, adapter), self._name)
                self._engine, dtype = stepper, stepper.engine.dtype
            else:
                self._engine = Streams(arguments, prompter, adapter, self._name)
                dtype = self._engine.dtype
        except TeacherError:
            raise
        except Exception as error:  # vLLM raises whatever its many parts raise
            raise TeacherError(f"vLLM cannot load {model.name}: {str(error) or type(error).__name__}") from error
        self._fingerprint = fingerprint(model, "vllm-cpu" if cpu else "vllm-cuda", dtype, adapter)

    @property
    def name(self) -> str:
        """See `Teacher.name`."""
        return self._name

    @property
    def fingerprint(self) -> str:
        """See `Teacher.fingerprint`."""
        return self._fingerprint

    @property
    def context_tokens(self) -> int:
        """See `Teacher.context_tokens`."""
        return self._context

    @property
    def concurrency(self) -> int:
        """See `Teacher.concurrency`."""
        return self._concurrency

    @property
    def form(self) -> Form:
        """See `Teacher.form`."""
        return self._form

    @property
    def tokenizer(self) -> Path | None:
        """See `Teacher.tokenizer`."""
        return self._tokenizer

    async def answer(self, request: ChatRequest) -> Completion:
        """See `Teacher.answer`. Raises `TeacherError` when the engine has failed: then it is of no more use."""
        return await self._engine.answer(request)

    def close(self) -> None:
        """Shut the engine down. vLLM keeps some memory until the process ends: host it in a child."""
        self._engine.close()

    def _arguments(self, model: ModelFolder, cpu: bool) -> dict[str, Any]:
        """What both ways to run the engine are started with; see vLLM's `EngineArgs`."""
        arguments: dict[str, Any] = {
            "model": str(model.path),
            "max_model_len": self._context,
            "max_num_seqs": self._concurrency,
            "enable_prefix_caching": True,
            "enforce_eager": cpu,
            "disable_log_stats": True,
            "seed": 0,
            # Where white space is free, small models fill an answer with it. Guidance knows most of JSON Schema.
            "structured_outputs_config": {"backend": "guidance", "disable_any_whitespace": True},
        }
        if cpu:
            # A split prompt with a seed kills the CPU engine: "CPU Generator does not use offset".
            arguments |= {"enable_chunked_prefill": False, "max_num_batched_tokens": max(16384, self._context)}
            arguments |= {"dtype": cpu_dtype()}
        return arguments


def _lora_arguments(adapter: ModelFolder | None) -> dict[str, Any]:
    if adapter is None:
        return {}
    config = json.loads((adapter.path / "adapter_config.json").read_text(encoding="utf-8"))
    rank = max(config["r"], *(config.get("rank_pattern") or {}).values(), 1)
    fitting = next((most for most in _LORA_RANKS if most >= rank), None)
    if fitting is None:
        raise TeacherError(f"{adapter.name} has rank {rank}; vLLM takes adapters up to rank {_LORA_RANKS[-1]}.")
    return {"enable_lora": True, "max_loras": 1, "max_lora_rank": fitting}
