"""Pages for people: what the worker does, and all samples of a pull request. Everything foreign is escaped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from bot import pulls
from bot.engine.port import JobStatus
from bot.progress import Progress
from bot.render.escape import clean
from pipeline.generate import load_dataset
from pipeline.samples import Sample
from pipeline.store.port import Store


@dataclass(frozen=True, slots=True)
class Page:
    """A page, and whether there was anything to show."""

    html: str
    any: bool


@dataclass(frozen=True, slots=True)
class LeafSamples:
    """All samples of one leaf, as the page shows them."""

    path: str
    key: str
    notes: tuple[str, ...]
    kept: tuple[Sample, ...]
    rejected: tuple[Sample, ...]


def status(repository: str, jobs: Sequence[JobStatus], now: Progress | None = None) -> str:
    """The jobs, newest first; `now`: how far the one that runs is."""
    return _environment().get_template("status.html").render(repository=repository, jobs=jobs, now=now)


def samples(repository: str, number: int, store: Store) -> Page:
    """Kept and rejected samples of the preview, or of the merged leaves where there are such."""
    state = pulls.load(store, number)
    leaves = list(_leaves(state, store))
    teacher = (state.merge.teacher if state.merge else "") or (state.preview.teacher if state.preview else "")
    html = (
        _environment()
        .get_template("samples.html")
        .render(repository=repository, number=number, leaves=leaves, teacher=teacher)
    )
    return Page(html, bool(leaves))


def _leaves(state: pulls.PullState, store: Store) -> Iterator[LeafSamples]:
    known = (state.merge.leaves if state.merge else ()) or (state.preview.leaves if state.preview else ())
    for leaf in known:
        dataset = load_dataset(store, leaf.key) if leaf.key else None
        if dataset is not None:
            yield LeafSamples(leaf.path, leaf.key, leaf.notes, dataset.samples, dataset.rejected)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("bot.render"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["clean"] = clean
    return environment
