"""Pages for people: what the worker does, and all samples of a pull request. Everything foreign is escaped."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from bot import pulls
from bot.progress import Progress
from bot.render.escape import clean
from bot.settings import Settings
from bot.status import Status
from pipeline.leafdata import load_dataset
from pipeline.leafreport import LeafReport
from pipeline.samples import Sample
from pipeline.store.port import Store
from validators.content.secretscan import masked


@dataclass(frozen=True, slots=True)
class Page:
    """A page, and whether there was anything to show."""

    html: str
    any: bool


@dataclass(frozen=True, slots=True)
class LeafSamples:
    """All samples of one leaf, as the page shows them, and what became of its drafts."""

    path: str
    key: str
    notes: tuple[str, ...]
    kept: tuple[Sample, ...]
    rejected: tuple[Sample, ...]
    choices: tuple[Sample, ...]
    report: LeafReport


def status(settings: Settings, found: Status, now: Progress | None = None) -> str:
    """Queues, dead letters and the newest jobs; `now`: how far the one that runs is."""
    return (
        environment()
        .get_template("status.html")
        .render(
            repository=settings.repository,
            pulls=f"{settings.forge_url}/{settings.repository}/pull",
            status=found,
            now=now,
        )
    )


def samples(repository: str, number: int, store: Store) -> Page:
    """Kept and rejected samples of the preview, or of the merged leaves where there are such."""
    state = pulls.load(store, number)
    leaves = list(_leaves(state, store))
    teacher = (state.merge.teacher if state.merge else "") or (state.preview.teacher if state.preview else "")
    html = (
        environment()
        .get_template("samples.html")
        .render(repository=repository, number=number, leaves=leaves, teacher=teacher)
    )
    return Page(html, bool(leaves))


def setup(repository: str, *, forms: Mapping[str, str], manifest: str, unreachable: bool) -> str:
    """The page with a button that sends the App's `manifest` (JSON) to the forge; `forms`: address by owner."""
    shown = json.dumps(json.loads(manifest), indent=2)
    page = environment().get_template("setup.html")
    return page.render(repository=repository, forms=forms, manifest=manifest, shown=shown, unreachable=unreachable)


def setup_done(repository: str, *, slug: str, install: str, path: Path) -> str:
    """What is left to do for an App that was just registered."""
    page = environment().get_template("setup_done.html")
    return page.render(repository=repository, slug=slug, install=install, path=path)


def refusal(text: str) -> str:
    """Why there is nothing here."""
    return environment().get_template("refusal.html").render(text=text)


def _leaves(state: pulls.PullState, store: Store) -> Iterator[LeafSamples]:
    known = (state.merge.leaves if state.merge else ()) or (state.preview.leaves if state.preview else ())
    for leaf in known:
        dataset = load_dataset(store, leaf.key) if leaf.key else None
        if dataset is not None:
            yield LeafSamples(
                leaf.path,
                leaf.key,
                leaf.notes,
                dataset.samples,
                dataset.rejected,
                dataset.choices,
                dataset.report,
            )


def ago(seconds: float) -> str:
    """A time span for people: "40 s", "12 min", "3 h", "5 days"."""
    for unit, size in (("days", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def moment(seconds: float) -> str:
    """A time (seconds since 1970) in UTC, to the minute."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")


@cache
def environment() -> Environment:
    """Templates in which everything is escaped; foreign text goes through `clean` besides."""
    found = Environment(
        loader=PackageLoader("bot.render"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters["clean"] = clean
    found.filters["ago"] = ago
    found.filters["moment"] = moment
    found.filters["masked"] = masked
    return found
