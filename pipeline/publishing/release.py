"""A release: model, card, credits, bill of materials, GGUF files, sums and signed provenance in one folder."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pipeline.evaluate.port import Item, Progress
from pipeline.files import file_digest
from pipeline.inventory import sync_folder
from pipeline.manifest import canonical
from pipeline.provenance import bom, credits, licences, signing, statement
from pipeline.provenance.record import BuildRecord, FileEntry, ProvenanceError, describe_files, read_record
from pipeline.publishing.gguf.kinds import DEFAULT_KINDS, Kind
from pipeline.publishing.gguf.make import GgufJob, Made, Tools, made_from, make
from pipeline.publishing.gguf.tensors import GgufError
from pipeline.publishing.gguf.texts import write_texts
from pipeline.publishing.port import PublishError, Release

VERSION = 1  # counts changes of what a release holds: folders of another version are made again
SUMS, GGUF, CHECKS = "SHA256SUMS", "gguf", "gguf/checks.json"
PROBES = 50
_BESIDE = ("MODEL_CARD.md",)  # in the model's folder under two names; people read README.md


@dataclass(frozen=True, slots=True)
class Options:
    """What an operator decides. `kinds`: of GGUF files, () for none; `converter`: llama.cpp's convert_hf_to_gguf.py;
    `key`: PEM file of the signing key; `taxonomy_url`: told in the provenance where it is given; `threads` 0: all."""

    kinds: Sequence[Kind] = DEFAULT_KINDS
    converter: Path | None = None
    key: Path | None = None
    policy: licences.Policy = field(default_factory=licences.Policy)
    taxonomy_url: str = ""
    threads: int = 0

    def digest(self, record: BuildRecord) -> str:
        """What a release depends on besides the build's folder, short enough for a file name."""
        signer = signing.key_id(signing.read_private_key(self.key).public_key()) if self.key else ""
        converter = file_digest(self.converter) if self.converter else ""
        parts = [VERSION, record.build_id, record.date, list(self.kinds), converter, signer, self.taxonomy_url]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A release, what became of its GGUF files, and who signed it ("" where nobody did)."""

    release: Release
    gguf: tuple[Made, ...]
    signer: str


def read_promoted(build: Path, date: str, policy: licences.Policy) -> BuildRecord:
    """The record of a build that may be published. Raises `PublishError` for one that may not, also by its licences."""
    try:
        record = read_record(build, date)
        licences.check(record, policy)
    except ProvenanceError as error:
        raise PublishError(str(error)) from error
    if record.verdict["decision"] != "PROMOTE":
        raise PublishError(
            f"build {record.build_id} was not promoted ({record.verdict['decision']}), so there is nothing to publish"
        )
    if not (build / "model").is_dir():
        raise PublishError(f"{build / 'model'} is missing; `seedbed build` writes it again from the kept adapter")
    return record


def prepare(
    build: Path, record: BuildRecord, into: Path, options: Options, progress: Progress, tools: Tools | None = None
) -> Prepared:
    """The release of `build` in a folder of its own below `into`: made once, whole or not at all.

    `into` holds one release at a time, and nothing else. Raises `PublishError`.
    """
    try:
        folder = into / f"{record.build_id}-{options.digest(record)}"
        if (kept := _kept(folder, record)) is not None:
            return kept
        partial = folder.with_name(f".{folder.name}.partial")
        shutil.rmtree(into, ignore_errors=True)  # of other builds, and what a kill left: all can be made again
        try:
            _fill(partial, build, record, options, progress, tools)
            for place in (*partial.rglob("*/"), partial):
                sync_folder(place)
            shutil.rmtree(folder, ignore_errors=True)
            partial.replace(folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    except (ProvenanceError, OSError) as error:
        raise PublishError(f"the release of build {record.build_id} cannot be made: {error}") from error
    made = _kept(folder, record)
    if made is None:
        raise PublishError(f"{folder} was written and yet does not read back; is the disk sound?")
    return made


def _fill(
    folder: Path, build: Path, record: BuildRecord, options: Options, progress: Progress, tools: Tools | None
) -> None:
    """Provenance speaks of all other files, and the sums of all of them, so those two come last."""
    folder.mkdir(parents=True)
    for file in sorted((build / "model").iterdir()):
        if file.is_file() and file.name not in _BESIDE:
            link_or_copy(file, folder / file.name)
    for name in ("manifest.json", "verdict.json"):
        link_or_copy(build / name, folder / name)
    (folder / credits.NAME).write_bytes(credits.credit(record))
    if options.kinds:
        made = _make_ggufs(folder, build, record, options, progress, tools)
        (folder / CHECKS).write_bytes(canonical([asdict(one) for one in made]))
    weights = describe_files(folder, [path for path in _paths(folder) if path.endswith((".safetensors", ".gguf"))])
    (folder / bom.NAME).write_bytes(bom.bill(record, weights))
    text = statement.state(record, describe_files(folder, _paths(folder)), taxonomy_url=options.taxonomy_url)
    if options.key:
        key = signing.read_private_key(options.key)
        (folder / signing.PUBLIC).write_bytes(signing.public_pem(key))
        (folder / signing.SIGNED).write_bytes(signing.sign(text, key))
    else:
        (folder / signing.UNSIGNED).write_bytes(text)
    sums = describe_files(folder, _paths(folder))
    (folder / SUMS).write_text("".join(f"{entry.sha256}  {entry.path}\n" for entry in sums), encoding="utf-8")


def _make_ggufs(
    folder: Path, build: Path, record: BuildRecord, options: Options, progress: Progress, tools: Tools | None
) -> tuple[Made, ...]:
    base = record.inputs["base"]
    job = GgufJob(
        model=build / "model",
        out=folder / GGUF,
        stem=f"{_plain(base['name'])}-build-{record.build_id}",
        version=f"build-{record.build_id}",
        licence=base["licence"],
        probes=read_probes(build),
        kinds=options.kinds,
        converter=options.converter,
        threads=options.threads,
    )
    try:
        made = make(job, progress, tools)
    except GgufError as error:
        job.out.mkdir(exist_ok=True)
        return tuple(Made(kind, "", None, 0.0, str(error)) for kind in options.kinds)
    write_texts(build / "model", job.out, made)
    return made


def read_probes(build: Path) -> list[Item]:
    """Up to `PROBES` of the questions that the build was judged by, half of them about leaves, chosen by hash.

    Raises `PublishError`.
    """
    try:
        rows: list[dict[str, Any]] = json.loads((build / "scores.json").read_bytes())
    except (OSError, ValueError) as error:
        raise PublishError(f"{build / 'scores.json'} cannot be read ({error}); the ledger holds a copy") from error
    names = Item.__slots__
    items = [Item(**{name: _value(row[name]) for name in names if name in row}) for row in rows]
    ranked = sorted(items, key=lambda item: hashlib.sha256(item.id.encode()).hexdigest())
    leaves = [item for item in ranked if item.suite == "heldout"][: PROBES // 2]
    return leaves + [item for item in ranked if item.suite == "general"][: PROBES - len(leaves)]


def _value(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _kept(folder: Path, record: BuildRecord) -> Prepared | None:
    """A release that was made before and is still as its sums say."""
    try:
        lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
        wanted = {path: digest for digest, path in (line.split("  ", 1) for line in lines)}
        files = describe_files(folder, [*wanted, SUMS])
    except (OSError, ValueError):
        return None
    if {entry.path: entry.sha256 for entry in files if entry.path != SUMS} != wanted:
        return None
    made = made_from(json.loads((folder / CHECKS).read_bytes())) if (folder / CHECKS).is_file() else ()
    signer = ""
    if (folder / signing.PUBLIC).is_file():
        signer = signing.key_id(signing.read_public_key(folder / signing.PUBLIC))
    return Prepared(Release(record.build_id, folder, files, digest_of(files)), made, signer)


def digest_of(files: Sequence[FileEntry]) -> str:
    """One SHA-256 (hex) over names and contents."""
    return hashlib.sha256("".join(f"{one.sha256}  {one.path}\n" for one in files).encode()).hexdigest()


def link_or_copy(source: Path, target: Path) -> None:
    """The same file under another name; on another disk, or where links are not allowed, a copy. Raises `OSError`."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _paths(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]


def _plain(name: str) -> str:
    """A model's name as part of a file name: the last part of a hub id, its commit left out."""
    last = name.partition("@")[0].rsplit("/", 1)[-1]
    return "".join(char if char.isalnum() or char in "._-" else "-" for char in last)[:80].strip(".-") or "model"
