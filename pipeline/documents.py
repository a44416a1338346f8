"""The documents that knowledge leaves name: fetched from allowed hosts alone, never checked out, cached by commit."""

from __future__ import annotations

import fnmatch
import hashlib
import ipaddress
import os
import re
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

from pipeline.git import GitError, Limits, Repository, is_loopback
from validators import DocumentRef

ALLOWED_HOSTS = frozenset({"github.com", "gitlab.com", "codeberg.org", "huggingface.co"})
MAX_FILE_BYTES = 1 << 20
MAX_TOTAL_BYTES = 8 << 20
MAX_PACK_BYTES = 64 << 20
MAX_FILES = 100
FETCH_SECONDS = 20.0
TEXT_SUFFIXES = (".md", ".txt")
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class DocumentFile:
    """One text of a document repository; `digest` is the SHA-256 (hex) of its bytes."""

    path: str
    text: str
    digest: str


@dataclass(frozen=True, slots=True)
class Document:
    """The texts that a leaf's patterns match at its commit, by path. `note` says what could not be read."""

    repo: str
    commit: str
    files: tuple[DocumentFile, ...]
    note: str = ""

    @property
    def digest(self) -> str:
        """SHA-256 (hex) over paths and contents."""
        joined = "\n".join(f"{file.path}\0{file.digest}" for file in self.files)
        return hashlib.sha256(joined.encode(errors="surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class Unreachable:
    """No text of the document is at hand; `reason` says why, in words for the contributor."""

    reason: str


FetchDocument = Callable[[DocumentRef], Document | Unreachable]


@dataclass(frozen=True, slots=True)
class Reach:
    """Where documents may come from. `loopback` also allows plain http to this machine, for tests."""

    hosts: Collection[str] = field(default=ALLOWED_HOSTS)
    loopback: bool = False


def offline(document: DocumentRef) -> Document | Unreachable:
    """A `FetchDocument` that fetches nothing."""
    return Unreachable(f"fetching documents is switched off, so {document.repo} was not asked for")


def fetch(document: DocumentRef, *, cache: Path, reach: Reach = Reach()) -> Document | Unreachable:
    """Get the texts of `document`, from `cache` when its (repo, commit) was fetched before.

    Nothing is raised for what the contributor or the network did wrong: that is `Unreachable` with its reason.
    """
    if not _COMMIT.fullmatch(document.commit):
        return Unreachable("the document's commit must be a full commit name of 40 hexadecimal digits")
    name = hashlib.sha256(f"{document.repo}\0{document.commit}".encode()).hexdigest()
    repository = Repository(cache / f"{name}.git")
    try:
        config = check_url(document.repo, reach)
        if not repository.path.exists():
            _fetch_commit(document, repository.path, config)
        return _read(document, repository)
    except (GitError, ValueError) as error:
        return Unreachable(str(error))


def check_url(url: str, reach: Reach) -> dict[str, str]:
    """Git settings that pin `url` to an address checked to be public. Raises `ValueError` in plain words."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    if reach.loopback and parts.scheme == "http" and is_loopback(host):
        return {}
    if parts.scheme != "https":
        raise ValueError(f"the document's repository must be an https URL: {url!r}")
    if host not in reach.hosts:
        raise ValueError(f"documents are taken from {', '.join(sorted(reach.hosts))}; not from {host or url}")
    if parts.netloc.lower() != host or parts.query or parts.fragment or not parts.path.strip("/"):
        raise ValueError(f"the document's repository must be a plain https URL (no name, port or query): {url!r}")
    if "https_proxy" in os.environ or "HTTPS_PROXY" in os.environ:
        return {}  # the proxy resolves the name, and decides
    return {"http.curloptResolve": f"{host}:443:{_public_address(host)}"}


def _public_address(host: str) -> str:
    try:
        found = socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM)
    except OSError as error:
        raise ValueError(f"the host {host} cannot be found from here") from error
    addresses = sorted({str(item[4][0]) for item in found}, key=lambda text: (":" in text, text))
    for text in addresses:
        address = ipaddress.ip_address(text)
        mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        if not (mapped or address).is_global or address.is_multicast:
            raise ValueError(f"the host {host} has an address that is not public ({text})")
    return addresses[0]


def _fetch_commit(document: DocumentRef, target: Path, config: dict[str, str]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    _sweep(target)
    partial = Path(tempfile.mkdtemp(prefix=f"{target.name}.partial-", dir=target.parent))
    try:
        Repository(partial).init().fetch(
            document.repo,
            [document.commit],
            options=["--depth=1", f"--filter=blob:limit={MAX_FILE_BYTES}"],
            config=config,
            limits=Limits(FETCH_SECONDS, MAX_PACK_BYTES),
        )
        if not target.exists():
            partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _sweep(target: Path) -> None:
    """Remove what a killed fetch left: older than any fetch may run."""
    for folder in target.parent.glob(f"{target.name}.partial-*"):
        if time.time() - folder.stat().st_mtime > 10 * FETCH_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)


def _read(document: DocumentRef, repository: Repository) -> Document | Unreachable:
    tree = repository.names(document.commit)
    matched = sorted(path for path in tree if any(glob_match(path, pattern) for pattern in document.patterns))
    if not matched:
        return Unreachable(f"no file of {document.repo} at {document.commit[:12]} matches {list(document.patterns)}")
    readable = [path for path in matched if path.lower().endswith(TEXT_SUFFIXES)][:MAX_FILES]
    notes = [f"{path}: only {' and '.join(TEXT_SUFFIXES)} are read so far" for path in matched if path not in readable]
    present = repository.present()
    blobs = repository.blobs(tree[path] for path in readable if tree[path] in present)
    files: list[DocumentFile] = []
    total = 0
    for path in readable:
        content = blobs.get(tree[path])
        total += len(content or b"")
        if content is None or len(content) > MAX_FILE_BYTES or total > MAX_TOTAL_BYTES:
            notes.append(f"{path}: too large to read")
            continue
        digest = hashlib.sha256(content).hexdigest()
        files.append(DocumentFile(path, content.decode(errors="replace").removeprefix("\ufeff"), digest))
    note = "; ".join(notes[:5])
    return Document(document.repo, document.commit, tuple(files), note) if files else Unreachable(note)


def glob_match(path: str, pattern: str) -> bool:
    """Whether `path` matches as `pathlib` globs do: `*` and `?` stay within one folder, `**` crosses folders."""
    parts = tuple(part for part in pattern.split("/") if part not in ("", "."))
    return len(pattern) <= 500 and _match(tuple(path.split("/")), parts)


def _match(names: Sequence[str], pattern: Sequence[str]) -> bool:
    reached = {0}  # how many leading names the pattern so far can cover
    for part in pattern:
        if part == "**":
            reached = set(range(min(reached), len(names) + 1)) if reached else reached
        else:
            reached = {n + 1 for n in reached if n < len(names) and _component(part).fullmatch(names[n])}
    return len(names) in reached


@lru_cache(maxsize=512)
def _component(part: str) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(part))
