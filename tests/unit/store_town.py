"""A state folder with everything that housekeeping looks after, made by the code that makes it for real."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline import lineage
from pipeline.documents.mirror import Mirror
from pipeline.git import Access, Repository
from pipeline.housekeeping import Places
from pipeline.leafdata import LeafDataset, save_dataset
from pipeline.leafkeys import KeyParts
from pipeline.leafreport import LeafReport
from pipeline.responses import Responses
from pipeline.store.files import FileStore
from pipeline.teacher.port import Completion
from tests.unit.git_fixture import bare, commit
from tests.unit.test_samples import make
from validators import DocumentRef

DAY_S = 86_400
NOW = 20_000.5 * DAY_S
REPO = "https://github.com/a/b"


def digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


@dataclass(frozen=True)
class Town:
    """`state`: the folder. Ages are in days before `NOW`."""

    state: Path

    @property
    def store(self) -> FileStore:
        return FileStore(self.state / "store")

    @property
    def places(self) -> Places:
        return Places.below(self.state, self.store)

    def responses(self, names: Sequence[str], age: int) -> None:
        """An answer of about 600 characters to each name."""
        kept = Responses(self.places.responses, today=lambda: 20_000 - age)
        kept.put_many({digest(name): Completion(f"{name} " + "word " * 120) for name in names})
        kept.close()

    def answered(self) -> int:
        kept = Responses(self.places.responses, today=lambda: 0)
        try:
            return kept.count()
        finally:
            kept.close()

    def dataset(self, leaf: str, age: float, *, made_of: Sequence[str] = (), document: str | None = None) -> str:
        """A dataset of one kept and one rejected row; returns its key."""
        key = digest(f"{leaf} {age}")
        trace = tuple(("answer", digest(name)) for name in made_of)
        sample = make(leaf=leaf, leaf_key=key, trace=trace, document=document)
        dropped = replace(sample, status="rejected", reason="too short", place=(5,))
        report = LeafReport(examined=tuple(digest(f"{name} of the judge") for name in made_of))
        save_dataset(self.store, LeafDataset(leaf, key, "knowledge", (sample,), (dropped,), report=report))
        for path in (self.state / "store" / "leaves" / key).iterdir():
            aged(path, age)
        return key

    def record(self, keys: Sequence[str], age: float, *, latest: bool = False) -> None:
        """What the bot writes when all datasets of a state of `main` are there."""
        leaves = [{"path": key[:6], "key": key, "kept": 1} for key in keys]
        name = "latest" if latest else digest(f"record {age}")
        self.store.write(f"merges/{name}.json", json.dumps({"leaves": leaves}).encode())
        aged(self.state / "store" / "merges" / f"{name}.json", age)

    def generation(self, leaf: str, content: str) -> str:
        """What `seedbed generate` notes; returns the key that it names."""
        parts = KeyParts(content, "none", "flow", "teacher", 4)
        lineage.note(self.store, leaf, parts)
        return parts.key

    def build(self, name: str, keys: Sequence[str], age: float) -> None:
        path = self.state / "builds" / name / "manifest.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({"inputs": {"leaves": [["leaf", key] for key in keys]}}))
        aged(path, age)

    def mirror(self, name: str, age: float) -> tuple[Path, str]:
        """A fetched document; returns its folder and how samples name it."""
        source = bare(self.state.parent / f"source-{name}")
        sha = commit(source, {"doc.md": name.encode() * 2000}, "Write it")
        path = Mirror(self.places.documents, DocumentRef(REPO, sha, ())).path
        path.parent.mkdir(parents=True, exist_ok=True)
        Repository(path).init()
        Repository(path).fetch(str(source), [sha], access=Access(allow_file=True), options=["--depth=1"])
        aged(path, age)
        return path, f"{REPO}@{sha}:doc.md"


def aged(path: Path, days: float) -> Path:
    os.utime(path, (NOW - days * DAY_S, NOW - days * DAY_S))
    return path
