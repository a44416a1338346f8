"""trl's `SFTTrainer` with our rows, their order, and our loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.causal import IGNORED, Encoded
from pipeline.recipe import Recipe
from pipeline.train.layout import Batch, Layout, cheaper, lay_out, parts
from pipeline.train.loss import step_loss
from pipeline.train.rows import EMPTY, TrainRow

_NOTHING = TrainRow(Encoded((0, 0), (IGNORED, IGNORED)))


@dataclass(frozen=True, slots=True)
class Collator:
    """From row numbers to a batch in parts. `hidden`: the width of the model's layers, which tells what is less work.

    `cap`: most tokens of a part; None makes one part. `anchors`: also lay out anchors alone, for the base to read.
    """

    rows: Sequence[TrainRow]
    layout: Layout
    filler: int
    hidden: int
    cap: int | None = None
    anchors: bool = False

    def __call__(self, batch: Sequence[dict[str, int]]) -> dict[str, Any]:
        """`parts`, see `step_loss`, and all their `labels` in one line, which trl counts."""
        import torch

        rows = [self.rows[entry["row"]] if entry["row"] != EMPTY else _NOTHING for entry in batch]
        encoded = [row.encoded for row in rows]
        chosen = [slice(0, len(rows))] if self.cap is None else parts(encoded, self.layout, self.hidden, self.cap)
        labels = torch.tensor([[label for row in encoded for label in row.labels]])
        return {"labels": labels, "parts": [self._part(rows[part]) for part in chosen]}

    def _part(self, rows: Sequence[TrainRow]) -> Batch:
        import torch

        made = self._lay_out(rows)
        kept = [row for row in rows if row.kind == "anchor"]
        if self.anchors and kept:
            made["anchors"] = self._lay_out(kept)
            made["of_anchors"] = torch.tensor([row.kind == "anchor" for row in rows for _ in range(row.learnt)])
        return made

    def _lay_out(self, rows: Sequence[TrainRow]) -> Batch:
        encoded = [row.encoded for row in rows]
        layout = cheaper(encoded, self.hidden) if self.layout == "shared" else self.layout
        return lay_out(encoded, layout, self.filler)


def make_trainer(
    model: Any,
    recipe: Recipe,
    at_once: int,
    world: int,
    out: Path,
    tokenizer: Any,
    collator: Collator,
    order: Sequence[int],
) -> Any:
    """The trainer of one run, as one of `world` processes. `order`: row numbers as they are trained.

    `at_once`: rows that the collator gets at a time; with fewer than the recipe's batch, gradients are accumulated.
    """
    from datasets import Dataset

    trainer = _trainer_class()(
        model=model,
        args=_arguments(recipe, at_once, world, out),
        train_dataset=Dataset.from_dict({"row": list(order)}),
        processing_class=tokenizer,
        data_collator=collator,
    )
    trainer.kl_weight = recipe.kl_weight
    trainer.model_accepts_loss_kwargs = True  # so that the tokens of the whole step are counted
    return trainer


def _trainer_class() -> Any:
    from trl import SFTTrainer

    class Tuning(SFTTrainer):  # type: ignore[misc]  # trl is not typed
        """Divides a step's summed nats by the trained tokens of all its parts on all devices.

        So neither the split into parts nor a short last step changes a gradient.
        """

        kl_weight: float = 0.0

        def training_step(self, model: Any, inputs: dict[str, Any], num_items_in_batch: Any = None) -> Any:
            """Forward and backward of each part of a batch in turn; the summed share in the loss of the step."""
            model.train()
            batch = self._prepare_inputs(inputs)
            # Devices average their gradients, and the count is that of all of them.
            share = self.accelerator.num_processes / num_items_in_batch.clamp(min=1)
            total = 0.0
            for part in batch["parts"]:
                anchors, of_anchors = part.pop("anchors", None), part.pop("of_anchors", None)
                with self.compute_loss_context_manager():
                    loss = step_loss(model, part, anchors, of_anchors, self.kl_weight) * share
                self.accelerator.backward(loss)
                total = total + loss.detach()
            return total

        def floating_point_ops(self, inputs: dict[str, Any]) -> int:
            """Not counted."""
            return 0

    return Tuning


def _arguments(recipe: Recipe, at_once: int, world: int, out: Path) -> Any:
    import torch
    from trl import SFTConfig

    return SFTConfig(
        output_dir=str(out),
        per_device_train_batch_size=at_once,
        gradient_accumulation_steps=recipe.batch // (at_once * world),
        num_train_epochs=1,  # `schedule` has laid out all epochs
        train_sampling_strategy="sequential",
        dataset_kwargs={"skip_prepare_dataset": True},
        remove_unused_columns=False,
        max_length=None,
        learning_rate=recipe.learning_rate,
        lr_scheduler_type="constant_with_warmup",
        warmup_steps=recipe.warmup_steps,
        weight_decay=0.0,
        seed=recipe.seed,
        bf16=recipe.dtype == "bfloat16",
        gradient_checkpointing=recipe.gradient_checkpointing,
        save_strategy="steps",
        save_steps=recipe.checkpoint_steps,
        save_total_limit=2,
        logging_steps=1,
        logging_nan_inf_filter=False,
        report_to=[],
        disable_tqdm=True,
        dataloader_pin_memory=torch.cuda.is_available(),
    )
