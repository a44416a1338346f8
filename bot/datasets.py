"""The datasets of `main`: which leaves of its head have one, and making those that are missing.

Level-triggered: what counts is the head of `main` and the store, never the push that told of it. A record for each
state of the leaves says that all their datasets are there, so that no teacher is loaded to find nothing to do.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field

from pydantic import TypeAdapter, ValidationError

from bot.context import Context
from bot.forge.port import NotFound
from bot.pulls import LeafMade
from pipeline.flows import FLOWS
from pipeline.flows.prompts import prompt_name
from pipeline.generate import LeafDataset, Origin, generate, load_dataset
from pipeline.store.port import Store
from pipeline.taxonomy import Entry, Repository, origin_of, pull_number, read_leaves, read_prompts
from validators import Leaf
from validators.paths import BRANCHES

_LATEST = "merges/latest.json"


@dataclass(frozen=True, slots=True)
class Grown:
    """One leaf of `main` with its dataset. `files` is the digest of the leaf's files."""

    path: str
    files: str
    key: str
    commit: str
    pull: int | None
    author: str
    kept: int
    rejected: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Record:
    """All leaves of `main` at `commit`. `digest` names the leaves' files and the settings that matter."""

    commit: str
    digest: str
    teacher: str = ""
    leaves: tuple[Grown, ...] = ()
    skipped: tuple[tuple[str, str], ...] = field(default=())

    def made(self, pull: int) -> tuple[LeafMade, ...]:
        """What a pull request brought."""
        return tuple(LeafMade(x.path, x.key, x.kept, x.rejected, x.notes) for x in self.leaves if x.pull == pull)

    @property
    def pulls(self) -> tuple[int, ...]:
        """Pull requests that leaves came from."""
        return tuple(sorted({x.pull for x in self.leaves if x.pull is not None}))


_JSON = TypeAdapter(Record)


@dataclass(frozen=True, slots=True)
class Main:
    """The head of the main branch, fetched, and the record of its datasets where all are there."""

    repository: Repository
    commit: str
    tree: dict[str, Entry]
    digest: str
    record: Record | None


def look(context: Context) -> Main:
    """Fetch `main` and see what is there. Loads no teacher. Raises `GitError`."""
    branch = context.settings.main_branch
    repository = context.fetch(f"refs/heads/{branch}")
    commit = repository.resolve(f"refs/heads/{branch}")
    everything = repository.tree(commit)
    tree = {p: e for p, e in everything.items() if p.split("/")[0] in BRANCHES}
    prompts = _files((p, e) for p, e in everything.items() if prompt_name(p))
    settings = context.settings
    flows = sorted(flow.id() for flow in FLOWS.values())
    embedder = context.embedder.digest if context.embedder else ""
    parts = [settings.teacher, settings.samples, flows, embedder, prompts, _files(tree.items())]
    digest = hashlib.sha256(json.dumps(parts).encode()).hexdigest()
    return Main(repository, commit, tree, digest, _complete(context, digest))


def grow(context: Context, main: Main, progress: Callable[[str, float], None]) -> Record:
    """Make the missing datasets of `main`, and record that all are there. Raises `TeacherError`, `StoreError`."""
    snapshot = read_leaves(main.repository, main.commit)
    before = {(leaf.path, leaf.files): leaf for leaf in latest(context.store)}
    wanted = [
        (leaf, origin_for(context, main, leaf, before.get((leaf.path, _of(main, leaf))))) for leaf in snapshot.leaves
    ]
    datasets: Sequence[LeafDataset] = ()
    teacher_name = ""
    if wanted:
        with context.teachers.lease() as pool:
            datasets = generate(
                wanted,
                pool=pool,
                store=context.store,
                target=context.settings.samples,
                progress=progress,
                documents=context.documents,
                prompts=read_prompts(main.repository, main.commit),
                embedder=context.embedder,
            )
            teacher_name = pool.teacher.name
    by_path = {dataset.leaf: dataset for dataset in datasets}
    grown = tuple(_grown(main, leaf, origin, by_path[leaf.path]) for leaf, origin in wanted)
    record = Record(main.commit, main.digest, teacher_name, grown, snapshot.skipped)
    context.store.write(_key(main.digest), _JSON.dump_json(record))
    context.store.write(_LATEST, _JSON.dump_json(record))
    return record


def load_all(context: Context, record: Record) -> list[LeafDataset]:
    """The datasets of a record, in its order."""
    found = (load_dataset(context.store, leaf.key) for leaf in record.leaves)
    return [dataset for dataset in found if dataset is not None]


def _grown(main: Main, leaf: Leaf, origin: Origin, dataset: LeafDataset) -> Grown:
    return Grown(
        path=leaf.path,
        files=_of(main, leaf),
        key=dataset.leaf_key,
        kept=len(dataset.samples),
        rejected=len(dataset.rejected),
        notes=dataset.notes,
        **asdict(origin),
    )


def origin_for(context: Context, main: Main, leaf: Leaf, known: Grown | None = None) -> Origin:
    """Who brought a leaf's present text: from the last record, else from git and the forge."""
    if known is not None:
        return Origin(commit=known.commit, pull=known.pull, author=known.author)
    commit, author, subject = origin_of(main.repository, main.commit, leaf.path)
    try:
        pull = context.forge.pull_of_commit(commit)
    except NotFound:
        pull = None
    if pull is None:
        return Origin(commit=commit, pull=pull_number(subject), author=author)
    return Origin(commit=commit, pull=pull.number, author=pull.author)


def _complete(context: Context, digest: str) -> Record | None:
    """The record of a digest, if no dataset that it names was lost since."""
    record = _read(context.store, _key(digest))
    if record is None or not all(context.store.exists(f"leaves/{leaf.key}/manifest.json") for leaf in record.leaves):
        return None
    return record


def latest(store: Store) -> tuple[Grown, ...]:
    """The leaves of the newest record, with their datasets; empty before the first merge."""
    record = _read(store, _LATEST)
    return record.leaves if record else ()


def _read(store: Store, key: str) -> Record | None:
    try:
        return _JSON.validate_json(store.read(key))
    except (KeyError, ValidationError):
        return None  # written by an older version: the datasets are still there, so making it anew costs no request


def _of(main: Main, leaf: Leaf) -> str:
    return _files((p, e) for p, e in main.tree.items() if p.rpartition("/")[0] == leaf.path)


def _files(entries: Iterable[tuple[str, Entry]]) -> str:
    pairs = sorted((path, entry.sha) for path, entry in entries)
    return hashlib.sha256(json.dumps(pairs).encode()).hexdigest()


def _key(digest: str) -> str:
    return f"merges/{digest}.json"
