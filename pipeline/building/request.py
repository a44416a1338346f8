"""What a build is asked for, what it works with, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Literal

from pipeline.blame import Blame
from pipeline.evaluate.port import Evaluator
from pipeline.export import Exporter, export
from pipeline.gate import CALIBRATED, Policy, Verdict
from pipeline.leafdata import LeafDataset, Origin
from pipeline.modes import BuildPlan
from pipeline.quality.embedding import Embedder
from pipeline.quarantine import Quarantined
from pipeline.recipe import Recipe
from pipeline.store.port import Store
from pipeline.train.port import Trainer
from validators import Leaf

Progress = Callable[[str, float], None]
ModeAsked = Literal["auto", "full", "incremental"]


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """What to build. `mirror`: bare repository; `state`: folder for `builds/` and `registry/`; `datasets`: in any
    order, one for each leaf that takes part; `today`: for waivers, quarantine and weekends, as nothing reads a clock;
    `push_url`: where the ledger goes, None for the mirror alone; `token`: gives one for that push, hours from now.

    `mode`: "auto" lets the planner choose within `budget_s` seconds. `blame_runs`: most trial builds that look for the
    leaf to blame where a build is held for harm; 0 never looks.
    """

    mirror: Path
    commit: str
    state: Path
    student: str
    recipe: Recipe
    datasets: Sequence[LeafDataset]
    leaves: Sequence[tuple[Leaf, Origin]]
    today: date
    push_url: str | None = None
    token: Callable[[], str | None] = lambda: None
    mode: ModeAsked = "auto"
    budget_s: float = 4 * 3600.0
    blame_runs: int = 8


@dataclass(frozen=True, slots=True)
class Tools:
    """What a build works with. `embedder`: finds rows of one meaning; None looks at words alone."""

    trainer: Trainer
    evaluator: Evaluator
    store: Store
    progress: Progress
    exporter: Exporter = export
    embedder: Embedder | None = None
    policy: Policy = field(default=CALIBRATED)


@dataclass(frozen=True, slots=True)
class BuildResult:
    """What came of it. `folder` holds manifest, verdict, scores, card, adapter and, once promoted, `model/`.

    `champion_changed`: this build was promoted and is the champion now. `made`: stages that did work in this run.
    `plan`: why it was full or incremental. `blocked`: the build that was held before, where `blame` found the leaves to
    leave out of this one. `quarantined`: all leaves that are left out. `problems`: waiver files that waive nothing, and
    why a promoted build is not the champion.
    """

    verdict: Verdict
    build_id: str
    folder: Path
    champion_changed: bool
    ledger_commit: str
    plan: BuildPlan
    made: tuple[str, ...] = ()
    blocked: Verdict | None = None
    blame: Blame | None = None
    quarantined: tuple[Quarantined, ...] = ()
    problems: tuple[str, ...] = ()
