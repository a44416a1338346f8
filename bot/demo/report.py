"""What the demo prints: the bot's comment, and the table of a build."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markdown import Markdown
from rich.markup import escape
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table

from bot.datasets import latest
from pipeline.gate import Verdict, verdict_from
from pipeline.store.files import FileStore

_FOLDED = re.compile(r"<details><summary>(.*?)</summary>.*?</details>", re.DOTALL)
_HTML = re.compile(r"<!--.*?-->|</?(?:details|summary|sub|sup|br|b)[^>]*>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Result:
    """One build, as far as the demo tells of it. `dataset`: SHA-256 (hex) over the sample bytes of all leaves."""

    verdict: Verdict
    example: Mapping[str, Any]
    dataset: str
    folder: Path
    ledger: str
    promoted: bool

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "version": 1,
            "decision": self.verdict.decision,
            "promoted": self.promoted,
            "verdict": json.loads(self.verdict.to_json()),
            "example": dict(self.example),
            "dataset_sha256": self.dataset,
            "ledger_commit": self.ledger,
            "folder": str(self.folder),
        }


def read(state: Path, done: Mapping[str, Any]) -> Result:
    """The build that a nightly job says it made, from the worker's state folder."""
    folder = state / "builds" / str(done["build"])
    rows = json.loads((folder / "scores.json").read_bytes())
    asked = [row for row in rows if row["suite"] == "heldout"]
    # The question whose answer came nearer to the contributor's by most words.
    example = max(asked, key=lambda row: (row["candidate"]["f1"] - row["base"]["f1"], row["id"]))
    return Result(
        verdict=verdict_from(json.loads((folder / "verdict.json").read_bytes())),
        example=example,
        dataset=dataset_digest(state),
        folder=folder,
        ledger=str(done["ledger"]),
        promoted=bool(done["promoted"]),
    )


def dataset_digest(state: Path) -> str:
    """SHA-256 (hex) over the kept and rejected samples of all leaves, by path."""
    store = FileStore(state / "store")
    digest = hashlib.sha256()
    for leaf in sorted(latest(store), key=lambda leaf: leaf.path):
        for name in ("samples.jsonl", "rejected.jsonl"):
            digest.update(store.read(f"leaves/{leaf.key}/{name}"))
    return digest.hexdigest()


def made(state: Path, leaf: str) -> str:
    """How many samples a merged leaf has, in words; "" while it has none."""
    for found in latest(FileStore(state / "store")):
        if found.path == leaf:
            notes = "".join(f"; {note}" for note in found.notes)
            return f"{found.kept} samples kept, {found.rejected} rejected{notes}"
    return ""


def show_comment(console: Console, body: str) -> None:
    """A comment as a person reads it: what is folded stays folded, and what GitHub hides stays hidden."""
    seen = _HTML.sub("", _FOLDED.sub(r"▸ \1", body))
    console.print(Padding(Panel(Markdown(seen), title="the bot's comment", width=110), (0, 0, 0, 10)))


def show(console: Console, result: Result) -> None:
    """The table of leaves, the decision with its reasons, and one answer of base and student side by side."""
    console.print(table(result.verdict))
    colour = "green" if result.promoted else "yellow"
    console.print(f"[bold {colour}]{result.verdict.decision}[/] (against {result.verdict.against})")
    for reason in result.verdict.reasons:
        console.print(f"  {reason}", markup=False)
    answers = Table(
        title=escape(f"A held-out question: {result.example['question'].strip()}"), show_lines=True, width=118
    )
    for title in ("base", "new student", "the contributor's answer"):
        answers.add_column(title, ratio=1)
    said = (result.example["base"]["answer"], result.example["candidate"]["answer"], result.example["reference"])
    answers.add_row(*(escape(text.strip()) or "(nothing)" for text in said))
    console.print(answers)
    console.print(f"  datasets  sha256 {result.dataset}", markup=False)
    console.print(f"  build     {result.folder}", markup=False)
    console.print(f"  ledger    commit {result.ledger} on seedbed/builds", markup=False)


def table(verdict: Verdict) -> Table:
    """Each leaf and the general suite, before and after, in nats per reference token (lower is better)."""
    grid = Table(title="Held-out questions, before and after (nats per token of the right answer; lower is better)")
    for title, side in (
        ("", "left"),
        ("questions", "right"),
        ("before", "right"),
        ("after", "right"),
        ("change", "right"),
    ):
        grid.add_column(title, justify=side)  # type: ignore[arg-type]  # rich's literal type is not exported
    grid.add_column("90 % interval", justify="right")
    grid.add_column("F1 before → after", justify="right")
    guarded = False
    for row in (row for row in verdict.rows if row.suite != "audit"):
        change = row.change
        if row.suite == "general" and not guarded:
            grid.add_section()
            guarded = True
        grid.add_row(
            row.group.rsplit("/", 1)[-1] if row.suite == "heldout" else f"general: {row.group}",
            str(row.n),
            f"{row.before:.2f}",
            f"{row.after:.2f}",
            f"{change.mean:+.2f}",
            "" if row.units == 1 else f"{change.low:+.2f} … {change.high:+.2f}",
            f"{row.f1_before:.2f} → {row.f1_after:.2f}" if row.suite == "heldout" else "",
        )
    return grid
