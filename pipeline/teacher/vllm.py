"""A teacher on vLLM's `AsyncLLM`, on CUDA or on the CPU build."""

from __future__ import annotations

import itertools
import os
import platform
from pathlib import Path
from typing import Any

from pipeline.models import ModelFolder
from pipeline.teacher.closing import InFlight
from pipeline.teacher.port import ChatRequest, Completion, Form, TeacherError
from pipeline.teacher.profile import form_for
from pipeline.teacher.prompt import CONTEXT_TOKENS, Prompter, UnfitRequest, context_of, fingerprint, tokenizer_of
from pipeline.teacher.tether import tether_children
from pipeline.teacher.vllm_terms import completion_of, engine_arguments, lora_request, sampling_params

CONCURRENCY_CPU = 64  # twice as many gain an eighth in speed and double the memory and what a kill costs (design §7)
CONCURRENCY_GPU = 256
ENVIRONMENT = {
    "VLLM_CPU_KVCACHE_SPACE": "2",  # GiB: 64 requests of 700 tokens at float32 for the packaged model
    # On a CPU this spares a process beside the engine's. With 64 in flight on two cores (SmolLM2, float32, three runs)
    # AsyncLLM then gives 99 tokens/s, with that process 71, and a bare LLMEngine, stepped in this process, 104.
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_WORKER_MULTIPROC_METHOD": "spawn",  # a fork would hold our pipes open after our death
    "VLLM_LOGGING_LEVEL": "ERROR",
    "VLLM_NO_USAGE_STATS": "1",
    "HF_HUB_OFFLINE": "1",
}


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

    The engine has a process of its own, which ends with this one (tether.py). All answers must come from one event
    loop: host it (hosted.py). `adapter`: a LoRA adapter that all answers use.
    """

    def __init__(
        self,
        model: ModelFolder,
        *,
        context_tokens: int = CONTEXT_TOKENS,
        concurrency: int | None = None,
        adapter: ModelFolder | None = None,
        form: str = "auto",
    ) -> None:
        """Load; 20 s for the packaged model. Raises `TeacherError`."""
        for key, value in ENVIRONMENT.items():
            os.environ.setdefault(key, value)
        self._form: Form = form_for(model, form, binds=True, engine="vLLM")
        self._context = context_of(model, context_tokens)
        self._tokenizer = tokenizer_of(model)
        self._prompter = Prompter(model, self._context)
        try:
            from vllm.platforms import current_platform

            cpu = bool(current_platform.is_cpu())
            self._concurrency = concurrency or (CONCURRENCY_CPU if cpu else CONCURRENCY_GPU)
            dtype = cpu_dtype() if cpu else None
            self._engine = _start(engine_arguments(model, adapter, self._context, self._concurrency, dtype))
            self._lora, self._tether = lora_request(adapter), tether_children()
        except TeacherError:
            raise
        except Exception as error:  # vLLM raises whatever its many parts raise
            raise TeacherError(f"vLLM cannot load {model.name}: {str(error) or type(error).__name__}") from error
        tuned = f" with {adapter.name}" if adapter else ""
        self._name = f"{model.name}{tuned} on vLLM ({'CPU' if cpu else 'CUDA'})"
        dtype = str(self._engine.model_config.dtype).removeprefix("torch.")
        self._fingerprint = fingerprint(model, "vllm-cpu" if cpu else "vllm-cuda", dtype, adapter)
        self._numbers, self._flying = itertools.count(), InFlight()

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
        return await self._flying.run(self._generate(request))

    def close(self) -> None:
        """Shut the engine down. vLLM keeps some memory until the process ends: host it in a child."""
        if not self._flying.closed:
            self._flying.close()
            self._engine.shutdown()

    async def _generate(self, request: ChatRequest) -> Completion:
        from vllm.exceptions import VLLMClientError
        from vllm.v1.engine.exceptions import EngineGenerateError

        output: Any = None
        try:
            prompt = {"prompt_token_ids": self._prompter.encode(request)}
            sampling, number = sampling_params(request.sampling), str(next(self._numbers))
            async for output in self._engine.generate(prompt, sampling, number, lora_request=self._lora):  # noqa: B007
                pass
        except (UnfitRequest, VLLMClientError, ValueError) as error:  # such as a schema that it cannot follow
            return Completion("", "unfit", error=str(error))
        except EngineGenerateError as error:
            if not self._engine.errored:
                return Completion("", "error", error=f"vLLM failed at this request: {error.__cause__ or error}")
            raise TeacherError(f"{self._name} failed: {error}") from error
        except Exception as error:  # above all EngineDeadError
            raise TeacherError(f"{self._name} failed: {str(error) or type(error).__name__}") from error
        return completion_of(output, request.sampling.alternatives)


def _start(arguments: dict[str, Any]) -> Any:
    from vllm import AsyncEngineArgs
    from vllm.v1.engine.async_llm import AsyncLLM

    return AsyncLLM.from_engine_args(AsyncEngineArgs(**arguments))
