"""One tuning run, with trl and peft. Runs in a child process, or in every process of a launch: see `tune`.

A run that is killed and started again gives the same bits as one that was not: rows have a fixed order, the adapter's
first weights a fixed seed, and checkpoints carry optimizer, random states and the history of the dev rows.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from pipeline import causal
from pipeline.files import file_digest, write_durably
from pipeline.recipe import Recipe
from pipeline.train import full, lora, osf
from pipeline.train.checkpoints import newest_whole, step_of
from pipeline.train.layout import Layout, layout_for
from pipeline.train.loss import AGREEMENT, ROUGH_AGREEMENT, agreed_layout, mean_nats
from pipeline.train.port import TrainError
from pipeline.train.rows import EMPTY, Rows, TrainRow, pad_order, read_rows, schedule
from pipeline.train.shares import scale_adapter
from pipeline.train.stopping import BEST, DevHistory, dev_watch, take_best
from pipeline.train.trl_trainer import Collator, make_trainer
from pipeline.train.trouble import OutOfMemory, disk_trouble, memory_trouble, peak_bytes
from pipeline.train.watch import watch

Emit = Callable[[dict[str, Any]], None]
_METHODS = {"lora-mlp": lora, "lora-all": lora, "full": full, "osf": osf}
_DEV_ROWS = 16  # dev rows at a time, always the same


def tune(payload: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Tune in this process. `payload`: model, mixture, out, dev (paths), recipe (fields) and micro_batch.

    Emits `{"step", "steps", "loss", "tokens_per_second", "seconds_left"}` after each optimizer step, and returns the
    fields of `TrainResult`, also kept as `out/result.json`. Raises `TrainError`, and `OutOfMemory` where fewer rows at
    a time may help.
    """
    out = Path(payload["out"])
    try:
        if finished := claim(payload):
            return finished
        return run(payload, newest_whole(out), emit)
    except Exception as error:
        if (why := disk_trouble(error)) is not None:
            raise TrainError(
                f"tuning stopped: nothing more can be written under {out} ({why}). Earlier checkpoints are kept; "
                "free some space and run the build again, and it goes on from there."
            ) from error
        if memory_trouble(error):
            raise OutOfMemory(f"memory ran out with {payload['micro_batch']} rows at a time: {error}") from error
        raise


def weights_file(recipe: Recipe) -> str:
    """The name of the file in the result's folder that holds what was learnt."""
    return str(_METHODS[recipe.method].WEIGHTS)


def claim(payload: dict[str, Any]) -> dict[str, Any] | None:
    """Make `out` this job's. The result where it is finished already. Raises `TrainError` for another job's folder."""
    out, recipe = Path(payload["out"]), Recipe(**payload["recipe"])
    dev = file_digest(Path(payload["dev"])) if payload["dev"] else None
    what = {"mixture": file_digest(Path(payload["mixture"])), "recipe": recipe.to_json(), "dev": dev}
    job = json.dumps(what, sort_keys=True).encode()
    mark = out / "job.json"
    if mark.exists() and mark.read_bytes() != job:
        raise TrainError(f"{out} belongs to another tuning job (other mixture or recipe); give a new folder")
    if not mark.exists():
        write_durably(mark, job)
    try:
        result: dict[str, Any] = json.loads((out / "result.json").read_bytes())
        if file_digest(out / "adapter" / weights_file(recipe)) == result["digest"]:
            return result
    except (OSError, ValueError, KeyError):
        pass  # not finished, or damaged: tune (again)
    return None


def run(payload: dict[str, Any], checkpoint: Path | None, emit: Emit, world: int = 1) -> dict[str, Any]:
    """Tune as one of `world` processes, from `checkpoint` or from the start."""
    model, out, recipe = Path(payload["model"]), Path(payload["out"]), Recipe(**payload["recipe"])
    causal.set_threads(recipe.threads)
    tokenizer = causal.load_tokenizer(model)
    found = read_rows(Path(payload["mixture"]), tokenizer, recipe.max_tokens)
    dev = _dev_rows(payload, recipe, tokenizer)
    order = schedule(found.rows, recipe)
    if world > 1:
        order = pad_order(order, payload["micro_batch"] * world)
    trainer, layout = _trainer(model, found, order, payload, tokenizer, world)
    history = DevHistory(recipe.patience)
    if dev:
        filler = tokenizer.pad_token_id
        trainer.add_callback(
            dev_watch(history, recipe, out, lambda of: mean_nats(of, dev, "padded", filler, _DEV_ROWS))
        )
        if checkpoint:
            history.read(checkpoint)
    trainer.add_callback(watch(emit, _tokens_by_step(found.rows, order, recipe.batch)))
    began, cpu = time.monotonic(), time.process_time()
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    spent = {"seconds": round(time.monotonic() - began, 3), "cpu_seconds": round(time.process_time() - cpu, 3)}
    if history.entries:
        take_best(trainer.model, out)
    made: dict[str, Any] = {"adapter": str(out / "adapter"), "digest": _save(trainer, model, out, recipe)}
    made |= {"resumed_step": step_of(checkpoint) if checkpoint else 0, "micro_batch": payload["micro_batch"]}
    result = made | {"layout": layout} | spent | _facts(trainer, found, order, history, recipe)
    if trainer.is_world_process_zero():
        _keep(result, out)
    return result


def _keep(result: dict[str, Any], out: Path) -> None:
    write_durably(out / "result.json", json.dumps(result, sort_keys=True).encode())
    for old in out.glob("checkpoint-*"):
        shutil.rmtree(old)
    (out / BEST).unlink(missing_ok=True)


def _facts(trainer: Any, found: Rows, order: Sequence[int], history: DevHistory, recipe: Recipe) -> dict[str, Any]:
    steps = trainer.state.global_step
    return {
        "steps": steps,
        "loss": next(entry["loss"] for entry in reversed(trainer.state.log_history) if "loss" in entry),
        "dropped": [list(entry) for entry in found.dropped],
        "thinned": [asdict(entry) for entry in found.thinned],
        "best_step": history.best_step if history.entries else steps,
        "tokens": sum(found.rows[i].learnt for i in order[: steps * recipe.batch] if i != EMPTY),
        "dev": [list(entry) for entry in history.entries],
        "peak_bytes": peak_bytes(),
    }


def _dev_rows(payload: dict[str, Any], recipe: Recipe, tokenizer: Any) -> list[causal.Encoded]:
    if not recipe.patience:
        return []
    if not payload["dev"]:
        raise TrainError(
            f"recipe {recipe.name} stops by dev rows (patience {recipe.patience}), and there are none; "
            "give the job dev rows, or set patience to 0"
        )
    return [row.encoded for row in read_rows(Path(payload["dev"]), tokenizer, recipe.max_tokens).rows]


def _tokens_by_step(rows: Sequence[TrainRow], order: Sequence[int], batch: int) -> list[int]:
    """Tokens that are read in each optimizer step."""
    steps = [order[at : at + batch] for at in range(0, len(order), batch)]
    return [sum(rows[i].length for i in step if i != EMPTY) for step in steps]


def _trainer(
    folder: Path, found: Rows, order: Sequence[int], payload: dict[str, Any], tokenizer: Any, world: int
) -> tuple[Any, Layout]:
    from transformers import set_seed

    recipe, micro_batch = Recipe(**payload["recipe"]), payload["micro_batch"]
    set_seed(recipe.seed)  # the adapter's first weights are random
    model = _METHODS[recipe.method].prepare(folder, recipe)
    hidden = model.config.get_text_config().hidden_size
    alone = world == 1  # many processes must stay in step, so each takes as many rows at a time as the others
    cap, at_once = (micro_batch * recipe.max_tokens, recipe.batch) if alone else (None, micro_batch)
    collator = Collator(found.rows, layout_for(recipe), tokenizer.pad_token_id, hidden, cap, recipe.kl_weight > 0)
    trainer = make_trainer(model, recipe, at_once, world, Path(payload["out"]), tokenizer, collator, order)
    if not recipe.shard:  # a shard cannot read rows by itself
        longest = sorted(found.rows, key=lambda row: -row.length)[:2]  # a window shows in long rows only
        tolerance = AGREEMENT if recipe.quantization == "none" else ROUGH_AGREEMENT
        probes = [row.encoded for row in longest]
        layout = agreed_layout(trainer.model, probes, collator.layout, collator.filler, tolerance)
        trainer.data_collator = collator = replace(collator, layout=layout)
    return trainer, collator.layout


def _save(trainer: Any, base: Path, out: Path, recipe: Recipe) -> str:
    """Write what was learnt, or the share of it that the recipe keeps; its digest, "" where another process writes."""
    method, adapter = _METHODS[recipe.method], out / "adapter"
    state = trainer.accelerator.get_state_dict(trainer.model_wrapped) if recipe.shard else None
    if not trainer.is_world_process_zero():
        return ""
    method.save(trainer.accelerator.unwrap_model(trainer.model), adapter, state)
    scale_adapter(adapter, recipe.interpolation, base)
    return file_digest(adapter / method.WEIGHTS)
