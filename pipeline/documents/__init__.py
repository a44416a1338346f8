"""The documents that knowledge leaves name: fetched from allowed hosts alone, never checked out, cached by commit."""

from __future__ import annotations

import re
from pathlib import Path

from pipeline.documents.address import ALLOWED_HOSTS, Reach, allowed_host, check_url
from pipeline.documents.mirror import Mirror
from pipeline.documents.model import Document, DocumentFile, FetchDocument, Unreachable, offline
from pipeline.documents.patterns import glob_match
from pipeline.documents.texts import read
from pipeline.git import GitError
from validators import DocumentRef

__all__ = [
    "ALLOWED_HOSTS",
    "Document",
    "DocumentFile",
    "FetchDocument",
    "Reach",
    "Unreachable",
    "check_url",
    "fetch",
    "glob_match",
    "offline",
]

_PUBLIC = Reach()
_COMMIT = re.compile(r"[0-9a-f]{40}")


def fetch(document: DocumentRef, *, cache: Path, reach: Reach = _PUBLIC) -> Document | Unreachable:
    """Get the texts of `document`, from `cache` when its (repo, commit) was fetched before.

    What the contributor, the network or our disk did wrong is not raised: that is `Unreachable` with its reason.
    """
    if not _COMMIT.fullmatch(document.commit):
        return Unreachable("the document's commit must be a full commit name of 40 hexadecimal digits")
    mirror = Mirror(cache, document)
    try:
        allowed_host(document.repo, reach)
        mirror.fetch(lambda: check_url(document.repo, reach))
        return read(document, mirror, lambda: check_url(document.repo, reach), cache / "texts")
    except (GitError, ValueError) as error:
        return Unreachable(str(error))
    except OSError as error:
        return Unreachable(f"{document.repo} could not be kept here: {error.strerror or error}")
