"""What a generation made and what it cost: as JSON for programs, as a table for the terminal, as a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bot.render.pages import environment
from pipeline.leafdata import LeafDataset, root_hash
from pipeline.lineage import Difference
from pipeline.plan import LeafPlan, TeacherFacts
from pipeline.pool import Usage

REPEATS = "it repeats"  # how the reasons of duplicates begin


@dataclass(frozen=True, slots=True)
class Generated:
    """One call of the teacher engine. `root`: digest over all datasets; `seconds`: of the clock, loading left out."""

    commit: str
    teacher: str
    fingerprint: str
    form: str
    target: int
    datasets: tuple[LeafDataset, ...]
    differences: tuple[Difference | None, ...]
    skipped: tuple[tuple[str, str], ...]
    usage: Usage
    seconds: float

    @property
    def kept(self) -> int:
        """Rows kept, of all leaves."""
        return sum(len(dataset.samples) for dataset in self.datasets)


def as_json(made: Generated) -> dict[str, Any]:
    """The report as a JSON object, version 1."""
    leaves = [_leaf(*pair) for pair in zip(made.datasets, made.differences, strict=True)]
    return {
        "version": 1,
        "commit": made.commit,
        "teacher": {"name": made.teacher, "fingerprint": made.fingerprint, "form": made.form},
        "target": made.target,
        "root": root_hash(made.datasets),
        "kept": made.kept,
        "seconds": round(made.seconds, 3),
        "usage": {name: round(value, 3) for name, value in asdict(made.usage).items()},
        "leaves": leaves,
        "skipped": [{"path": path, "reason": reason} for path, reason in made.skipped],
    }


def _leaf(dataset: LeafDataset, change: Difference | None) -> dict[str, Any]:
    report = dataset.report
    return {
        "path": dataset.leaf,
        "kind": dataset.kind,
        "key": dataset.leaf_key,
        "kept": report.kept,
        "drafts": report.drafts,
        "tasks": report.tasks,
        "choices": len(dataset.choices),
        "reasons": report.reasons,
        "duplicates": duplicates(dataset),
        "coverage": {"covered": report.covered, "pieces": report.pieces},
        "judge": asdict(report.calibration) if report.calibration else None,
        "cost": {stage: asdict(cost) for stage, cost in report.costs.items()},
        "asked_now": {"requests": dataset.requests, "tokens": dataset.tokens, "seconds": round(dataset.seconds, 3)},
        "difference": asdict(change) if change else None,
        "notes": list(dataset.notes),
    }


def duplicates(dataset: LeafDataset) -> int:
    """Drafts that said what was there before."""
    return sum(count for reason, count in dataset.report.reasons.items() if reason.startswith(REPEATS))


HEADINGS = (
    "leaf",
    "kept",
    "drafts",
    "duplicates",
    "judge",
    "document",
    "requests",
    "tokens",
    "asked now",
    "against before",
)


def rows(made: Generated) -> list[tuple[str, ...]]:
    """The table's cells, one row a leaf, under `HEADINGS`."""
    return [_row(*pair) for pair in zip(made.datasets, made.differences, strict=True)]


def _row(dataset: LeafDataset, change: Difference | None) -> tuple[str, ...]:
    report = dataset.report
    return (
        dataset.leaf,
        f"{report.kept} of {report.target}",
        str(report.drafts),
        str(duplicates(dataset)),
        judge_words(dataset),
        f"{report.covered} of {report.pieces}" if report.pieces else "",
        str(report.requests),
        str(report.tokens),
        str(dataset.requests),
        f"+{change.added} -{change.removed}" if change else "",
    )


def judge_words(dataset: LeafDataset) -> str:
    """How well the judge tells the leaf's seeds from spoilt ones, such as "AUC 0.91" or "AUC 0.55, not believed"."""
    judged = dataset.report.calibration
    if judged is None or judged.auc is None:
        return "none"
    return f"AUC {judged.auc:.2f}" + ("" if judged.believed else ", not believed")


def summary(made: Generated) -> str:
    """Two lines: what there is, and what it cost now."""
    usage = made.usage
    busy = f", {usage.in_flight_s / usage.busy_s:.0f} in flight on average" if usage.busy_s else ""
    return (
        f"{made.kept} samples of {len(made.datasets)} leaves by {made.teacher}; root {root_hash(made.datasets)[:16]}\n"
        f"asked now: {usage.requests} requests, {usage.prompt_tokens} prompt and {usage.output_tokens} output tokens "
        f"in {made.seconds:.1f} s{busy}; {usage.stored} answers were stored before"
    )


def page(made: Generated) -> str:
    """A page that needs no server and no other file."""
    template = environment().get_template("generation.html")
    return template.render(
        made=made, headings=HEADINGS, rows=rows(made), summary=summary(made), root=root_hash(made.datasets)
    )


PLAN_HEADINGS = ("leaf", "why", "requests", "prompt tokens", "output tokens")


def plan_rows(plans: Sequence[LeafPlan]) -> list[tuple[str, ...]]:
    """Cells of a dry run, one row a leaf, under `PLAN_HEADINGS`."""
    return [(p.leaf, p.why, str(p.requests), str(p.prompt_tokens), str(p.output_tokens)) for p in plans]


def plan_summary(plans: Sequence[LeafPlan], teacher: TeacherFacts) -> str:
    """What all of it would cost, in one line."""
    fresh = [found for found in plans if found.requests]
    requests, output = sum(found.requests for found in plans), sum(found.output_tokens for found in plans)
    seconds = [found.seconds(teacher) for found in plans]
    time = "time unknown until this teacher has answered once"
    if all(value is not None for value in seconds):
        time = (
            f"about {sum(value or 0.0 for value in seconds) / 60:.1f} min at {teacher.tokens_per_second:.0f} tokens/s"
        )
    if not fresh:
        time = "no time"
    return (
        f"dry run: {len(fresh)} of {len(plans)} leaves would ask about {requests} requests, "
        f"{sum(found.prompt_tokens for found in plans)} prompt and {output} output tokens; {time}"
    )


def plan_json(plans: Sequence[LeafPlan], teacher: TeacherFacts) -> dict[str, Any]:
    """The dry run as a JSON object, version 1; figures are estimates."""
    return {
        "version": 1,
        "dry_run": True,
        "teacher": {"fingerprint": teacher.fingerprint, "form": teacher.form},
        "tokens_per_second": round(teacher.tokens_per_second, 1),
        "requests": sum(found.requests for found in plans),
        "leaves": [{**asdict(found), "seconds": found.seconds(teacher)} for found in plans],
    }
