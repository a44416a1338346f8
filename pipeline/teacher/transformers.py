"""A teacher on transformers: slower than vLLM, and at home wherever PyTorch is (CPU, Apple silicon, CUDA)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.models import ModelFolder
from pipeline.teacher.port import ChatRequest, Completion, FinishReason, Form, Sampling, TeacherError
from pipeline.teacher.profile import form_for
from pipeline.teacher.prompt import CONTEXT_TOKENS, Prompter, UnfitRequest, context_of, fingerprint, tokenizer_of
from pipeline.teacher.stepping import Stepper

BATCH = 16
GATHER_S = 0.005  # what arrives together is decoded together; a token takes ten times as long


class TransformersTeacher:
    """Decodes what waits in batches of up to `concurrency`; what comes meanwhile makes the next batch.

    It cannot bind answers to a schema: its form is always "plain", and a request with a schema is unfit.
    """

    def __init__(
        self,
        model: ModelFolder,
        *,
        context_tokens: int = CONTEXT_TOKENS,
        concurrency: int = BATCH,
        form: str = "auto",
    ) -> None:
        """Load; a few seconds for the packaged model. Raises `TeacherError`."""
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        self._form: Form = form_for(model, form, binds=False, engine="transformers")
        self._context = context_of(model, context_tokens)
        self._tokenizer = tokenizer_of(model)
        self._concurrency = concurrency
        self._stepper = Stepper(
            lambda: _Batches(model, Prompter(model, self._context), concurrency),
            f"{model.name} on transformers",
            gather_s=GATHER_S,
        )
        engine = self._stepper.engine
        place = {"cpu": "CPU", "cuda": "CUDA", "mps": "Apple GPU"}[engine.device]
        self._name = f"{model.name} on transformers ({place})"
        self._fingerprint = fingerprint(model, f"transformers-{engine.device}", engine.dtype)

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
        """See `Teacher.answer`."""
        return await self._stepper.answer(request)

    def close(self) -> None:
        """Drop the model."""
        self._stepper.close()


class _Batches:
    """The engine behind it (`stepping.Engine`): one batch at a time, token by token; rows leave it as they finish.

    The decoding loop is our own, since `generate` knows one seed for a whole batch: here each row has its generator.
    Tensors are (rows, tokens), prompts padded on the left.
    """

    def __init__(self, model: ModelFolder, prompter: Prompter, most_rows: int) -> None:
        import torch
        from transformers import AutoModelForCausalLM

        if threads := os.environ.get("SEEDBED_THREADS"):
            torch.set_num_threads(int(threads))  # else PyTorch takes one for each physical core
        self.device = _device()
        # On a CPU, bfloat16 is slow where the chip does not multiply it, and rounds differently where it does.
        dtype = torch.bfloat16 if self.device == "cuda" else torch.float32
        self.dtype = str(dtype).removeprefix("torch.")
        try:
            loaded = AutoModelForCausalLM.from_pretrained(model.path, dtype=dtype, local_files_only=True)
            self._model: Any = loaded.to(self.device).eval()
        except Exception as error:  # the library has no common class for a broken folder
            raise TeacherError(f"transformers cannot load {model.name} from {model.path}: {error}") from error
        self._prompter, self._most_rows = prompter, most_rows
        self._ends = _end_tokens(self._model, prompter.tokenizer)
        self._waiting: list[_Row] = []
        self._rows: list[_Row] = []
        self._ids: Any = None
        self._mask: Any = None
        self._positions: Any = None
        self._cache: Any = None

    @property
    def busy(self) -> bool:
        """See `stepping.Engine.busy`."""
        return bool(self._rows or self._waiting)

    def add(self, number: int, request: ChatRequest) -> None:
        """See `stepping.Engine.add`."""
        if request.sampling.schema:
            raise UnfitRequest("transformers cannot bind an answer to a schema: use vLLM or a server for this prompt")
        self._waiting.append(_Row(number, self._prompter.encode(request), request.sampling))

    def drop(self, number: int) -> None:
        """See `stepping.Engine.drop`."""
        self._waiting = [row for row in self._waiting if row.number != number]
        self._keep([place for place, row in enumerate(self._rows) if row.number != number])

    def step(self) -> Iterator[tuple[int, Completion]]:
        """See `stepping.Engine.step`."""
        import torch

        if not self._rows:
            self._begin()
        with torch.inference_mode():
            output = self._model(
                input_ids=self._ids,
                attention_mask=self._mask,
                position_ids=self._positions,
                past_key_values=self._cache,
                use_cache=True,
                logits_to_keep=1,
            )
        self._cache, logits = output.past_key_values, output.logits[:, -1].float().cpu()
        tokens = [row.choose(scores, self._prompter.tokenizer) for row, scores in zip(self._rows, logits, strict=True)]
        staying = []
        for place, (row, token) in enumerate(zip(self._rows, tokens, strict=True)):
            if (done := row.accept(token, self._ends, self._prompter.tokenizer)) is None:
                staying.append(place)
            else:
                yield row.number, done
        self._grow(tokens)
        self._keep(staying)

    def close(self) -> None:
        """See `stepping.Engine.close`."""
        self._model = self._cache = None

    def _begin(self) -> None:
        """Make a batch of those who have waited longest."""
        import torch

        self._rows, self._waiting = self._waiting[: self._most_rows], self._waiting[self._most_rows :]
        longest = max(len(row.prompt) for row in self._rows)
        pad = next(iter(self._ends))
        ids = [[pad] * (longest - len(row.prompt)) + row.prompt for row in self._rows]
        mask = [[0] * (longest - len(row.prompt)) + [1] * len(row.prompt) for row in self._rows]
        self._ids = torch.tensor(ids, device=self.device)
        self._mask = torch.tensor(mask, device=self.device)
        self._positions = (self._mask.cumsum(-1) - 1).clamp(min=0)
        self._cache = None

    def _grow(self, tokens: list[int]) -> None:
        """Make the tokens just chosen the next input."""
        import torch

        self._ids = torch.tensor([[token] for token in tokens], device=self.device)
        self._mask = torch.cat([self._mask, self._mask.new_ones(len(tokens), 1)], dim=1)
        self._positions = self._positions[:, -1:] + 1

    def _keep(self, staying: list[int]) -> None:
        """Let all other rows go."""
        import torch

        if len(staying) == len(self._rows):
            return
        self._rows = [self._rows[place] for place in staying]
        keep = torch.tensor(staying, dtype=torch.long, device=self.device)
        if self._cache is not None:  # else they have not been through the model yet
            self._cache.batch_select_indices(keep)
        self._ids, self._mask, self._positions = self._ids[keep], self._mask[keep], self._positions[keep]


class _Row:
    """One request on its way through a batch."""

    def __init__(self, number: int, prompt: list[int], sampling: Sampling) -> None:
        import torch

        self.number, self.prompt, self.sampling = number, prompt, sampling
        self.output: list[int] = []
        self.alternatives: tuple[tuple[str, float], ...] = ()
        self.generator = torch.Generator().manual_seed(sampling.seed)

    def choose(self, logits: Any, tokenizer: Any) -> int:
        """The next token: the likeliest, or one drawn from the smallest set that holds `top_p` of the mass."""
        import torch

        if not self.output and self.sampling.alternatives:
            values, tokens = torch.log_softmax(logits, -1).topk(self.sampling.alternatives)
            texts = [tokenizer.decode([token]) for token in tokens.tolist()]
            self.alternatives = tuple(zip(texts, values.tolist(), strict=True))
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
        return Completion(text, reason, len(self.prompt), len(self.output), alternatives=self.alternatives)


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
