"""Forks: repositories of their own that remember where they come from."""

from __future__ import annotations

import shutil

from bot.localhub import payloads
from bot.localhub.errors import HubError, invalid
from bot.localhub.hub import Hub
from bot.localhub.models import Account, Repository

_OF_PULLS = ("comments", "timeline", "pull_labels", "reviews", "review_comments", "assignees")
_OF_REPOSITORY = ("permissions", "refs", "pulls", "labels", "check_runs", "statuses", "hooks")


def listed(hub: Hub, repository: Repository) -> list[Repository]:
    """Forks made from this repository, newest first."""
    query = "SELECT * FROM repositories WHERE parent_id = ? ORDER BY id DESC"
    return hub.db.rows(Repository, query, repository.id)


def owned_by(hub: Hub, repository: Repository, owner: str) -> Repository | None:
    """The repository of `owner` in the line of forks that `repository` belongs to."""
    source = repository.source_id or repository.id
    query = "SELECT * FROM repositories WHERE owner = ? AND (id = ? OR source_id = ?) ORDER BY id = ? DESC, id LIMIT 1"
    return hub.db.row(Repository, query, owner, source, source, repository.id)


def fork(hub: Hub, repository: Repository, owner: Account, *, name: str = "") -> Repository:
    """Make a fork for an account, or return the one that it has; emits `fork`. All branches and tags come along."""
    with hub.db.transaction():
        known = owned_by(hub, repository, owner.login)
        if known is not None and known.id != repository.id:
            return known
        if known is not None or owner.kind == "Bot":
            raise HubError(403, f"{repository.full_name} cannot be forked by {owner.login}.")
        path = hub.create_repository(
            owner.login, _free_name(hub, owner.login, name or repository.name), description=repository.description,
            branch=repository.default_branch,
        )  # fmt: skip
        made = hub.repository(f"{owner.login}/{path.stem}")
        columns = {"parent_id": repository.id, "source_id": repository.source_id or repository.id}
        hub.db.update("repositories", made.id, **columns)
        git = hub.git(made)
        git.fetch(hub.git(repository), "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
        for ref, sha in git.refs("refs/heads/", "refs/tags/").items():
            hub.db.insert("refs", repository_id=made.id, name=ref, sha=sha)
        forked = hub.repository_by_id(made.id)
        payloads.fork(hub, repository, forked, owner.login)
    return forked


def _free_name(hub: Hub, owner: str, name: str) -> str:
    """As on GitHub, a name that is taken gets a number."""
    names = [name, *(f"{name}-{number}" for number in range(1, 100))]
    free = next((candidate for candidate in names if hub.find_repository(owner, candidate) is None), None)
    if free is None:
        raise invalid("Repository", "name", f"{owner} has too many repositories named {name}")
    return free


def delete(hub: Hub, repository: Repository) -> None:
    """Remove a repository with all that belongs to it. Pull requests from it stay, without a head repository."""
    git = hub.git(repository)
    with hub.db.transaction():
        pulls = "pull_id IN (SELECT id FROM pulls WHERE repository_id = ?)"
        reactions = f"DELETE FROM reactions WHERE comment_id IN (SELECT id FROM comments WHERE {pulls})"  # noqa: S608
        hub.db.run(reactions, repository.id)
        for table in _OF_PULLS:
            hub.db.run(f"DELETE FROM {table} WHERE {pulls}", repository.id)  # noqa: S608
        runs = "SELECT id FROM check_runs WHERE repository_id = ?"
        hub.db.run(f"DELETE FROM annotations WHERE check_run_id IN ({runs})", repository.id)  # noqa: S608
        hooks = "SELECT id FROM hooks WHERE repository_id = ?"
        hub.db.run(f"DELETE FROM deliveries WHERE hook_id IN ({hooks})", repository.id)  # noqa: S608
        for table in _OF_REPOSITORY:
            hub.db.run(f"DELETE FROM {table} WHERE repository_id = ?", repository.id)  # noqa: S608
        hub.db.run("UPDATE pulls SET head_repository_id = NULL WHERE head_repository_id = ?", repository.id)
        hub.db.run("UPDATE repositories SET parent_id = NULL WHERE parent_id = ?", repository.id)
        hub.db.run("UPDATE repositories SET source_id = parent_id WHERE source_id = ?", repository.id)
        hub.db.run("DELETE FROM repositories WHERE id = ?", repository.id)
    git.close()
    shutil.rmtree(git.path, ignore_errors=True)


def head_repository(hub: Hub, base: Repository, head: str) -> tuple[Repository | None, str]:
    """Where `head` (`branch`, or `owner:branch` of a fork) lies, and the branch; None when that owner has no fork."""
    owner, _, branch = head.rpartition(":")
    if not owner or owner.lower() == base.owner.lower():
        return base, branch
    return owned_by(hub, base, owner), branch


def bring(hub: Hub, base: Repository, head: Repository, target: str, sha: str) -> None:
    """Set the ref `target` of the base to a commit of the head repository, whose objects come along."""
    git = hub.git(base)
    git.take(hub.git(head), sha)
    git.update_ref(target, sha)
