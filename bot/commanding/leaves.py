"""Which of a pull request's leaves a person means."""

from __future__ import annotations

from posixpath import basename, dirname

from bot.commanding.call import Call
from validators.paths import LEAF_FILE


def chosen(call: Call) -> tuple[list[str], list[str]]:
    """Paths of the leaves that `leaf` names, by the whole path or its last parts; and all that could be named."""
    there = changed(call)
    said = call.argument("leaf")
    return [said] if said in there else [leaf for leaf in there if leaf.endswith(f"/{said}")], there


def changed(call: Call) -> list[str]:
    """Paths of the leaves that the pull request changes: as the linter read them, else as the forge lists files."""
    lint = call.state().lint
    if lint is not None and lint.sha == call.pull.head_sha and not lint.failed:
        return list(lint.leaves)
    files = call.context.forge.changed_files(call.pull.number)
    return sorted({dirname(file.path) for file in files if basename(file.path) == LEAF_FILE and file.sha is not None})
