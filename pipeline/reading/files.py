"""Which kinds of files are read as documents, how large they may be, and their text."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.reading import pdf

SUFFIXES = (".md", ".txt", ".pdf")
MAX_TEXT_BYTES = 1 << 20
_LFS = b"version https://git-lfs.github.com/spec/"


class Unreadable(Exception):
    """A file without a text for us; the message says why, in words for the contributor."""


@dataclass(frozen=True, slots=True)
class Text:
    """The text of a file. `reader`: what made it, with its version; "" where the file is text.

    `missing`: what was left out of it, in words.
    """

    text: str
    reader: str = ""
    missing: str = ""


def limit_of(path: str) -> int:
    """Bytes that a file of this name may have."""
    return pdf.MAX_BYTES if _is_pdf(path) else MAX_TEXT_BYTES


def read_bytes(path: str, content: bytes, cache: Path) -> Text:
    """The text of a file of one of `SUFFIXES`. `cache`: for texts that take long to make. Raises `Unreadable`."""
    if content.startswith(_LFS):
        raise Unreadable("it lies in Git LFS, from which nothing is fetched; commit the file itself")
    if _is_pdf(path):
        text, why = pdf.read_pdf(content, cache)
        if not text:
            raise Unreadable(why)
        return Text(text, pdf.reader(), why)
    if b"\0" in content:
        raise Unreadable("it is no text in UTF-8")
    return Text(content.decode(errors="replace").removeprefix("\ufeff"))


def _is_pdf(path: str) -> bool:
    return path.lower().endswith(".pdf")
