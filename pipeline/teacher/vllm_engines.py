"""Two ways to run vLLM's engine: `Steps` inside this process, step by step; `Streams` by `AsyncLLM` in its own."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Iterator
from typing import Any

from pipeline.models import ModelFolder
from pipeline.teacher.port import ChatRequest, Completion, Sampling, TeacherError
from pipeline.teacher.prompt import Prompter, UnfitRequest


class Steps:
    """vLLM's synchronous engine with its scheduler in this process; `stepping.Stepper` moves it."""

    def __init__(self, arguments: dict[str, Any], prompter: Prompter, adapter: ModelFolder | None) -> None:
        # Else the engine would be a process of its own here, too.
        os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
        from vllm import EngineArgs
        from vllm.v1.engine.llm_engine import LLMEngine

        self._engine: Any = LLMEngine.from_engine_args(EngineArgs(**arguments))
        self._prompter = prompter
        self._lora = _lora(adapter)
        self._running: dict[int, tuple[str, int]] = {}  # number → vLLM's name for it, alternatives wanted

    @property
    def dtype(self) -> str:
        """The type of the weights, such as "float32"."""
        return _dtype(self._engine)

    @property
    def busy(self) -> bool:
        """See `stepping.Engine.busy`."""
        return bool(self._engine.has_unfinished_requests())

    def add(self, number: int, request: ChatRequest) -> None:
        """See `stepping.Engine.add`."""
        from vllm.exceptions import VLLMClientError

        prompt = {"prompt_token_ids": self._prompter.encode(request)}
        try:
            sampling = _parameters(request.sampling)
            name = self._engine.add_request(str(number), prompt, sampling, lora_request=self._lora)
        except (VLLMClientError, ValueError) as error:  # such as a schema that it cannot follow
            raise UnfitRequest(str(error)) from error
        self._running[number] = (name, request.sampling.alternatives)

    def drop(self, number: int) -> None:
        """See `stepping.Engine.drop`."""
        if number in self._running:
            self._engine.abort_request([self._running.pop(number)[0]], internal=True)

    def step(self) -> Iterator[tuple[int, Completion]]:
        """See `stepping.Engine.step`."""
        for output in self._engine.step():
            if output.finished:
                number = int(output.request_id)
                _, alternatives = self._running.pop(number)
                yield number, _completion(output, alternatives)

    def close(self) -> None:
        """See `stepping.Engine.close`."""
        self._engine.engine_core.shutdown()


class Streams:
    """vLLM's `AsyncLLM`. Its engine has processes of its own and keeps the GPU busy while this one reads and writes.

    They belong to our process group, so whoever kills that leaves none behind.
    """

    def __init__(self, arguments: dict[str, Any], prompter: Prompter, adapter: ModelFolder | None, name: str) -> None:
        from vllm import AsyncEngineArgs
        from vllm.v1.engine.async_llm import AsyncLLM

        self._engine: Any = AsyncLLM.from_engine_args(AsyncEngineArgs(**arguments))
        self._prompter, self._name = prompter, name
        self._lora = _lora(adapter)
        self._numbers = itertools.count()
        self._works: set[asyncio.Future[Completion]] = set()
        self._closed = False

    @property
    def dtype(self) -> str:
        """The type of the weights, such as "bfloat16"."""
        return _dtype(self._engine)

    async def answer(self, request: ChatRequest) -> Completion:
        """See `Teacher.answer`."""
        if self._closed:
            raise TeacherError(f"{self._name} was closed.")
        work = asyncio.ensure_future(self._generate(request))
        self._works.add(work)
        try:
            return await work
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self._closed and not (task and task.cancelling()):
                raise TeacherError(self._failure()) from None
            raise
        finally:
            self._works.discard(work)

    def close(self) -> None:
        """End its processes; answers in flight raise `TeacherError`."""
        if not self._closed:
            self._closed = True
            for work in tuple(self._works):
                work.get_loop().call_soon_threadsafe(work.cancel)
            self._engine.shutdown()

    async def _generate(self, request: ChatRequest) -> Completion:
        from vllm.exceptions import VLLMClientError
        from vllm.v1.engine.exceptions import EngineGenerateError

        output: Any = None
        try:
            prompt = {"prompt_token_ids": self._prompter.encode(request)}
            number, sampling = str(next(self._numbers)), _parameters(request.sampling)
            async for output in self._engine.generate(prompt, sampling, number, lora_request=self._lora):  # noqa: B007
                pass
        except (UnfitRequest, VLLMClientError, ValueError) as error:
            return Completion("", "unfit", error=str(error))
        except EngineGenerateError as error:
            if self._engine.errored:
                raise TeacherError(self._failure(error)) from error
            return Completion("", "error", error=f"vLLM failed at this request: {error.__cause__ or error}")
        except Exception as error:  # above all EngineDeadError
            raise TeacherError(self._failure(error)) from error
        return _completion(output, request.sampling.alternatives)

    def _failure(self, error: BaseException | None = None) -> str:
        if self._closed or error is None:
            return f"{self._name} was closed while it answered."
        return f"{self._name} failed: {str(error) or type(error).__name__}"


def _dtype(engine: Any) -> str:
    return str(engine.model_config.dtype).removeprefix("torch.")


def _lora(adapter: ModelFolder | None) -> Any:
    from vllm.lora.request import LoRARequest

    return LoRARequest(adapter.name, 1, str(adapter.path)) if adapter else None


def _parameters(sampling: Sampling) -> Any:
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


def _completion(output: Any, alternatives: int) -> Completion:
    answer = output.outputs[0]
    if answer.finish_reason not in ("stop", "length"):
        return Completion("", "error", error=f"vLLM gave this request up ({answer.finish_reason})")
    return Completion(
        answer.text,
        answer.finish_reason,
        len(output.prompt_token_ids or ()),
        len(answer.token_ids),
        cached_tokens=output.num_cached_tokens or 0,
        alternatives=_alternatives(answer.logprobs[0], alternatives) if alternatives else (),
    )


def _alternatives(first: Any, most: int) -> tuple[tuple[str, float], ...]:
    """Of the first token, from vLLM's mapping of token ids to rank, text and logarithm; the chosen one may be extra."""
    ranked = sorted(first.values(), key=lambda value: value.rank)[:most]
    return tuple((value.decoded_token or "", value.logprob) for value in ranked)
