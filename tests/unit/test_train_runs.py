"""What surrounds a run and needs no model: the launch, the history of dev rows, the memory that it will take."""

from __future__ import annotations

import json
import struct
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.recipe import Recipe, load_recipe
from pipeline.train.hosted import HostedTrainer, LaunchedTrainer, fewer, trainer_for
from pipeline.train.launched import launch_command
from pipeline.train.memory import EstimateError, memory_estimate
from pipeline.train.stopping import DevHistory

RECIPE = Recipe(name="x")


def test_the_rendered_launch_of_eight_gpus() -> None:
    command = launch_command(load_recipe("8xh100"), Path("out/launch.json"), cpu=False)
    assert command[1:3] == ["-m", "accelerate.commands.launch"]
    words = " ".join(command[3:])
    assert words == (
        "--num_processes 8 --num_machines 1 --dynamo_backend no --mixed_precision bf16 --main_process_port 0 "
        "--use_fsdp --fsdp_version 2 --fsdp_auto_wrap_policy TRANSFORMER_BASED_WRAP "
        "--fsdp_state_dict_type SHARDED_STATE_DICT --fsdp_reshard_after_forward true "
        "--module pipeline.train out/launch.json"
    )


def test_the_rendered_launches_of_copies_and_of_one_process() -> None:
    copies = launch_command(replace(RECIPE, processes=2), Path("j"), cpu=False)
    assert "--multi_gpu" in copies
    assert "--use_fsdp" not in copies
    one = launch_command(RECIPE, Path("j"), cpu=True)
    assert " ".join(one[3:]) == (
        "--num_processes 1 --num_machines 1 --dynamo_backend no --mixed_precision no --cpu --module pipeline.train j"
    )


def test_accelerate_knows_every_option_of_a_launch() -> None:
    from accelerate.commands.launch import launch_command_parser

    for recipe, cpu in ((load_recipe("8xh100"), False), (replace(RECIPE, processes=2), False), (RECIPE, True)):
        parsed = launch_command_parser().parse_args(launch_command(recipe, Path("j"), cpu=cpu)[3:])
        assert parsed.num_processes == recipe.processes
        assert parsed.training_script == "pipeline.train"


def test_a_recipe_chooses_its_trainer() -> None:
    assert type(trainer_for(RECIPE)) is HostedTrainer
    assert type(trainer_for(load_recipe("8xh100"))) is LaunchedTrainer


@pytest.mark.parametrize(("size", "smaller"), [(8, 4), (4, 2), (3, 1), (1, None)])
def test_fewer_rows_at_a_time_still_divide_the_batch(size: int, smaller: int | None) -> None:
    assert fewer(replace(RECIPE, batch=24, micro_batch=8), size) == smaller


def test_the_best_step_and_the_end_follow_from_the_history(tmp_path: Path) -> None:
    history = DevHistory(patience=2)
    assert [history.add(step, nats) for step, nats in ((0, 3.0), (5, 2.0), (10, 2.0))] == [True, True, False]
    assert (history.best_step, history.exhausted) == (5, False)
    history.write(tmp_path)
    again = DevHistory(patience=2)
    again.read(tmp_path)
    for one in (history, again):
        assert not one.add(15, 2.5)
        assert one.exhausted
        assert one.best_step == 5
    assert not DevHistory(patience=0, entries=[(0, 1.0), (1, 2.0)]).exhausted


def pretend(folder: Path) -> Path:
    """A student of two layers, as far as its files tell."""
    shapes = {"model.embed_tokens.weight": [1000, 64]}
    for layer in range(2):
        for name, shape in (("mlp.gate_proj", [128, 64]), ("mlp.down_proj", [64, 128]), ("self_attn.q_proj", [64, 64])):
            shapes[f"model.layers.{layer}.{name}.weight"] = shape
    header = json.dumps({name: {"shape": shape} for name, shape in shapes.items()}).encode()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
    config = {"hidden_size": 64, "num_hidden_layers": 2, "vocab_size": 1000, "num_attention_heads": 4}
    (folder / "config.json").write_text(json.dumps(config | {"intermediate_size": 128}))
    return folder


def test_the_estimate_counts_what_is_trained_and_what_is_held(tmp_path: Path) -> None:
    model = pretend(tmp_path)
    weights = 1000 * 64 + 2 * (2 * 128 * 64 + 64 * 64)
    lora = memory_estimate(model, replace(RECIPE, rank=4))
    assert lora.parts["weights"] == 4 * weights
    assert lora.parts["gradients and Adam"] == 12 * 2 * 4 * 2 * (128 + 64)
    assert lora.bytes == sum(lora.parts.values())
    full = memory_estimate(model, replace(RECIPE, method="full"))
    assert full.parts["gradients and Adam"] == 12 * weights
    sharded = memory_estimate(model, replace(RECIPE, method="full", processes=4, micro_batch=2, shard=True))
    assert sharded.parts["weights"] == weights
    assert lora.bytes < memory_estimate(model, replace(RECIPE, method="osf")).bytes < full.bytes + lora.bytes


def test_the_estimate_grows_with_rows_and_shrinks_with_what_spares_memory(tmp_path: Path) -> None:
    model = pretend(tmp_path)
    plain = memory_estimate(model, RECIPE)
    assert memory_estimate(model, RECIPE, longest=64).parts["logits"] == 8 * 64 * 1000 * 4 * 3
    assert plain.parts["logits"] == 4 * 512 * 1000 * 4 * 3
    assert memory_estimate(model, replace(RECIPE, micro_batch=8)).bytes > plain.bytes
    assert (
        memory_estimate(model, replace(RECIPE, gradient_checkpointing=True)).parts["activations"]
        < (plain.parts["activations"])
    )
    assert memory_estimate(model, replace(RECIPE, quantization="nf4")).parts["weights"] < plain.parts["weights"] / 5
    assert memory_estimate(model, replace(RECIPE, kl_weight=0.1)).parts["logits"] == 2 * plain.parts["logits"]
    assert "GiB (program 0.5, weights" in str(plain)


def test_files_that_tell_no_shape_are_named(tmp_path: Path) -> None:
    with pytest.raises(EstimateError, match=r"has no \.safetensors file"):
        memory_estimate(tmp_path, RECIPE)
    (tmp_path / "model.safetensors").write_bytes(b"short")
    with pytest.raises(EstimateError, match="no readable header"):
        memory_estimate(tmp_path, RECIPE)
    pretend(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(EstimateError, match=r"config\.json does not tell the student's shape"):
        memory_estimate(tmp_path, RECIPE)
