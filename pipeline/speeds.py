"""How fast this machine works on a base model: what the planner of a night reckons with, learnt from earlier nights.

A stage takes a fixed time (loading) and so much for each token. Both start from figures for two cores and
SmolLM2-135M-Instruct, and each recorded stage moves them: the first one all the way, later ones by `WEIGHT`. The
figures live in the state folder and never enter a build's id: they decide which mode is picked, not what comes of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from pipeline.files import write_durably
from pipeline.recipe import Recipe

Kind = Literal["mixture", "train", "score", "answer", "export"]
Work = Mapping[Kind, tuple[float, int]]
"""By kind, (tokens, times that it is started anew): what a stage has to do."""

FILE = "speeds.json"
WEIGHT = 0.3  # of the newest night against all earlier ones
_MEASURED_PARAMETERS = 134_515_008  # of the model whose figures these are
_ROUNDS = 50  # until the parts of a stage add up to what it took


@dataclass(frozen=True, slots=True)
class Speed:
    """`load`: seconds before the first token. `rate`: tokens a second from there on. `seen`: nights that it is from."""

    load: float
    rate: float
    seen: int = 0


DEFAULTS: Mapping[Kind, Speed] = {
    "mixture": Speed(load=5.0, rate=20_000.0),
    "train": Speed(load=18.0, rate=190.0),
    "score": Speed(load=10.0, rate=600.0),
    "answer": Speed(load=10.0, rate=62.0),
    "export": Speed(load=60.0, rate=600.0),
}
"""Of 135M parameters in float32 on two cores. `train`: tokens of rows, padding aside, LoRA on the MLP layers. `score`:
tokens of questions and references. `answer`: tokens that an answer may have, 64 at a time. `export`: tokens of the
probes that the written model is scored on. `train`, `score` and `answer` are what seven nights came to (`python -m
tests.bench.nights_planner`), the others are estimates until a night was timed."""


@dataclass(frozen=True, slots=True)
class Speeds:
    """Speeds by kind of work, of one base and method on one machine."""

    of: Mapping[Kind, Speed] = field(default_factory=lambda: dict(DEFAULTS))

    def seconds(self, work: Work) -> float:
        """What some work takes."""
        return sum(load + spent for load, spent in self._parts(work).values())

    def observed(self, work: Work, seconds: float) -> Speeds:
        """With one more measurement: a stage that did all of `work`, and how long it took.

        A miss is put down to what made up most of the prediction. Raises `ValueError` where that is no measurement.
        """
        predicted = self.seconds(work)
        if seconds <= 0 or predicted <= 0:
            raise ValueError(f"{dict(work)} in {seconds:g} s is no measurement")
        weight = 1.0 if all(self.of[kind].seen == 0 for kind in work) else WEIGHT
        aim = predicted * (seconds / predicted) ** weight
        moved = self
        for _ in range(_ROUNDS):
            moved = moved._nearer(work, aim)
        seen = {kind: replace(moved.of[kind], seen=self.of[kind].seen + 1) for kind in work}
        return replace(moved, of={**moved.of, **seen})

    def _parts(self, work: Work) -> dict[Kind, tuple[float, float]]:
        """By kind, seconds for loading and for tokens."""
        return {
            kind: (times * self.of[kind].load, tokens / self.of[kind].rate) for kind, (tokens, times) in work.items()
        }

    def _nearer(self, work: Work, aim: float) -> Speeds:
        parts = self._parts(work)
        miss = aim / self.seconds(work)
        squares = sum(load**2 + spent**2 for load, spent in parts.values())
        moved = {
            kind: replace(
                self.of[kind],
                load=self.of[kind].load * miss ** (load**2 / squares),
                rate=self.of[kind].rate * miss ** (-(spent**2) / squares),
            )
            for kind, (load, spent) in parts.items()
        }
        return replace(self, of={**self.of, **moved})


def first_speeds(parameters: int = _MEASURED_PARAMETERS, threads: int = 2) -> Speeds:
    """What to reckon with before anything was measured: the defaults, by size of the model and number of threads."""
    scale = threads / 2 * _MEASURED_PARAMETERS / max(1, parameters)
    return Speeds({kind: replace(speed, rate=speed.rate * scale) for kind, speed in DEFAULTS.items()})


def speeds_name(base_digest: str, recipe: Recipe) -> str:
    """Under what name figures belong together: base, method and number format, threads (`recipe` is resolved)."""
    return f"{base_digest[:12]}/{recipe.method} {recipe.dtype} {recipe.quantization}/{recipe.threads} threads"


def load_speeds(folder: Path, name: str, first: Speeds | None = None) -> Speeds:
    """The figures of `folder/speeds.json` under a name, else `first`. A file that cannot be read is as none: it holds
    nothing but experience, and the next night writes it anew."""
    first = first or Speeds()
    kept = _read(folder / FILE).get(name)
    if not isinstance(kept, dict):
        return first
    return Speeds({kind: _speed(kept.get(kind), first.of[kind]) for kind in get_args(Kind)})


def save_speeds(folder: Path, name: str, speeds: Speeds) -> None:
    """Keep the figures under a name, beside those of others."""
    kept = _read(folder / FILE) | {name: {kind: asdict(speed) for kind, speed in speeds.of.items()}}
    write_durably(folder / FILE, (json.dumps(kept, sort_keys=True, indent=1) + "\n").encode())


def parameters_of(model: Path) -> int:
    """Parameters of a folder of safetensors, from the heads of its files. Raises `OSError`, `ValueError`."""
    total = 0
    for path in sorted(model.glob("*.safetensors")):
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            if size > path.stat().st_size:
                raise ValueError(f"{path} is no safetensors file")
            head: dict[str, Any] = json.loads(file.read(size))
        total += sum(_product(entry["shape"]) for name, entry in head.items() if name != "__metadata__")
    return total


def _product(shape: list[int]) -> int:
    size = 1
    for side in shape:
        size *= side
    return size


def _read(path: Path) -> dict[str, Any]:
    try:
        kept = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}


def _speed(kept: object, first: Speed) -> Speed:
    match kept:
        case {"load": float() | int() as load, "rate": float() | int() as rate, "seen": int() as seen} if rate > 0:
            return Speed(max(0.0, float(load)), float(rate), seen)
    return first
