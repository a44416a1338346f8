"""How to tune: a recipe read from YAML, checked, frozen."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

Method = Literal["lora-mlp", "lora-all", "full", "osf"]
Quantization = Literal["none", "nf4"]
Dtype = Literal["float32", "bfloat16"]
Phase = Literal["knowledge", "skills"]
DEFAULT_RECIPE = "tiny-cpu"
CONFIGS = Path(__file__).parent / "configs"


class RecipeError(ValueError):
    """A recipe cannot be used. The message names the file, the field and what is allowed."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a student is tuned and what goes into its mixture. docs/reference/recipes.md describes every field.

    `learning_rate` is constant after `warmup_steps`; `batch` counts rows of an optimizer step and `micro_batch` those
    that are in memory at once on one device; `max_tokens` is the longest row that is trained; `anchor_ratio` and
    `replay_ratio` are rows per row of the leaves; `threads` 0 means every core. `leaf_rows` caps one leaf, times
    `knowledge_weight` or `skill_weight`; one with few rows is taken whole up to `most_repeats` times within its cap;
    `auxiliary_rows` takes rows of other tasks than questions in. With more than `budget_rows` of leaves a full build
    counts as too large for a night (`pipeline.modes`).
    `overlap_allowed` is the share of an evaluation set that training rows may give away before the build fails;
    `eval_sets` are further sets that they must not, JSONL files (`pipeline.evaluate.sets`). `general_items` is the most
    of the general suite that a build is judged by: fewer take less time, and show less harm.

    With `kl_weight` above 0, anchors are not learnt: so many times the divergence (nats per token) of the base from the
    student is their loss. With `patience` above 0, tuning stops after that many evaluations on the dev rows, one every
    `dev_every` steps, without gain, and the best weights are kept. `interpolation` is the share of the update that is
    kept, 1 for all.
    `processes` above 1 are started by `accelerate launch`, one a device, and with `shard` each holds a part (FSDP).
    `kept_rank` is the share of each matrix's singular directions that OSF leaves alone. `phases`, in order; empty
    trains everything together.
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
    knowledge_weight: float = 1.0
    skill_weight: float = 1.0
    most_repeats: int = 1
    auxiliary_rows: bool = False
    seed: int = 0
    threads: int = 0
    checkpoint_steps: int = 10
    overlap_allowed: float = 0.02
    eval_sets: tuple[str, ...] = ()
    general_items: int = 1000
    rslora: bool = False
    dora: bool = False
    quantization: Quantization = "none"
    dtype: Dtype = "float32"
    kept_rank: float = 0.75
    kl_weight: float = 0.0
    dev_every: int = 10
    patience: int = 0
    interpolation: float = 1.0
    phases: tuple[str, ...] = ()
    packing: bool = False
    gradient_checkpointing: bool = False
    processes: int = 1
    shard: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "eval_sets", tuple(self.eval_sets))  # JSON has lists
        object.__setattr__(self, "phases", tuple(self.phases))
        for name, low, high in _LIMITS:
            value = getattr(self, name)
            if not low <= value <= high:
                raise RecipeError(f"recipe {self.name}: {name} is {value}; it must be from {low:g} to {high:g}")
        for name, kind in _CHOICES:
            if (value := getattr(self, name)) not in get_args(kind):
                raise RecipeError(f"recipe {self.name}: unknown {name} {value!r}; known: {', '.join(get_args(kind))}")
        for met, words in _contradictions(self):
            if met:
                raise RecipeError(f"recipe {self.name}: {words}")

    @property
    def is_lora(self) -> bool:
        """Whether small matrices beside frozen weights are trained."""
        return self.method.startswith("lora")

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
    ("knowledge_weight", 0.01, 100),
    ("skill_weight", 0.01, 100),
    ("most_repeats", 1, 100),
    ("seed", 0, 2**32 - 1),
    ("threads", 0, 1024),
    ("checkpoint_steps", 1, 1_000_000),
    ("overlap_allowed", 0, 1),
    ("general_items", 20, 1_000_000),
    ("kept_rank", 0.01, 0.99),
    ("kl_weight", 0, 100),
    ("dev_every", 1, 1_000_000),
    ("patience", 0, 10_000),
    ("interpolation", 0.01, 1),
    ("processes", 1, 4096),
)


_CHOICES = (("method", Method), ("quantization", Quantization), ("dtype", Dtype))


def _contradictions(recipe: Recipe) -> Iterator[tuple[bool, str]]:
    """What can be trained nowhere, or would be merged wrong: (whether it is so, what to do)."""
    lora, full = recipe.is_lora, recipe.method == "full"
    together = recipe.micro_batch * recipe.processes
    yield (
        recipe.batch % together != 0,
        f"batch {recipe.batch} is not a multiple of micro_batch {recipe.micro_batch}"
        + (f" times {recipe.processes} processes" if recipe.processes > 1 else ""),
    )
    for name in ("rslora", "dora"):
        yield (
            getattr(recipe, name) and not lora,
            f"{name} is a kind of LoRA; take method lora-mlp or lora-all, or drop it",
        )
    yield (
        recipe.quantization != "none" and not lora,
        "a quantized base can only be tuned with method lora-mlp or lora-all",
    )
    yield (
        recipe.dora and recipe.interpolation < 1,
        "DoRA also scales the base, so a share of its update is no adapter; set interpolation to 1, or dora to false",
    )
    yield (
        full and recipe.kl_weight > 0,
        "full tuning keeps no base beside it to compare with; set kl_weight to 0, or take a LoRA method or osf",
    )
    many = recipe.processes > 1
    yield many and recipe.method == "osf", "OSF runs in one process; set processes to 1, or take another method"
    yield many and recipe.patience > 0, "stopping by dev rows needs one process; set patience to 0, or processes to 1"
    yield recipe.shard and not many, "one process has nothing to shard; set shard to false, or processes to more than 1"
    yield (
        recipe.shard and recipe.quantization != "none",
        "sharded weights cannot be quantized; set quantization to none, or shard to false",
    )
    unknown = [phase for phase in recipe.phases if phase not in get_args(Phase)]
    yield bool(unknown), f"unknown phase {', '.join(unknown)}; known: {', '.join(get_args(Phase))}"
    yield len(set(recipe.phases)) != len(recipe.phases), "a phase stands twice in phases; raise epochs instead"
    yield (
        bool(recipe.phases) and set(recipe.phases) != set(get_args(Phase)),
        "phases must name both knowledge and skills, since rows of a phase that is left out would not be trained; "
        "leave phases empty to train everything together",
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


_TEXTS = ("str", "Method", "Quantization", "Dtype")


def _typed(source: str, key: str, value: object, kind: str) -> Any:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if kind == "int" and whole:
        return value
    if kind == "float" and (whole or isinstance(value, float)):
        return float(value)  # type: ignore[arg-type]
    if kind in _TEXTS and isinstance(value, str):
        return value
    if kind == "bool" and isinstance(value, bool):
        return value
    if kind.startswith("tuple") and isinstance(value, list) and all(isinstance(entry, str) for entry in value):
        return tuple(value)
    names = {
        "int": "a whole number",
        "float": "a number such as 2.0e-4",
        "tuple[str, ...]": "a list of texts",
        "bool": "true or false",
    }
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
