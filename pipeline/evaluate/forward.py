"""The log-likelihood of answers: each prompt is read once for all of its answers, and what all prompts share once.

Two passes a batch. The first reads the prompts, padded on their left, and gives the odds of each answer's first token.
The second reads the answers behind their prompts' keys and values. Logits are made for answers alone, which in a small
model with a large vocabulary is a third of the work. Imported in child processes alone.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline import causal
from pipeline.evaluate.rows import Asked, batches, prefix

Sum = tuple[float, int]
"""(sum of negative log-likelihoods in nats, number of labels) of one answer."""

LOGIT_BYTES = 256 << 20
"""Of logits at a time: the answers of a batch are read in parts that stay below."""


def answer_sums(
    model: Any, asked: Sequence[Asked], filler: int, size: int, done: Callable[[int], None]
) -> list[list[Sum]]:
    """For each item the sums of its answers, reference first. `filler`: the padding token; `done`: items so far."""
    import torch

    found: dict[int, list[Sum]] = {}
    with torch.inference_mode():
        reader = _reader(model, asked, filler)
        for batch in batches(asked, size):
            for at, sums in zip(batch, reader([asked[at] for at in batch]), strict=True):
                found[at] = sums
            done(len(found))
    return [found[at] for at in range(len(asked))]


def _reader(model: Any, asked: Sequence[Asked], filler: int) -> Callable[[Sequence[Asked]], list[list[Sum]]]:
    """How this model reads: behind shared keys and values where its cache is one that can be shared."""
    shared = prefix(asked)
    opening = asked[0].prompt[:shared] if asked else ()
    cache = _cache_of(model, opening or (filler,))
    if cache is None:
        return _Whole(model, filler).read
    return _Shared(model, filler, opening, cache if opening else None).read


def _cache_of(model: Any, tokens: Sequence[int]) -> Any:
    """The keys and values of one row; None where a layer keeps something else, or forgets (sliding windows)."""
    import torch
    from transformers.cache_utils import DynamicCache, DynamicLayer

    row = torch.tensor([list(tokens)], device=model.device)
    cache = model(input_ids=row, use_cache=True, **_keep(model, 1)).past_key_values
    plain = isinstance(cache, DynamicCache) and all(type(layer) is DynamicLayer for layer in cache.layers)
    return cache if plain else None


@dataclass(frozen=True, slots=True)
class _Shared:
    """`cache`: keys and values of the `opening` that all prompts share, one row; None where they share none."""

    model: Any
    filler: int
    opening: tuple[int, ...]
    cache: Any

    def read(self, asked: Sequence[Asked]) -> list[list[Sum]]:
        import torch

        prompts = [one.prompt[len(self.opening) :] for one in asked]
        cache, seen, first = self._prompts(prompts)
        owner = [at for at, one in enumerate(asked) for _ in one.tails]
        tails = [tail for one in asked for tail in one.tails]
        sums: list[Sum] = []
        for part in _parts(tails, first.shape[-1]):
            rows = torch.tensor([owner[at] for at in part], device=self.model.device)
            starts = [len(self.opening) + len(prompts[owner[at]]) for at in part]
            logits = first[rows].unsqueeze(1)
            if any(len(tails[at].tokens) > 1 for at in part):
                more = self._tails([tails[at] for at in part], _select(cache, rows), seen[rows], starts)
                logits = torch.cat([logits, more], dim=1)
            sums += _sums(logits, [tails[at].labels for at in part])
        ends = iter(sums)
        return [[next(ends) for _ in one.tails] for one in asked]

    def _prompts(self, prompts: Sequence[Sequence[int]]) -> tuple[Any, Any, Any]:
        """Keys and values of (rows, opening + longest prompt), which of them count, logits (rows, vocabulary)."""
        import torch
        from transformers.cache_utils import DynamicCache

        rows, width = len(prompts), max(map(len, prompts))
        cache = DynamicCache()
        if self.cache is not None:
            cache = _select(self.cache, torch.zeros(rows, dtype=torch.long, device=self.model.device))
        spare = [width - len(prompt) for prompt in prompts]
        ids = [[*[self.filler] * n, *prompt] for prompt, n in zip(prompts, spare, strict=True)]
        seen = torch.tensor([[1] * len(self.opening) + [0] * n + [1] * (width - n) for n in spare])
        places = [[len(self.opening) + max(0, at - n) for at in range(width)] for n in spare]
        out = self._forward(ids, seen, places, cache, 1)
        return out.past_key_values, seen.to(self.model.device), out.logits[:, -1].float()

    def _tails(self, tails: Sequence[causal.Encoded], cache: Any, seen: Any, starts: Sequence[int]) -> Any:
        """Logits (rows, longest tail - 1, vocabulary) that follow each token of the tails but the last."""
        import torch

        width = max(len(tail.tokens) for tail in tails) - 1
        ids = [[*tail.tokens[:-1], *[self.filler] * (width + 1 - len(tail.tokens))] for tail in tails]
        own = torch.tensor([[1] * (len(tail.tokens) - 1) + [0] * (width + 1 - len(tail.tokens)) for tail in tails])
        places = [[start + at for at in range(width)] for start in starts]
        return self._forward(ids, torch.cat([seen.cpu(), own], dim=1), places, cache, width).logits.float()

    def _forward(self, ids: Any, seen: Any, places: Any, cache: Any, keep: int) -> Any:
        import torch

        device = self.model.device
        return self.model(
            input_ids=torch.tensor(ids, device=device),
            attention_mask=seen.to(device),
            position_ids=torch.tensor(places, device=device),
            past_key_values=cache,
            use_cache=True,
            **_keep(self.model, keep),
        )


@dataclass(frozen=True, slots=True)
class _Whole:
    """Each answer behind its whole prompt, for models whose state cannot be shared."""

    model: Any
    filler: int

    def read(self, asked: Sequence[Asked]) -> list[list[Sum]]:
        rows = [(one.prompt, tail) for one in asked for tail in one.tails]
        size = len(asked)  # rows at a time, however many answers there are
        sums = [found for at in range(0, len(rows), size) for found in self._rows(rows[at : at + size])]
        ends = iter(sums)
        return [[next(ends) for _ in one.tails] for one in asked]

    def _rows(self, rows: Sequence[tuple[Sequence[int], causal.Encoded]]) -> list[Sum]:
        import torch

        tokens = [[*prompt, *tail.tokens[:-1]] for prompt, tail in rows]
        width, first = max(map(len, tokens)), min(len(prompt) for prompt, _ in rows) - 1
        spare = [width - len(row) for row in tokens]
        out = self.model(
            input_ids=torch.tensor(
                [[*row, *[self.filler] * n] for row, n in zip(tokens, spare, strict=True)], device=self.model.device
            ),
            attention_mask=torch.tensor([[1] * (width - n) + [0] * n for n in spare], device=self.model.device),
            use_cache=False,
            **_keep(self.model, width - first),
        )
        labels = [[*[causal.IGNORED] * (len(prompt) - 1 - first), *tail.labels] for prompt, tail in rows]
        return _sums(out.logits[:, first - width :].float(), labels)


def _parts(tails: Sequence[causal.Encoded], vocabulary: int) -> list[list[int]]:
    """Rows in order, in parts whose logits stay below `LOGIT_BYTES` (one row at least)."""
    width = max(len(tail.tokens) for tail in tails)
    size = max(1, LOGIT_BYTES // (4 * vocabulary * width))
    return [list(range(at, min(at + size, len(tails)))) for at in range(0, len(tails), size)]


def _select(cache: Any, rows: Any) -> Any:
    """A cache of its own with `rows` of another one."""
    chosen = copy.copy(cache)
    chosen.layers = [copy.copy(layer) for layer in cache.layers]  # the tensors are replaced, never written to
    chosen.batch_select_indices(rows)
    return chosen


def _sums(logits: Any, wanted: Sequence[Sequence[int]]) -> list[Sum]:
    """`logits`: (rows, places, vocabulary), at each place the odds of the label that `wanted` has there."""
    import torch

    width = logits.shape[1]
    labels = torch.tensor([[*row, *[causal.IGNORED] * (width - len(row))] for row in wanted], device=logits.device)
    losses = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), labels.flatten(), ignore_index=causal.IGNORED, reduction="none"
    ).view(labels.shape)
    counts = (labels != causal.IGNORED).sum(dim=1).tolist()
    return list(zip(losses.double().sum(dim=1).tolist(), counts, strict=True))


def _keep(model: Any, places: int) -> dict[str, int]:
    """Makes logits for the last `places` alone, where the model can."""
    return {"logits_to_keep": places} if "logits_to_keep" in inspect.signature(model.forward).parameters else {}
