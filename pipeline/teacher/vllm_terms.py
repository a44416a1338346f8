"""Our words in vLLM's: how the engine is started, what a request asks of it, what an answer means."""

from __future__ import annotations

import json
from typing import Any

from pipeline.models import ModelFolder
from pipeline.teacher.port import Completion, Sampling, TeacherError

_LORA_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)


def engine_arguments(
    model: ModelFolder, adapter: ModelFolder | None, context_tokens: int, concurrency: int, cpu_dtype: str | None
) -> dict[str, Any]:
    """What `AsyncEngineArgs` are made of. `cpu_dtype`: None for CUDA. Raises `TeacherError` for an unfit adapter."""
    arguments: dict[str, Any] = {
        "model": str(model.path),
        "max_model_len": context_tokens,
        "max_num_seqs": concurrency,
        "enable_prefix_caching": True,
        "enforce_eager": cpu_dtype is not None,
        "disable_log_stats": True,
        "seed": 0,
        # Where white space is free, small models fill an answer with it. Guidance knows most of JSON Schema.
        "structured_outputs_config": {"backend": "guidance", "disable_any_whitespace": True},
    }
    if cpu_dtype is not None:
        arguments["dtype"] = cpu_dtype
        # Only whole blocks of a prompt are found again. By itself the CPU build takes 128 tokens: of prompts with 340
        # tokens in common and 50 of their own it then knows 64 %, with 32 tokens 88 %, and answers 1.7 times as fast.
        arguments["block_size"] = 32
        # A split prompt with a seed kills the CPU engine: "CPU Generator does not use offset".
        arguments |= {"enable_chunked_prefill": False, "max_num_batched_tokens": max(16384, context_tokens)}
    if adapter is not None:
        arguments |= {"enable_lora": True, "max_loras": 1, "max_lora_rank": _most_rank(adapter)}
    return arguments


def _most_rank(adapter: ModelFolder) -> int:
    try:
        config = json.loads((adapter.path / "adapter_config.json").read_text(encoding="utf-8"))
        rank = max(config["r"], *(config.get("rank_pattern") or {}).values(), 1)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise TeacherError(f"{adapter.path}/adapter_config.json does not read as peft's: {error!r}") from error
    fitting = next((most for most in _LORA_RANKS if most >= rank), None)
    if fitting is None:
        raise TeacherError(f"{adapter.name} has rank {rank}; vLLM takes adapters up to rank {_LORA_RANKS[-1]}.")
    return fitting


def lora_request(adapter: ModelFolder | None) -> Any:
    """What makes a request use the adapter."""
    from vllm.lora.request import LoRARequest

    return LoRARequest(adapter.name, 1, str(adapter.path)) if adapter else None


def sampling_params(sampling: Sampling) -> Any:
    """vLLM's `SamplingParams`. Its logarithms are those of the model, before temperature and schema."""
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind, StructuredOutputsParams

    return SamplingParams(
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        max_tokens=sampling.max_tokens,
        stop=list(sampling.stop),
        seed=sampling.seed if sampling.temperature > 0 else None,
        logprobs=sampling.alternatives or None,
        structured_outputs=StructuredOutputsParams(json=sampling.schema) if sampling.schema else None,
        output_kind=RequestOutputKind.FINAL_ONLY,
    )


def completion_of(output: Any, alternatives: int) -> Completion:
    """From vLLM's finished `RequestOutput`."""
    answer = output.outputs[0]
    if answer.finish_reason not in ("stop", "length"):
        return Completion("", "error", error=f"vLLM gave this request up ({answer.finish_reason})")
    return Completion(
        answer.text,
        answer.finish_reason,
        len(output.prompt_token_ids or ()),
        len(answer.token_ids),
        cached_tokens=output.num_cached_tokens or 0,
        alternatives=_likeliest(answer.logprobs[0], alternatives) if alternatives else (),
    )


def _likeliest(first: Any, most: int) -> tuple[tuple[str, float], ...]:
    """Of vLLM's mapping of token ids to rank, text and logarithm; the token that was chosen may be one more."""
    ranked = sorted(first.values(), key=lambda value: value.rank)[:most]
    return tuple((value.decoded_token or "", value.logprob) for value in ranked)
