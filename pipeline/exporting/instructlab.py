"""The folder `instructlab/`: rows for InstructLab's training, and the recipes that say how they are mixed."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

from pipeline.exporting.messages import TrainingRow, phase07_rows, skill_rows
from pipeline.exporting.raft import phase10_rows
from pipeline.leafdata import LeafDataset

FOLDER = "instructlab"
SKILLS, PHASE_07, PHASE_10 = (
    "skills_train_msgs.jsonl",
    "knowledge_train_msgs_p07.jsonl",
    "knowledge_train_msgs_p10.jsonl",
)
RECIPES = {"knowledge_recipe.yaml": (PHASE_07,), "skills_recipe.yaml": (SKILLS, PHASE_10)}


def write(datasets: Collection[LeafDataset], folder: Path) -> dict[str, int]:
    """Write below `folder`; rows by file. The first training phase learns the knowledge recipe, the second the skills.

    A file without rows, and a recipe without files, is left out. Raises `OSError`.
    """
    target = folder / FOLDER
    target.mkdir(parents=True)
    rows = {SKILLS: skill_rows(datasets), PHASE_07: phase07_rows(datasets), PHASE_10: phase10_rows(datasets)}
    counts = {name: _lines(target / name, found) for name, found in rows.items()}
    written = {name: count for name, count in counts.items() if count}
    recipes = {name: [part for part in parts if part in written] for name, parts in RECIPES.items()}
    for name, parts in recipes.items():
        if parts:
            (target / name).write_text(recipe(parts), encoding="utf-8")
            written[name] = len(parts)
    return {f"{FOLDER}/{name}": count for name, count in written.items()}


def recipe(files: Iterable[str]) -> str:
    """A data mixing recipe: every row of `files` once, no system prompt."""
    import yaml

    mixed = {"datasets": [{"path": name, "sampling_size": 1.0} for name in files], "metadata": {"sys_prompt": ""}}
    return str(yaml.safe_dump(mixed, sort_keys=False))


def _lines(path: Path, rows: Iterable[TrainingRow]) -> int:
    count = 0
    with path.open("wb") as file:
        for row in rows:
            file.write(row.to_json())
            count += 1
    if not count:
        path.unlink()
    return count
