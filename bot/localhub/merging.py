"""Merging a pull request in the bare repository, without a checkout."""

from __future__ import annotations

from bot.localhub import refs
from bot.localhub.errors import HubError
from bot.localhub.git import GitError
from bot.localhub.hub import Hub
from bot.localhub.models import Account, Pull, Repository


def merge(
    hub: Hub, repository: Repository, pull: Pull, actor: Account, *, sha: str | None = None,
    title: str | None = None, message: str | None = None, method: str = "merge",
) -> str:  # fmt: skip
    """Merge with a merge commit, or squash into one; returns the new commit. Needs write; emits `push` and `closed`.

    Raises 405 for a conflict and for what is not open, 409 when the head is no longer `sha`.
    """
    if not hub.allows(repository, actor, "write"):
        raise HubError(403, "Resource not accessible: merging needs write permission.")
    if method not in ("merge", "squash"):
        raise HubError(405, f"{method.capitalize()} merges are not allowed on this repository.")
    if pull.state != "open" or pull.draft:
        raise HubError(405, "Pull Request is not mergeable")
    if sha is not None and sha != pull.head_sha:
        raise HubError(409, "Head branch was modified. Review and try the merge again.")
    # The lock is held until the move is recorded: seen from elsewhere, a squash would look like any other push.
    with hub.db.transaction():
        commit = _write(hub, repository, pull, actor, title=title, message=message, method=method)
        refs.observe(hub, repository, actor.login, merged={pull.number: commit})
    return commit


def _write(
    hub: Hub, repository: Repository, pull: Pull, actor: Account, *, title: str | None, message: str | None, method: str
) -> str:
    git = hub.git(repository)
    tip = git.resolve(f"refs/heads/{pull.base_ref}") or pull.base_sha
    tree = git.merge_tree(tip, pull.head_sha)
    if tree is None:
        raise HubError(405, "Pull Request is not mergeable")
    merge_title = f"Merge pull request #{pull.number} from {pull.head_owner}/{pull.head_ref}"
    default = (f"{pull.title} (#{pull.number})", pull.body) if method == "squash" else (merge_title, pull.title)
    text = "\n\n".join(part for part in (title or default[0], default[1] if message is None else message) if part)
    parents = (tip, pull.head_sha) if method == "merge" else (tip,)
    commit = git.commit_tree(tree, parents, text + "\n", hub.person(actor.login))
    try:
        git.update_ref(f"refs/heads/{pull.base_ref}", commit, tip)
    except GitError as error:
        raise HubError(409, "Base branch was modified. Review and try the merge again.") from error
    return commit
