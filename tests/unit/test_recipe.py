from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.recipe import CONFIGS, Recipe, RecipeError, load_recipe, recipe_from
from pipeline.train.capabilities import Capabilities, capabilities, check_recipe
from pipeline.train.memory import MemoryEstimate

CPU = Capabilities(gpus=0, bitsandbytes=False, memory=24 << 30, fast_bfloat16=False)
GPU = Capabilities(gpus=1, bitsandbytes=True, memory=64 << 30, fast_bfloat16=True)
EIGHT = replace(GPU, gpus=8)
RUNS_ON = {"tiny-cpu": CPU, "laptop": CPU, "single-gpu": GPU, "8xh100": EIGHT}


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_packaged_recipes_are_valid_and_named_after_their_file(path: Path) -> None:
    assert load_recipe(path.stem) == load_recipe(str(path))
    assert load_recipe(path.stem).name == path.stem


def test_packaged_recipes_run_on_the_machines_that_they_are_for_and_on_no_lesser_one() -> None:
    assert sorted(RUNS_ON) == sorted(path.stem for path in CONFIGS.glob("*.yaml"))
    for name, machine in RUNS_ON.items():
        check_recipe(load_recipe(name), machine)
    for name in ("single-gpu", "8xh100"):
        with pytest.raises(RecipeError, match=f"recipe {name} cannot run on this machine"):
            check_recipe(load_recipe(name), CPU)
    with pytest.raises(RecipeError, match="8 processes, one a GPU, and there are 1 GPUs"):
        check_recipe(load_recipe("8xh100"), GPU)


@pytest.mark.parametrize("name", sorted(RUNS_ON))
def test_packaged_recipes_hold_the_student_to_the_base(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.anchor_ratio > 0
    assert recipe.kl_weight >= 1 or recipe.method == "full"  # which keeps no base beside it


def test_every_field_is_described() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "recipes.md").read_text(encoding="utf-8")
    assert [field.name for field in fields(Recipe) if f"`{field.name}`" not in page] == []
    assert [name for name in RUNS_ON if f"`{name}`" not in page] == []


def test_unknown_name_lists_the_packaged_ones() -> None:
    with pytest.raises(RecipeError, match=r"no recipe 'huge'; packaged ones: .*tiny-cpu"):
        load_recipe("huge")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ([], "a mapping"),
        ({"name": "x", "rnak": 3}, "unknown field rnak"),
        ({"rank": 3}, "name is missing"),
        ({"name": "x", "rank": "many"}, "rank is 'many'; it must be a whole number"),
        ({"name": "x", "rank": True}, "whole number"),
        ({"name": "x", "dora": 1}, "dora is 1; it must be true or false"),
        ({"name": "x", "phases": "knowledge"}, "a list of texts"),
        ({"name": "x", "learning_rate": "2e-4"}, "a number such as"),
        ({"name": "x", "rank": 0}, "rank is 0; it must be from 1"),
        ({"name": "x", "batch": 6, "micro_batch": 4}, "not a multiple"),
        ({"name": "x", "batch": 8, "micro_batch": 4, "processes": 4}, "not a multiple of micro_batch 4 times 4"),
        ({"name": "x", "method": "magic"}, "unknown method 'magic'; known: lora-mlp"),
        ({"name": "x", "quantization": "int3"}, "unknown quantization 'int3'; known: none, nf4"),
        ({"name": "x", "dtype": "float8"}, "unknown dtype 'float8'"),
        ({"name": "x", "method": "full", "rslora": True}, "rslora is a kind of LoRA"),
        ({"name": "x", "method": "osf", "dora": True}, "dora is a kind of LoRA"),
        ({"name": "x", "method": "full", "quantization": "nf4"}, "quantized base can only be tuned with method lora"),
        ({"name": "x", "dora": True, "interpolation": 0.5}, "a share of its update is no adapter"),
        ({"name": "x", "method": "full", "kl_weight": 0.1}, "full tuning keeps no base beside it"),
        ({"name": "x", "method": "osf", "processes": 2}, "OSF runs in one process"),
        ({"name": "x", "patience": 2, "processes": 2}, "needs one process"),
        ({"name": "x", "shard": True}, "one process has nothing to shard"),
        ({"name": "x", "shard": True, "processes": 2, "quantization": "nf4"}, "cannot be quantized"),
        ({"name": "x", "phases": ["skill"]}, "unknown phase skill; known: knowledge, skills"),
        ({"name": "x", "phases": ["skills", "skills"]}, "stands twice"),
        ({"name": "x", "phases": ["knowledge"]}, "must name both knowledge and skills"),
    ],
)
def test_faults_are_named(data: object, words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        recipe_from(data, "my.yaml")


@pytest.mark.parametrize(
    ("changes", "machine", "words"),
    [
        ({"quantization": "nf4"}, CPU, "nf4 needs a CUDA GPU.*set quantization to none"),
        ({"quantization": "nf4"}, replace(GPU, bitsandbytes=False), "pip install bitsandbytes"),
        ({"processes": 2}, CPU, "it wants 2 processes, one a GPU, and there are 0 GPUs"),
        ({"dtype": "bfloat16"}, CPU, "bfloat16 is slower than float32 on this processor"),
    ],
)
def test_what_a_machine_cannot_run_is_refused_with_what_to_do(
    changes: dict[str, Any], machine: Capabilities, words: str
) -> None:
    with pytest.raises(RecipeError, match=words):
        check_recipe(replace(Recipe(name="x"), **changes), machine)


def test_a_run_that_does_not_fit_is_refused_before_it_starts() -> None:
    estimate = MemoryEstimate(30 << 30, {"weights": 30 << 30})
    with pytest.raises(RecipeError, match=r"would take 30\.0 GiB \(weights 30\.0\), and there are 24\.0 GiB"):
        check_recipe(Recipe(name="x"), CPU, estimate)
    check_recipe(Recipe(name="x"), replace(CPU, memory=0), estimate)  # unknown: the run itself will tell


def test_this_machine_is_looked_at_without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    found = capabilities()
    assert found.gpus == 0
    assert found.memory > 1 << 30


def test_unreadable_yaml_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("name: [")
    with pytest.raises(RecipeError, match=r"bad\.yaml"):
        load_recipe(str(path))


def test_resolving_pins_the_threads_once() -> None:
    resolved = Recipe(name="x").resolved()
    assert resolved.threads >= 1
    assert resolved.resolved() == resolved
    assert Recipe(**replace(resolved, rank=4).to_json()).rank == 4


def test_a_recipe_goes_through_json_unchanged() -> None:
    recipe = replace(Recipe(name="x"), phases=("knowledge", "skills"), eval_sets=("a.jsonl",), kl_weight=0.1)
    assert Recipe(**json.loads(json.dumps(recipe.to_json()))) == recipe
