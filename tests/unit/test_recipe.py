from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.recipe import CONFIGS, Recipe, RecipeError, load_recipe, recipe_from


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_packaged_recipes_are_valid_and_named_after_their_file(path: Path) -> None:
    assert load_recipe(path.stem) == load_recipe(str(path))
    assert load_recipe(path.stem).name == path.stem


def test_packaged_default_is_mild() -> None:
    recipe = load_recipe()
    assert recipe.learning_rate <= 2e-4
    assert recipe.anchor_ratio >= 1


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
        ({"name": "x", "learning_rate": "2e-4"}, "a number such as"),
        ({"name": "x", "rank": 0}, "rank is 0; it must be from 1"),
        ({"name": "x", "batch": 6, "micro_batch": 4}, "not a multiple"),
        ({"name": "x", "method": "magic"}, "unknown method 'magic'; known: lora-mlp"),
    ],
)
def test_faults_are_named(data: object, words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        recipe_from(data, "my.yaml")


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
