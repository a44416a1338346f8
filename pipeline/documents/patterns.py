"""Which files of a repository a leaf's patterns mean."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence
from functools import lru_cache


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
