"""The two sides: this engine, and the reference in its own environment, each on the same leaves and the same server."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.flows.prompts import PACKAGED, Prompts
from pipeline.generate import LeafDataset, Origin, generate
from pipeline.pool import Pool
from pipeline.quality.embedding import packaged_embedder
from pipeline.quality.novelty import Embed
from pipeline.responses import Responses
from pipeline.store.files import FileStore
from pipeline.teacher.openai import OpenAITeacher
from pipeline.teacher.port import Form
from tests.bench import generate_leaves as bench
from tests.bench.generate_filters import Row, passing
from tests.bench.generate_servers import ended
from validators import Leaf

_LONGEST_S = 3 * 3600


@dataclass
class Made:
    """What one side made. `passed`: rows that pass the filters of both; `reasons`: why the others do not."""

    seconds: float
    rows: int = 0
    passed: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    error: str | None = None
    by_leaf: dict[str, int] = field(default_factory=dict)


def ours(
    url: str,
    model: str,
    leaves: Sequence[tuple[Leaf, Origin]],
    state: Path,
    target: int,
    form: Form,
    prompts: Prompts = PACKAGED,
) -> tuple[float, list[LeafDataset]]:
    """Seconds and datasets of one `generate` with the stores in `state`."""
    teacher = OpenAITeacher(url, model, form=form)
    responses = Responses(state / "responses.sqlite")
    pool = Pool(teacher, responses)
    try:
        began = time.perf_counter()
        datasets = generate(
            leaves,
            pool=pool,
            store=FileStore(state / "store"),
            target=target,
            documents=bench.documents,
            prompts=prompts,
            embedder=packaged_embedder(),
        )
        return time.perf_counter() - began, datasets
    finally:
        pool.close()
        teacher.close()
        responses.close()


def peer(
    python: Path, url: str, model: str, pipeline: str, rows_per_seed: int, processes: int
) -> tuple[float, dict[str, Any]]:
    """Seconds and what `generate_peer.py` told of the reference on the ten skills."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        taxonomy = bench.skills_folder(folder / "taxonomy")
        (folder / "output").mkdir()
        script = Path(__file__).with_name("generate_peer.py")
        what = [url, model, str(taxonomy), str(folder / "output"), pipeline, str(rows_per_seed), str(processes)]
        # yamllint stands beside the interpreter, and the reference calls it by name
        environment = {**os.environ, "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}"}
        with (folder / "log").open("w") as log:
            process = subprocess.Popen(
                [str(python.absolute()), str(script), *what],
                env={**environment, "HF_HUB_OFFLINE": "1", "HF_DATASETS_CACHE": str(folder / "cache")},
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
            with ended(process):
                told, _ = process.communicate(timeout=_LONGEST_S)
        if not told.strip():
            tail = (folder / "log").read_text(errors="replace")[-2000:]
            raise RuntimeError(f"the reference did not run (exit code {process.returncode}):\n{tail}")
    found = json.loads(told)
    return float(found["seconds"]), found


def judged(
    leaves: Sequence[tuple[Leaf, Origin]], rows: dict[str, list[Row]], seconds: float, embed: Embed | None
) -> Made:
    """Count the rows of each leaf that pass the one set of filters."""
    made = Made(seconds)
    for leaf, _ in leaves:
        mine = rows.get(leaf.path, [])
        found = passing(leaf, mine, embed)
        made.rows += len(mine)
        made.passed += len(found.rows)
        made.by_leaf[leaf.path] = len(found.rows)
        made.reasons += found.reasons
    return made


def rows_of(datasets: Sequence[LeafDataset]) -> dict[str, list[Row]]:
    """Kept rows by leaf."""
    return {dataset.leaf: [(row.question, row.answer) for row in dataset.samples] for dataset in datasets}


def peer_rows(leaves: Sequence[tuple[Leaf, Origin]], told: dict[str, list[list[str]]]) -> dict[str, list[Row]]:
    """The reference's rows by our names of leaves."""
    return {leaf.path: [(one[0], one[1]) for one in told.get(bench.peer_name(leaf), [])] for leaf, _ in leaves}
