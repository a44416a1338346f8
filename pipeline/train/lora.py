"""LoRA on the MLP layers, with trl and peft. Runs in a child process: see `tune`.

MLP layers alone at a low rank learn nearly as much as all layers and forget less (PEFT's benchmark). A run that is
killed and started again gives the same bits as one that was not: rows have a fixed order, the adapter's first weights
a fixed seed, and checkpoints carry optimizer and random states.
"""

from __future__ import annotations

import errno
import hashlib
import json
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline import causal
from pipeline.files import file_digest, write_durably
from pipeline.recipe import Recipe
from pipeline.train.checkpoints import newest_whole, seal, step_of
from pipeline.train.port import TrainError

Emit = Callable[[dict[str, Any]], None]
MLP_LAYERS = ["gate_proj", "up_proj", "down_proj"]
WINDOW = 8  # batches that share one sorting by length
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True, slots=True)
class Rows:
    """What is trained, and what is not with the reason, by row id."""

    encoded: tuple[causal.Encoded, ...]
    dropped: tuple[tuple[str, str], ...]


def tune(payload: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Tune in this process. `payload`: model, mixture, out (paths) and recipe (fields). Raises `TrainError`.

    Emits `{"step", "steps", "loss", "tokens_per_second", "seconds_left"}` after each optimizer step, and returns
    `{"adapter", "digest", "steps", "loss", "resumed_step", "dropped"}`, also kept as `out/result.json`.
    """
    model, mixture, out = (Path(payload[name]) for name in ("model", "mixture", "out"))
    recipe = Recipe(**payload["recipe"])
    try:
        finished = _claim(out, mixture, recipe)
        return finished or _run(model, mixture, out, recipe, emit)
    except Exception as error:
        if (why := disk_trouble(error)) is None:
            raise
        raise TrainError(
            f"tuning stopped: nothing more can be written under {out} ({why}). Earlier checkpoints are kept; "
            "free some space and run the build again, and it goes on from there."
        ) from error


def disk_trouble(error: BaseException | None) -> str | None:
    """Why the disk refused to take more, where that is what `error` or its cause is about; else None."""
    while error is not None:
        text = str(error)
        if isinstance(error, OSError) and error.errno in _FULL:
            return error.strerror or "no space left"
        # safetensors and torch report a failed write in words only.
        for code in _FULL:
            if f"os error {code}" in text:
                return text
        if "PytorchStreamWriter failed" in text or "unexpected pos" in text:
            return "the file system refused a write"
        error = error.__cause__ or error.__context__
    return None


def _claim(out: Path, mixture: Path, recipe: Recipe) -> dict[str, Any] | None:
    """Make `out` this job's. The result where it is finished already."""
    job = json.dumps({"mixture": file_digest(mixture), "recipe": recipe.to_json()}, sort_keys=True).encode()
    mark = out / "job.json"
    if mark.exists() and mark.read_bytes() != job:
        raise TrainError(f"{out} belongs to another tuning job (other mixture or recipe); give a new folder")
    if not mark.exists():
        write_durably(mark, job)
    try:
        result: dict[str, Any] = json.loads((out / "result.json").read_bytes())
        if file_digest(out / "adapter" / "adapter_model.safetensors") == result["digest"]:
            return result
    except (OSError, ValueError, KeyError):
        pass  # not finished, or damaged: tune (again)
    return None


def read_rows(mixture: Path, tokenizer: Any, max_tokens: int) -> Rows:
    """Encode a mixture; a row that is too long or cannot be masked is dropped and listed, never cut."""
    encoded: list[causal.Encoded] = []
    dropped: list[tuple[str, str]] = []
    for line in mixture.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        try:
            tokens = causal.encode(tokenizer, row["messages"])
        except causal.MaskError as error:
            dropped.append((row["id"], str(error)))
            continue
        if len(tokens.tokens) > max_tokens:
            dropped.append((row["id"], f"{len(tokens.tokens)} tokens, more than {max_tokens}"))
        else:
            encoded.append(tokens)
    if not encoded:
        raise TrainError(f"{mixture}: no row can be trained ({len(dropped)} dropped); check max_tokens in the recipe")
    return Rows(tuple(encoded), tuple(dropped))


def schedule(lengths: Sequence[int], recipe: Recipe) -> list[int]:
    """Row indexes of all epochs in training order: by hash, then batched with rows of like length to save padding."""

    def rank(*parts: object) -> bytes:
        return hashlib.sha256(repr((recipe.seed, *parts)).encode()).digest()

    shuffled = sorted((epoch, rank(epoch, i), i) for epoch in range(recipe.epochs) for i in range(len(lengths)))
    rows = [i for _, _, i in shuffled]
    order: list[int] = []
    for at in range(0, len(rows), WINDOW * recipe.batch):
        window = sorted(rows[at : at + WINDOW * recipe.batch], key=lambda i: (-lengths[i], i))
        batches = [window[j : j + recipe.batch] for j in range(0, len(window), recipe.batch)]
        # A short batch stays last: only then do all the others hold `batch` rows.
        keyed = sorted((len(batch) < recipe.batch, rank("batch", at, batch), batch) for batch in batches)
        order += [i for _, _, batch in keyed for i in batch]
    return order


def _run(model: Path, mixture: Path, out: Path, recipe: Recipe, emit: Emit) -> dict[str, Any]:
    causal.set_threads(recipe.threads)
    tokenizer = causal.load_tokenizer(model)
    rows = read_rows(mixture, tokenizer, recipe.max_tokens)
    order = schedule([len(row.tokens) for row in rows.encoded], recipe)
    checkpoint = newest_whole(out)
    trainer = _trainer(model, [rows.encoded[i] for i in order], out, recipe, tokenizer)
    trainer.add_callback(_watch(emit, sum(len(rows.encoded[i].tokens) for i in order)))
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    adapter = out / "adapter"
    trainer.model.save_pretrained(str(adapter), save_embedding_layers=False)
    result = {
        "adapter": str(adapter),
        "digest": file_digest(adapter / "adapter_model.safetensors"),
        "steps": trainer.state.global_step,
        "loss": next(entry["loss"] for entry in reversed(trainer.state.log_history) if "loss" in entry),
        "resumed_step": step_of(checkpoint) if checkpoint else 0,
        "dropped": [list(entry) for entry in rows.dropped],
    }
    write_durably(out / "result.json", json.dumps(result, sort_keys=True).encode())
    for old in out.glob("checkpoint-*"):
        shutil.rmtree(old)
    return result


def _trainer(model: Path, ordered: list[causal.Encoded], out: Path, recipe: Recipe, tokenizer: Any) -> Any:
    from datasets import Dataset
    from peft import LoraConfig, get_peft_model
    from transformers import set_seed
    from trl import SFTTrainer

    set_seed(recipe.seed)  # the adapter's first weights are random
    lora = LoraConfig(
        r=recipe.rank,
        lora_alpha=recipe.alpha,
        lora_dropout=recipe.dropout,
        target_modules=MLP_LAYERS,
        task_type="CAUSAL_LM",
    )
    rows = {"input_ids": [row.tokens for row in ordered], "labels": [row.labels for row in ordered]}
    return SFTTrainer(
        model=get_peft_model(causal.load_model(model), lora),
        args=_arguments(out, recipe),
        train_dataset=Dataset.from_dict(rows),
        processing_class=tokenizer,
        data_collator=lambda batch: causal.pad(
            [causal.Encoded(row["input_ids"], row["labels"]) for row in batch], tokenizer.pad_token_id
        ),
    )


def _arguments(out: Path, recipe: Recipe) -> Any:
    from trl import SFTConfig

    return SFTConfig(
        output_dir=str(out),
        per_device_train_batch_size=recipe.micro_batch,
        # trl divides by the loss tokens of the whole optimizer step, so the split into micro batches changes nothing.
        gradient_accumulation_steps=recipe.batch // recipe.micro_batch,
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
        bf16=False,
        gradient_checkpointing=False,
        save_strategy="steps",
        save_steps=recipe.checkpoint_steps,
        save_total_limit=2,
        logging_steps=1,
        logging_nan_inf_filter=False,
        report_to=[],
        disable_tqdm=True,
    )


def _watch(emit: Emit, tokens: int) -> Any:
    """A callback that reports progress, seals checkpoints and stops at a loss that is no number."""
    from transformers import TrainerCallback

    class Watch(TrainerCallback):  # type: ignore[misc]  # transformers is not typed
        def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            self.began, self.first = time.monotonic(), state.global_step

        def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            seal(Path(args.output_dir) / f"checkpoint-{state.global_step}")

        def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kw: Any) -> None:
            if not logs or "loss" not in logs:
                return
            loss = float(logs["loss"])
            if loss != loss or loss == float("inf"):
                raise TrainError(f"the loss is {loss} at step {state.global_step}; lower learning_rate in the recipe")
            done = max(1, state.global_step - self.first)
            pace = (time.monotonic() - self.began) / done
            event = {"step": state.global_step, "steps": state.max_steps, "loss": loss}
            event["tokens_per_second"] = round(tokens / state.max_steps / pace, 1) if pace else 0.0
            event["seconds_left"] = round(pace * (state.max_steps - state.global_step), 1)
            emit(event)

    return Watch()
