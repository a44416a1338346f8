"""Commits that are written through the API or a page instead of pushed."""

from __future__ import annotations

import re
from collections.abc import Mapping

from bot.localhub import access, refs
from bot.localhub.errors import HubError
from bot.localhub.git import Entry, Git, GitError, Person
from bot.localhub.hub import Hub
from bot.localhub.models import Account, Repository

MODES = {"100644": "blob", "100755": "blob", "120000": "blob", "040000": "tree", "160000": "commit"}
_REF = re.compile(r"refs/(?:heads|tags)/[^/].*\Z")
_UNSAFE = re.compile(r"(?:\A|/)(?:\.{0,2}|\.git)(?:/|\Z)|[\x00]", re.IGNORECASE)

Changes = Mapping[str, Entry | None]
"""Path → what stands there (the entry's own path does not count), or None: nothing any more."""


def write_tree(git: Git, base: str | None, changes: Changes) -> str:
    """The tree `base` (None: an empty one) with changes; returns its sha. Raises 422 for what makes no tree."""
    for path, entry in changes.items():
        if not path or _UNSAFE.search(path):
            raise _bad(f"tree.path contains a malformed path component: {path!r}")
        if entry is None:
            continue
        if MODES.get(entry.mode) != entry.kind:
            raise _bad(f"tree.mode {entry.mode} and tree.type {entry.kind} do not belong together")
        if entry.kind != "commit" and git.kind(entry.sha) != entry.kind:
            raise _bad(f"tree.sha {entry.sha} is not a valid {entry.kind}")
    try:
        return _written(git, base, dict(changes)) or git.write_tree([])
    except GitError as error:
        raise _bad(f"GitRPC::BadObjectState: {error}") from error


def _written(git: Git, base: str | None, changes: dict[str, Entry | None]) -> str | None:
    """Folder by folder; None for a folder that is empty now."""
    entries = {entry.path: entry for entry in (git.tree(base) if base else [])}
    below: dict[str, dict[str, Entry | None]] = {}
    for path, change in changes.items():
        name, _, rest = path.partition("/")
        if rest:
            below.setdefault(name, {})[rest] = change
        elif change is None:
            if entries.pop(name, None) is None:
                raise _bad(f"GitRPC::BadObjectState: there is no {path} to remove")
        else:
            entries[name] = Entry(change.mode, change.kind, change.sha, None, name)
    for name, inner in below.items():
        here = entries.pop(name, None)
        sha = _written(git, here.sha if here and here.kind == "tree" else None, inner)
        if sha is not None:
            entries[name] = Entry("040000", "tree", sha, None, name)
    return git.write_tree(entries.values()) if entries else None


def _bad(message: str) -> HubError:
    return HubError(422, message)


def write_commit(
    git: Git, tree: str, parents: tuple[str, ...], message: str, author: Person, committer: Person | None = None
) -> str:
    """A commit object; returns its sha. Raises 422 for people and dates that git does not take."""
    try:
        return git.commit_tree(tree, parents, message, author, committer)
    except GitError as error:
        raise _bad(f"Invalid author or committer: {error}") from error


def create_ref(hub: Hub, repository: Repository, actor: Account, name: str, sha: str) -> None:
    """Make a branch or tag; what follows is as after a push."""
    if not _REF.match(name):
        raise _bad("Reference name must start with 'refs/heads/' or 'refs/tags/'.")
    access.needs_write(hub, repository, actor, name)
    git = hub.git(repository)
    if git.kind(sha) not in (("commit",) if name.startswith("refs/heads/") else ("commit", "tag")):
        raise _bad("Object does not exist")
    if git.ref(name) is not None:
        raise _bad("Reference already exists")
    _move(hub, repository, actor, name, sha, "0" * 40)


def move_ref(hub: Hub, repository: Repository, actor: Account, name: str, sha: str, *, force: bool) -> None:
    """Move a branch or tag, forwards unless `force`; what follows is as after a push."""
    access.needs_write(hub, repository, actor, name)
    git = hub.git(repository)
    old = git.ref(name) if _REF.match(name) else None
    if old is None:
        raise _bad("Reference does not exist")
    if git.kind(sha) != "commit":
        raise _bad("Object does not exist")
    if not force and not git.is_ancestor(old, sha):
        raise _bad("Update is not a fast forward")
    _move(hub, repository, actor, name, sha, old)


def delete_ref(hub: Hub, repository: Repository, actor: Account, name: str) -> None:
    """Remove a branch or tag; what follows is as after a push."""
    access.needs_write(hub, repository, actor, name)
    git = hub.git(repository)
    if not _REF.match(name) or git.ref(name) is None:
        raise _bad("Reference does not exist")
    git.delete_ref(name)
    refs.observe(hub, repository, actor.login)


def _move(hub: Hub, repository: Repository, actor: Account, name: str, sha: str, old: str) -> None:
    try:
        hub.git(repository).update_ref(name, sha, old)
    except GitError as error:  # a name that git refuses, or another was quicker
        raise _bad(f"Reference update failed: {error}") from error
    refs.observe(hub, repository, actor.login)


def commit_files(
    hub: Hub, repository: Repository, actor: Account, branch: str, changes: Changes, message: str,
    *, author: Person | None = None, committer: Person | None = None, parent: str | None = None,
) -> str:  # fmt: skip
    """Put one commit on a branch; returns its sha. With `parent`, only where that is still the tip (409)."""
    ref = f"refs/heads/{branch}"
    access.needs_write(hub, repository, actor, ref)
    git = hub.git(repository)
    tip = git.ref(ref)
    if tip is None:
        raise HubError(404, f"Branch {branch} not found")
    if parent is not None and parent != tip:
        raise HubError(409, f"{branch} has moved on: it is at {tip}, not at {parent}.")
    tree = write_tree(git, git.commit(tip).tree, changes)
    person = author or hub.person(actor.login)
    commit = write_commit(git, tree, (tip,), message, person, committer or author)
    _move(hub, repository, actor, ref, commit, tip)
    return commit
