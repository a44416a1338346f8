"""PDF files as Markdown: read in a limited child process, as parsers of hostile files must be, and kept by content."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import importlib.metadata
import json
from pathlib import Path

from pipeline.child import ChildDied, ChildError, run
from pipeline.files import write_durably
from pipeline.reading.pdf_limits import CPU_SECONDS

RULES = 1
"""Raise when `pipeline.reading.pdf_text` or `pipeline.reading.layout` change in a way that changes texts."""
MAX_BYTES = 16 << 20
MEMORY_BYTES = 2 << 30
WALL_SECONDS = 240.0
_LIBRARIES = ("pdfplumber", "pdfminer.six")
_MISSING = "PDF files are read where the extra is installed: pip install 'seedbed[pdf]'"


def reader() -> str:
    """What makes text of a PDF here, with all versions that decide the text; "" where nothing does."""
    try:
        versions = [f"{name} {importlib.metadata.version(name)}" for name in _LIBRARIES]
    except importlib.metadata.PackageNotFoundError:
        return ""
    return ", ".join([*versions, f"rules {RULES}"])


def read_pdf(content: bytes, cache: Path) -> tuple[str, str]:
    """(text in Markdown, why there is none or not all). Kept in `cache` where the file alone decides it."""
    version = reader()
    if not version:
        return "", _MISSING
    if len(content) > MAX_BYTES:
        return "", f"too large to read: more than {MAX_BYTES >> 20} MiB"
    name = hashlib.sha256(version.encode() + b"\0" + content).hexdigest()
    kept = cache / f"{name}.json"
    try:
        text, why = json.loads(kept.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        text, why, lasting = _read(content)
        if lasting:
            with contextlib.suppress(OSError):  # without room for it the file is read again next time
                write_durably(kept, json.dumps([text, why]).encode())
    return text, why


def _read(content: bytes) -> tuple[str, str, bool]:
    """(text, why there is none or not all, whether it would be so again)."""
    payload = {"pdf": base64.b64encode(content).decode(), "memory": MEMORY_BYTES}
    try:
        answer = run("pipeline.reading.pdf_child:read", payload, timeout=WALL_SECONDS)
    except ChildError as error:
        if error.type_name == "MemoryError":
            return "", f"it takes more than {MEMORY_BYTES >> 20} MiB of memory to read", True
        return "", f"it cannot be read ({error.type_name})", True
    except ChildDied:
        return "", f"it took more than {CPU_SECONDS} s to read, or stopped the reader", False
    return answer["text"], answer["why"], True
