"""The leaves of the bench: ten skills and one piece of knowledge with its document, in `taxonomy/` and `documents/`."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

from pipeline.documents import Document, DocumentFile, Unreachable
from pipeline.generate import Origin, heldout
from validators import DocumentRef, Leaf, parse_leaf

HERE = Path(__file__).parent
TAXONOMY, DOCUMENTS = HERE / "taxonomy", HERE / "documents"
ORIGIN = Origin("0" * 40, None, "seedbed-bench")
Leaves = list[tuple[Leaf, Origin]]


def read(folder: Path) -> Leaves:
    """All leaves below `folder`, by path."""
    return [(read_one(folder, path), ORIGIN) for path in sorted(folder.rglob("qna.yaml"))]


def read_one(folder: Path, path: Path) -> Leaf:
    """One leaf with its attribution."""
    names = (path, path.with_name("attribution.txt"))
    return parse_leaf(
        path.relative_to(folder).as_posix(),
        {name.relative_to(folder).as_posix(): name.read_bytes() for name in names if name.is_file()},
    )


def skills() -> Leaves:
    """The ten skills."""
    return [item for item in read(TAXONOMY) if item[0].kind != "knowledge"]


def knowledge() -> Leaves:
    """The leaf with a document."""
    return [item for item in read(TAXONOMY) if item[0].kind == "knowledge"]


def skills_folder(target: Path) -> Path:
    """A taxonomy of the skills alone: the reference would clone the document of a knowledge leaf from the network."""
    shutil.copytree(TAXONOMY / "compositional_skills", target / "compositional_skills")
    return target


def documents(reference: DocumentRef) -> Document | Unreachable:
    """A `FetchDocument` that reads `documents/`."""
    paths = [DOCUMENTS / pattern for pattern in reference.patterns if (DOCUMENTS / pattern).is_file()]
    if not paths:
        return Unreachable(f"the bench has no document of {reference.repo}")
    return Document(reference.repo, reference.commit, tuple(_file(path) for path in paths))


def edited(leaf: Leaf) -> Leaf:
    """The leaf after somebody mended the answer of a seed that prompts may show: its last word is doubled."""
    held = heldout(leaf)
    chosen = next(seed for seed in leaf.seeds if seed.index not in held)
    pair = chosen.pairs[0]
    mended = replace(pair, answer=f"{pair.answer.rstrip()} {pair.answer.split()[-1]}")
    seeds = [replace(one, pairs=(mended, *one.pairs[1:])) if one is chosen else one for one in leaf.seeds]
    return replace(leaf, seeds=tuple(seeds))


def peer_name(leaf: Leaf) -> str:
    """How the reference names a leaf in its rows."""
    return leaf.path.removesuffix("/qna.yaml").replace("/", "_")


def _file(path: Path) -> DocumentFile:
    data = path.read_bytes()
    return DocumentFile(path.name, data.decode(), hashlib.sha256(data).hexdigest())
