"""What somebody asked to have looked at: the head that they saw, and of its leaves those that they named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bot.context import Context
from bot.render.reason import reason
from validators import Leaf, LeafError, parse_leaf
from validators.paths import LEAF_FILE


def pin(context: Context, payload: Mapping[str, Any]) -> dict[str, Any]:
    """{"pull", "sha", "base", "author", "leaves": names, "skip": why nothing is to be done, or ""}."""
    number, sha = int(payload["pull"]), str(payload["sha"])
    pull = context.forge.pull(number)
    skip = "" if pull.head_sha == sha else f"superseded by {pull.head_sha}"
    return {
        "pull": number,
        "sha": sha,
        "base": pull.base_sha,
        "author": pull.author,
        "leaves": list(payload.get("leaves") or ()),
        "skip": skip if pull.state == "open" else "the pull request is closed",
    }


def leaves_named(leaves: Sequence[str], asked: Sequence[str]) -> tuple[list[str], list[str]]:
    """(leaves that are meant, names that fit none). A name is a leaf's folder or the end of its path."""
    if not asked:
        return list(leaves), []
    names = [name.removesuffix(f"/{LEAF_FILE}").strip("/") for name in asked]
    chosen = [leaf for leaf in leaves if any(f"/{leaf}".endswith(f"/{name}") for name in names)]
    return chosen, [name for name in names if not any(f"/{leaf}".endswith(f"/{name}") for leaf in chosen)]


def parsed(paths: Sequence[str], files: Mapping[str, bytes]) -> tuple[list[Leaf], list[tuple[str, str]]]:
    """(leaves that can be read, path and reason of those that cannot)."""
    leaves, unread = [], []
    for path in paths:
        try:
            leaves.append(parse_leaf(f"{path}/{LEAF_FILE}", files))
        except LeafError as error:
            unread.append((path, reason(error, limit=300)))
    return leaves, unread
