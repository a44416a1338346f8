"""A teacher on transformers: slower than vLLM, and at home wherever PyTorch is (CPU, Apple silicon, CUDA)."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

from pipeline.models import ModelFolder
from pipeline.teacher.port import ChatRequest, Completion, FinishReason, Sampling, TeacherError
from pipeline.teacher.prompt import CONTEXT_TOKENS, Prompter, UnfitRequest, context_of, fingerprint

BATCH = 16


class TransformersTeacher:
    """Answers fixed batches in the order of the requests.

    The decoding loop is our own, since `generate` knows one seed for a whole batch: here each row has its generator,
    so that a text depends on its batch's prompts but never on what was sampled before.
    """

    def __init__(self, model: ModelFolder, *, context_tokens: int = CONTEXT_TOKENS, batch_size: int = BATCH) -> None:
        """Load; a few seconds for the packaged model. Raises `TeacherError`."""
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        import torch
        from transformers import AutoModelForCausalLM

        if threads := os.environ.get("SEEDBED_THREADS"):
            torch.set_num_threads(int(threads))  # else PyTorch takes one for each physical core
        self._context = context_of(model, context_tokens)
        self._batch = batch_size
        self._device = _device()
        # On a CPU, bfloat16 is slow where the chip does not multiply it, and rounds differently where it does.
        dtype = torch.bfloat16 if self._device == "cuda" else torch.float32
        try:
            loaded = AutoModelForCausalLM.from_pretrained(model.path, dtype=dtype, local_files_only=True)
            self._model: Any = loaded.to(self._device).eval()
        except Exception as error:  # the library has no common class for a broken folder
            raise TeacherError(f"transformers cannot load {model.name} from {model.path}: {error}") from error
        self._prompter = Prompter(model, self._context)
        self._ends = _end_tokens(self._model, self._prompter.tokenizer)
        place = {"cpu": "CPU", "cuda": "CUDA", "mps": "Apple GPU"}[self._device]
        self._name = f"{model.name} on transformers ({place})"
        dtype_name = str(dtype).removeprefix("torch.")
        self._fingerprint = fingerprint(model, f"transformers-{self._device}", dtype_name)

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
        """See `Teacher.complete`."""
        if self._model is None:
            raise TeacherError(f"{self._name} was closed.")
        rows: list[_Row] = []
        for index, request in enumerate(requests):
            try:
                rows.append(_Row(index, self._prompter.encode(request), request.sampling))
            except UnfitRequest as error:
                yield index, Completion("", "error", error=str(error))
        for start in range(0, len(rows), self._batch):
            yield from self._decode(rows[start : start + self._batch])

    def close(self) -> None:
        """Drop the model."""
        self._model = None

    def _decode(self, rows: list[_Row]) -> Iterator[tuple[int, Completion]]:
        """One batch, token by token; rows leave it as they finish. Tensors are (rows, tokens)."""
        import torch

        longest = max(len(row.prompt) for row in rows)
        pad = next(iter(self._ends))
        ids = torch.tensor([[pad] * (longest - len(row.prompt)) + row.prompt for row in rows])
        mask = torch.tensor([[0] * (longest - len(row.prompt)) + [1] * len(row.prompt) for row in rows])
        ids, mask = ids.to(self._device), mask.to(self._device)
        positions = (mask.cumsum(-1) - 1).clamp(min=0)
        cache = None
        while rows:
            with torch.inference_mode():
                output = self._model(
                    input_ids=ids,
                    attention_mask=mask,
                    position_ids=positions,
                    past_key_values=cache,
                    use_cache=True,
                    logits_to_keep=1,
                )
            cache, logits = output.past_key_values, output.logits[:, -1].float().cpu()
            tokens = [row.choose(scores) for row, scores in zip(rows, logits, strict=True)]
            staying = []
            for place, (row, token) in enumerate(zip(rows, tokens, strict=True)):
                if (done := row.accept(token, self._ends, self._prompter.tokenizer)) is None:
                    staying.append(place)
                else:
                    yield row.index, done
            if len(staying) < len(rows):
                rows = [rows[place] for place in staying]
                keep = torch.tensor(staying, dtype=torch.long, device=self._device)
                cache.batch_select_indices(keep)
                mask, positions = mask[keep], positions[keep]
            ids = torch.tensor([[tokens[place]] for place in staying], device=self._device)
            mask = torch.cat([mask, mask.new_ones(len(rows), 1)], dim=1)
            positions = positions[:, -1:] + 1


class _Row:
    """One request on its way through a batch."""

    def __init__(self, index: int, prompt: list[int], sampling: Sampling) -> None:
        import torch

        self.index, self.prompt, self.sampling = index, prompt, sampling
        self.output: list[int] = []
        self.generator = torch.Generator().manual_seed(sampling.seed)

    def choose(self, logits: Any) -> int:
        """The next token: the likeliest, or one drawn from the smallest set that holds `top_p` of the mass."""
        import torch

        if self.sampling.temperature == 0:
            return int(logits.argmax())
        chances, tokens = torch.softmax(logits / self.sampling.temperature, -1).sort(descending=True, stable=True)
        chances[chances.cumsum(-1) - chances >= self.sampling.top_p] = 0
        return int(tokens[torch.multinomial(chances, 1, generator=self.generator)])

    def accept(self, token: int, ends: frozenset[int], tokenizer: Any) -> Completion | None:
        """Add the token. The completion, when that ended it: an end token, a stop string, or no tokens left."""
        self.output.append(token)
        if token in ends:
            return self._complete(tokenizer.decode(self.output, skip_special_tokens=True), "stop")
        full = len(self.output) >= self.sampling.max_tokens
        if not self.sampling.stop and not full:
            return None
        text = tokenizer.decode(self.output, skip_special_tokens=True)
        cuts = [place for stop in self.sampling.stop if (place := text.find(stop)) >= 0]
        if cuts:
            return self._complete(text[: min(cuts)], "stop")
        return self._complete(text, "length") if full else None

    def _complete(self, text: str, reason: FinishReason) -> Completion:
        return Completion(text, reason, len(self.prompt), len(self.output))


def _device() -> str:
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    """Every token that ends an answer, as vLLM counts them. Raises `TeacherError` where none is known."""
    configured = getattr(model.generation_config, "eos_token_id", None)
    ends = {*(configured if isinstance(configured, list) else [configured]), tokenizer.eos_token_id} - {None}
    if not ends:
        raise TeacherError("the model names no end token: add eos_token_id to its generation_config.json.")
    return frozenset(ends)
