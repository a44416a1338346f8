"""What a document is once it was read, and what stands in its place where it could not be."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from validators import DocumentRef


@dataclass(frozen=True, slots=True)
class DocumentFile:
    """One text of a document repository. `digest`: SHA-256 (hex) of the file's bytes.

    `reader`: what made text of them, with its version; "" for a file that is text.
    """

    path: str
    text: str
    digest: str
    reader: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """The texts that a leaf's patterns match at its commit, by path.

    `note` says in words what could not be read; `unread` says it of each file, or of a part of one: (path, why).
    """

    repo: str
    commit: str
    files: tuple[DocumentFile, ...]
    note: str = ""
    unread: tuple[tuple[str, str], ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 (hex) over paths, contents and what made text of them."""
        joined = "\n".join("\0".join((file.path, file.digest, file.reader)) for file in self.files)
        return hashlib.sha256(joined.encode(errors="surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class Unreachable:
    """No text of the document is at hand; `reason` says why, in words for the contributor."""

    reason: str


FetchDocument = Callable[[DocumentRef], Document | Unreachable]


def offline(document: DocumentRef) -> Document | Unreachable:
    """A `FetchDocument` that fetches nothing."""
    return Unreachable(f"fetching documents is switched off, so {document.repo} was not asked for")
