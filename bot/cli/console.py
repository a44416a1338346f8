"""What commands print: in the terminal's encoding, with paths as the reader would type them."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TextIO


def write(text: str, stream: TextIO | None = None) -> None:
    """Print, on standard output if nothing else is said; what the terminal cannot show becomes an escape."""
    stream = stream or sys.stdout
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding))


def colored() -> bool:
    """Whether the reader's terminal shows colours and wants them (no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def shown(file: Path) -> str:
    """A path relative to the current folder where it lies below it, else in full."""
    here = Path.cwd()
    return str(file.relative_to(here) if file.is_relative_to(here) else file)


class Bar:
    """One line of progress, on a terminal alone."""

    def __call__(self, message: str, fraction: float) -> None:
        """Write the line over the last one."""
        if sys.stderr.isatty():
            end = "\n" if fraction >= 1 else ""
            print(f"\r\x1b[K{fraction:4.0%} {message}", end=end, file=sys.stderr, flush=True)
