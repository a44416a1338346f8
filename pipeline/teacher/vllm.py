"""A teacher on vLLM inside this process, on CUDA or on the CPU build."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pipeline.models import ModelFolder
from pipeline.teacher.port import ChatRequest, Completion, Sampling, TeacherError
from pipeline.teacher.prompt import CONTEXT_TOKENS, Prompter, UnfitRequest, context_of, fingerprint

BATCH_CPU = 64  # twice as many gain an eighth in speed and double the memory and what a kill costs (design §7)
BATCH_GPU = 256
ENVIRONMENT = {
    # The scheduler in this process sees requests in the order given; as a process of its own it races with arrival.
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_CPU_KVCACHE_SPACE": "2",  # GiB: 64 requests of 700 tokens at float32 for the packaged model
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
    """Answers with vLLM's engine, up to `batch_size` requests at once.

    The same list gives the same texts: one process, arrival in list order, a seed for each request, and a prefix
    cache that starts empty with each call (within a call it saves the prefill of shared few-shot turns).
    """

    def __init__(
        self, model: ModelFolder, *, context_tokens: int = CONTEXT_TOKENS, batch_size: int | None = None
    ) -> None:
        """Load; 15 s for the packaged model. Raises `TeacherError`."""
        for key, value in ENVIRONMENT.items():
            os.environ.setdefault(key, value)
        self._context = context_of(model, context_tokens)
        try:
            from vllm import LLM
            from vllm.platforms import current_platform

            cpu = current_platform.is_cpu()
            self._batch = batch_size or (BATCH_CPU if cpu else BATCH_GPU)
            self._llm: Any = LLM(
                model=str(model.path),
                dtype=cpu_dtype() if cpu else "auto",
                max_model_len=self._context,
                max_num_seqs=self._batch,
                max_num_batched_tokens=max(16384, self._context),
                # A split prompt with a seed kills the CPU engine: "CPU Generator does not use offset".
                enable_chunked_prefill=False,
                enable_prefix_caching=True,
                enforce_eager=cpu,
                disable_log_stats=True,
                seed=0,
            )
        except Exception as error:  # vLLM raises whatever its many parts raise
            raise TeacherError(f"vLLM cannot load {model.name}: {str(error) or type(error).__name__}") from error
        dtype = str(self._llm.llm_engine.model_config.dtype).removeprefix("torch.")
        self._name = f"{model.name} on vLLM ({'CPU' if cpu else 'CUDA'})"
        self._fingerprint = fingerprint(model, "vllm-cpu" if cpu else "vllm-cuda", dtype)
        self._prompter = Prompter(model, self._context)

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
    def batch_size(self) -> int:
        """See `Teacher.batch_size`."""
        return self._batch

    def complete(self, requests: Sequence[ChatRequest]) -> Iterator[tuple[int, Completion]]:
        """See `Teacher.complete`. Raises `TeacherError` when the engine fails: then it is of no more use."""
        if self._llm is None:
            raise TeacherError(f"{self._name} was closed.")
        engine = self._llm.llm_engine
        engine.reset_prefix_cache()
        open_ids: set[str] = set()
        refused: list[tuple[int, Completion]] = []
        try:
            for index, request in enumerate(requests):
                try:
                    prompt = {"prompt_token_ids": self._prompter.encode(request)}
                    engine.add_request(str(index), prompt, _parameters(request.sampling))
                    open_ids.add(str(index))
                except (UnfitRequest, ValueError) as error:
                    refused.append((index, Completion("", "error", error=str(error))))
            yield from refused
            while engine.has_unfinished_requests():
                for output in _step(engine):
                    if output.finished:
                        open_ids.discard(output.request_id)
                        yield int(output.request_id), _completion(output)
        finally:
            if open_ids:  # the caller left early
                engine.abort_request(sorted(open_ids))

    def close(self) -> None:
        """Shut the engine down. vLLM keeps some memory until the process ends: host it in a child."""
        if self._llm is not None:
            self._llm.llm_engine.engine_core.shutdown()
            self._llm = None


def _parameters(sampling: Sampling) -> Any:
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    return SamplingParams(
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        max_tokens=sampling.max_tokens,
        stop=list(sampling.stop),
        seed=sampling.seed if sampling.temperature > 0 else None,
        output_kind=RequestOutputKind.FINAL_ONLY,
    )


def _step(engine: Any) -> list[Any]:
    try:
        outputs: list[Any] = engine.step()
    except Exception as error:
        raise TeacherError(f"vLLM's engine failed: {str(error) or type(error).__name__}") from error
    return outputs


def _completion(output: Any) -> Completion:
    answer = output.outputs[0]
    if answer.finish_reason not in ("stop", "length"):
        return Completion("", "error", error=f"vLLM gave this request up ({answer.finish_reason})")
    return Completion(answer.text, answer.finish_reason, len(output.prompt_token_ids or ()), len(answer.token_ids))
