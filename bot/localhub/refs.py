"""What a push changed: refs as last seen are in the database, refs as they are in git, and the difference is the news.

Because both are kept, a push is not lost when the process is killed between git and the database: the next
look finds it.
"""

from __future__ import annotations

from collections.abc import Mapping

from bot.localhub import payloads, pulls
from bot.localhub.git import ZERO
from bot.localhub.hub import Hub
from bot.localhub.models import Repository


def observe(hub: Hub, repository: Repository, actor: str, *, merged: Mapping[int, str] | None = None) -> int:
    """Compare, record, move pull requests along, emit webhooks; returns how many refs moved.

    `merged`: pull request number → the commit that localhub itself just merged it with.
    """
    git = hub.git(repository)
    with hub.db.transaction():
        now = git.refs("refs/heads/", "refs/tags/")
        seen = hub.db.pairs("SELECT name, sha FROM refs WHERE repository_id = ?", repository.id)
        moved = [name for name in sorted(now.keys() | seen.keys()) if now.get(name) != seen.get(name)]
        for name in moved:
            _record(hub, repository, name, now.get(name))
        for name in moved:
            before, after = seen.get(name), now.get(name)
            payloads.push(hub, repository, name, before or ZERO, after or ZERO, actor)
            _follow(hub, repository, name.removeprefix("refs/heads/"), after, actor, merged or {})
        if moved:
            hub.db.update("repositories", repository.id, pushed_at=hub.clock())
    return len(moved)


def _record(hub: Hub, repository: Repository, name: str, sha: str | None) -> None:
    if sha is None:
        hub.db.run("DELETE FROM refs WHERE repository_id = ? AND name = ?", repository.id, name)
    else:
        hub.db.run("INSERT OR REPLACE INTO refs VALUES (?, ?, ?)", repository.id, name, sha)


def _follow(
    hub: Hub, repository: Repository, branch: str, after: str | None, actor: str, merged: Mapping[int, str]
) -> None:
    """Heads first: a push that moves head and base at once merges the new head."""
    for pull in pulls.with_head(hub, repository, branch):
        if pull.head_sha != after:
            pulls.head_moved(hub, repository, pull, actor, after)
    if after is not None:
        _base_moved(hub, repository, branch, actor, after, merged)


def _base_moved(
    hub: Hub, repository: Repository, branch: str, actor: str, after: str, merged: Mapping[int, str]
) -> None:
    """The base keeps its old tip where the push brought the pull request in, so that its files can still be shown."""
    waiting = pulls.with_base(hub, repository, branch)
    git = hub.git(repository)
    brought = {old: git.new_shas(old, after) for old in {pull.base_sha for pull in waiting}}
    for pull in waiting:
        commit = merged.get(pull.number) or (after if pull.head_sha in brought[pull.base_sha] else None)
        if commit is not None:
            pulls.was_merged(hub, repository, pull, actor, commit)
    query = "UPDATE pulls SET base_sha = ? WHERE repository_id = ? AND base_ref = ? AND state = 'open'"
    hub.db.run(query, after, repository.id, branch)
