"""What is minimised: nats per trained token of a whole optimizer step; on anchors, the distance to the base.

Logits are made at trained positions alone: in a small model with a large vocabulary they are a fifth of the work.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from pipeline.causal import IGNORED, Encoded, by_length
from pipeline.train.layout import Batch, Layout, lay_out

AGREEMENT = 1e-3
"""Nats per token by which another layout of the same rows may differ: rounding, and nothing else."""
ROUGH_AGREEMENT = 2e-2
"""The same where weights are quantized; rows that see each other differ by whole nats."""


def answer_logits(model: Any, batch: Batch) -> tuple[Any, Any]:
    """Logits (trained tokens, vocabulary) and those tokens' ids, of a batch as `lay_out` makes it.

    The head of the model gets the hidden states of the chosen positions alone, so this works for every architecture
    and inside wrappers such as FSDP.
    """
    import torch

    inputs = {name: tensor for name, tensor in batch.items() if name != "labels"}
    wanted = batch["labels"][:, 1:]
    keep = torch.zeros_like(batch["labels"], dtype=torch.bool)
    keep[:, :-1] = wanted != IGNORED

    def chosen(_: Any, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        return (arguments[0][keep].unsqueeze(0), *arguments[1:])

    inner = getattr(model, "module", model)
    handle = inner.get_output_embeddings().register_forward_pre_hook(chosen)
    try:
        logits = model(**inputs, use_cache=False).logits[0]
    finally:
        handle.remove()
    return logits.float(), wanted[keep[:, :-1]]


def step_loss(model: Any, batch: Batch, anchors: Batch | None, of_anchors: Any, kl_weight: float) -> Any:
    """Summed nats of a micro batch: cross entropy, but on anchors `kl_weight` times the divergence from the base.

    An anchor is the base's likeliest answer. Cross entropy would make it likelier still and all others unlikely, which
    harms what the anchor is there to keep (docs/reference/benchmarks.md, learning against harm); the divergence is
    least where nothing has changed.

    `anchors`: the anchor rows of the batch alone, in the same order; `of_anchors`: which trained tokens are theirs.
    """
    import torch

    logits, wanted = answer_logits(model, batch)
    if anchors is None or kl_weight == 0:
        return torch.nn.functional.cross_entropy(logits, wanted, reduction="sum")
    loss = torch.nn.functional.cross_entropy(logits[~of_anchors], wanted[~of_anchors], reduction="sum")
    with torch.no_grad(), as_base(model):
        base, _ = answer_logits(model, anchors)
    student = torch.log_softmax(logits[of_anchors], dim=-1)
    teacher = torch.log_softmax(base, dim=-1)
    kl = torch.nn.functional.kl_div(student, teacher, reduction="sum", log_target=True)
    return loss + kl_weight * kl


@contextlib.contextmanager
def as_base(model: Any) -> Iterator[None]:
    """The model with its adapter switched off and without dropout: the base that it started from."""
    inner = getattr(model, "module", model)
    training = model.training
    model.eval()
    try:
        with inner.disable_adapter():
            yield
    finally:
        model.train(training)


def mean_nats(model: Any, rows: Sequence[Encoded], layout: Layout, filler: int, size: int) -> float:
    """Nats per trained token over `rows`, in fixed batches of `size`; the model is left in the mode that it had."""
    import torch

    training = model.training
    model.eval()
    total, count = 0.0, 0
    try:
        with torch.no_grad():
            for chosen in by_length([len(row.tokens) for row in rows], size):
                batch = lay_out([rows[i] for i in chosen], layout, filler)
                logits, wanted = answer_logits(model, {name: one.to(model.device) for name, one in batch.items()})
                total += float(torch.nn.functional.cross_entropy(logits, wanted, reduction="sum"))
                count += len(wanted)
    finally:
        model.train(training)
    return total / count


def agreed_layout(
    model: Any, rows: Sequence[Encoded], wish: Layout, filler: int, tolerance: float = AGREEMENT
) -> Layout:
    """`wish` where it gives this model the loss that padding gives on `rows`, best the longest ones; else `padded`.

    Models with sliding windows or recurrent layers do not keep to a mask. That is measured here, not assumed.
    """
    apart = abs(mean_nats(model, rows, wish, filler, len(rows)) - mean_nats(model, rows, "padded", filler, 1))
    return wish if apart <= tolerance else "padded"
