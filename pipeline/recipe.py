"""How to tune: a recipe read from YAML, checked, frozen."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

Method = Literal["lora-mlp"]
DEFAULT_RECIPE = "tiny-cpu"
CONFIGS = Path(__file__).parent / "configs"


class RecipeError(ValueError):
    """A recipe cannot be used. The message names the file, the field and what is allowed."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a student is tuned and what goes into its mixture.

    `learning_rate` is constant after `warmup_steps`; `batch` counts rows of an optimizer step and `micro_batch` those
    that are in memory at once; `max_tokens` is the longest row that is trained; `anchor_ratio` and `replay_ratio` are
    rows per row of the leaves; `leaf_rows` caps one leaf and `budget_rows` all of them; `threads` 0 means every core.
    `overlap_allowed` is the share of an evaluation set that training rows may give away before the build fails;
    `eval_sets` are further sets that they must not, JSONL files (`pipeline.evaluate.sets`).
    """

    name: str
    method: Method = "lora-mlp"
    rank: int = 16
    alpha: int = 32
    dropout: float = 0.0
    learning_rate: float = 2e-4
    warmup_steps: int = 2
    epochs: int = 4
    batch: int = 8
    micro_batch: int = 4
    max_tokens: int = 512
    anchor_ratio: float = 1.0
    replay_ratio: float = 0.25
    leaf_rows: int = 32
    budget_rows: int = 2000
    seed: int = 0
    threads: int = 0
    checkpoint_steps: int = 10
    overlap_allowed: float = 0.02
    eval_sets: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "eval_sets", tuple(self.eval_sets))  # JSON has lists
        for name, low, high in _LIMITS:
            value = getattr(self, name)
            if not low <= value <= high:
                raise RecipeError(f"recipe {self.name}: {name} is {value}; it must be from {low:g} to {high:g}")
        if self.method not in get_args(Method):
            raise RecipeError(
                f"recipe {self.name}: unknown method {self.method!r}; known: {', '.join(get_args(Method))}"
            )
        if self.batch % self.micro_batch:
            raise RecipeError(
                f"recipe {self.name}: batch {self.batch} is not a multiple of micro_batch {self.micro_batch}"
            )

    def resolved(self) -> Recipe:
        """The recipe with `threads` made explicit: the number of threads changes the last bits of a result."""
        return self if self.threads else replace(self, threads=os.cpu_count() or 1)

    def to_json(self) -> dict[str, Any]:
        """All fields, for a manifest or a child process."""
        return asdict(self)


_LIMITS: tuple[tuple[str, float, float], ...] = (
    ("rank", 1, 1024),
    ("alpha", 1, 4096),
    ("dropout", 0, 0.9),
    ("learning_rate", 1e-7, 1e-1),
    ("warmup_steps", 0, 100_000),
    ("epochs", 1, 100),
    ("batch", 1, 4096),
    ("micro_batch", 1, 4096),
    ("max_tokens", 16, 1_000_000),
    ("anchor_ratio", 0, 100),
    ("replay_ratio", 0, 1),
    ("leaf_rows", 1, 1_000_000),
    ("budget_rows", 1, 100_000_000),
    ("seed", 0, 2**32 - 1),
    ("threads", 0, 1024),
    ("checkpoint_steps", 1, 1_000_000),
    ("overlap_allowed", 0, 1),
)


def recipe_from(data: object, source: str) -> Recipe:
    """Check `data` (a parsed YAML document) and make a recipe of it. Raises `RecipeError`."""
    if not isinstance(data, dict):
        raise RecipeError(f"{source}: a recipe is a mapping of fields to values")
    known = {field.name: field for field in fields(Recipe)}
    unknown = sorted(str(key) for key in data if key not in known)
    if unknown:
        raise RecipeError(f"{source}: unknown field {', '.join(unknown)}; known: {', '.join(known)}")
    if "name" not in data:
        raise RecipeError(f"{source}: the field name is missing")
    return Recipe(**{key: _typed(source, key, value, str(known[key].type)) for key, value in data.items()})


def _typed(source: str, key: str, value: object, kind: str) -> Any:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if kind == "int" and whole:
        return value
    if kind == "float" and (whole or isinstance(value, float)):
        return float(value)  # type: ignore[arg-type]
    if kind in ("str", "Method") and isinstance(value, str):
        return value
    if kind.startswith("tuple") and isinstance(value, list) and all(isinstance(entry, str) for entry in value):
        return tuple(value)
    names = {"int": "a whole number", "float": "a number such as 2.0e-4", "tuple[str, ...]": "a list of texts"}
    wanted = names.get(kind, "text")
    raise RecipeError(f"{source}: {key} is {value!r}; it must be {wanted}")


def load_recipe(name: str = DEFAULT_RECIPE) -> Recipe:
    """Read a recipe by the name of a packaged one (`tiny-cpu`) or by the path of a YAML file. Raises `RecipeError`."""
    path = Path(name) if name.endswith((".yaml", ".yml")) else CONFIGS / f"{name}.yaml"
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        packaged = ", ".join(sorted(file.stem for file in CONFIGS.glob("*.yaml")))
        raise RecipeError(f"no recipe {name!r}; packaged ones: {packaged}; or give the path of a .yaml file") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise RecipeError(f"{path}: cannot be read as YAML: {error}") from error
    return recipe_from(data, str(path))
