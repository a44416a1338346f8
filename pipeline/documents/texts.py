"""From the files that a leaf's patterns match to texts: which are read, up to which size, what is said of the rest."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from pipeline.documents.mirror import MAX_BLOB_BYTES, Mirror, TooLarge
from pipeline.documents.model import Document, DocumentFile, Unreachable
from pipeline.documents.patterns import glob_match
from pipeline.git import GitError
from pipeline.reading.files import SUFFIXES, Unreadable, limit_of, read_bytes
from validators import DocumentRef

MAX_TOTAL_BYTES = 8 << 20
"""Of all texts of a document, in UTF-8."""
MAX_FILES = 100
MAX_LARGE_FILES = 10
"""Files that are asked for one by one, of one document."""
_NOTED = 5

Config = Callable[[], Mapping[str, str]]


def read(document: DocumentRef, mirror: Mirror, config: Config, cache: Path) -> Document | Unreachable:
    """The texts of a fetched document. `config`: git settings to fetch more with; `cache`: for texts made of files."""
    tree = mirror.names()
    matched = sorted(path for path in tree if any(glob_match(path, pattern) for pattern in document.patterns))
    if not matched:
        return Unreachable(f"no file of {document.repo} at {document.commit[:12]} matches {list(document.patterns)}")
    reading = _Reading(mirror, config, cache)
    files: list[DocumentFile] = []
    unread: list[tuple[str, str]] = []
    for path in matched:
        try:
            file, missing = reading.file(path, tree[path])
            files.append(file)
            unread += [(path, missing)] if missing else []
        except Unreadable as error:
            unread.append((path, str(error)))
    note = "; ".join(_notes(unread))
    return Document(document.repo, document.commit, tuple(files), note, tuple(unread)) if files else Unreachable(note)


def _notes(unread: list[tuple[str, str]]) -> Iterator[str]:
    yield from (f"{path}: {why}" for path, why in unread[:_NOTED])
    if len(unread) > _NOTED:
        yield f"and {len(unread) - _NOTED} more that could not be read"


class _Reading:
    """Counts what one document has used up, file by file in the order of their names."""

    def __init__(self, mirror: Mirror, config: Config, cache: Path) -> None:
        self._mirror, self._config, self._cache = mirror, config, cache
        self._sizes = mirror.sizes()
        self._files = self._large = self._total = 0

    def file(self, path: str, sha: str) -> tuple[DocumentFile, str]:
        """The text of one file, and what of it is missing. Raises `Unreadable`."""
        if not path.lower().endswith(SUFFIXES):
            raise Unreadable(f"only {', '.join(SUFFIXES)} are read")
        self._files += 1
        if self._files > MAX_FILES:
            raise Unreadable(f"a document is read up to {MAX_FILES} files")
        content = self._content(path, sha)
        read = read_bytes(path, content, self._cache)
        self._total += len(read.text.encode(errors="surrogatepass"))
        if self._total > MAX_TOTAL_BYTES:
            raise Unreadable(f"a document is read up to {MAX_TOTAL_BYTES >> 20} MiB of text")
        return DocumentFile(path, read.text, hashlib.sha256(content).hexdigest(), read.reader), read.missing

    def _content(self, path: str, sha: str) -> bytes:
        limit = limit_of(path)
        if sha not in self._sizes:
            self._get(sha, limit)
        if self._sizes[sha] > limit:
            raise _too_large(limit)
        return self._mirror.blobs([sha])[sha]

    def _get(self, sha: str, limit: int) -> None:
        """Ask for one file that did not come with its commit."""
        self._large += 1
        if self._large > MAX_LARGE_FILES:
            raise Unreadable(f"a document is read up to {MAX_LARGE_FILES} files of more than 1 MiB")
        if limit <= MAX_BLOB_BYTES:
            raise _too_large(limit)
        try:
            self._mirror.fetch_blob(sha, self._config, limit)
        except TooLarge as error:
            raise _too_large(limit) from error
        except GitError as error:
            raise Unreadable(str(error)) from error
        self._sizes = self._mirror.sizes()


def _too_large(limit: int) -> Unreadable:
    return Unreadable(f"too large to read: more than {limit >> 20} MiB")
