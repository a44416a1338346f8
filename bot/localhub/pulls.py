"""The life of a pull request: opened, pushed to, edited, closed, reopened. `merging` merges it."""

from __future__ import annotations

from bot.localhub import conversation, payloads
from bot.localhub.errors import HubError, invalid, not_found
from bot.localhub.hub import Hub
from bot.localhub.models import Account, Pull, Repository


def get(hub: Hub, repository: Repository, number: int) -> Pull:
    """One pull request; raises 404."""
    query = "SELECT * FROM pulls WHERE repository_id = ? AND number = ?"
    found = hub.db.row(Pull, query, repository.id, number)
    if found is None:
        raise not_found()
    return found


def listed(hub: Hub, repository: Repository, state: str = "open") -> list[Pull]:
    """Pull requests, newest first; `state` open, closed or all."""
    query = "SELECT * FROM pulls WHERE repository_id = ? AND (state = ? OR ? = 'all') ORDER BY number DESC"
    return hub.db.rows(Pull, query, repository.id, state, state)


def of_commit(hub: Hub, repository: Repository, sha: str) -> list[Pull]:
    """Merged pull requests that brought a commit, or open ones that contain it."""
    git = hub.git(repository)
    found = []
    for pull in listed(hub, repository, "all"):
        brought = {pull.merge_commit_sha} if pull.merged_at else set()
        if sha in brought or (
            (pull.merged_at or pull.state == "open")
            and git.is_ancestor(sha, pull.head_sha)
            and not git.is_ancestor(sha, pull.base_sha)
        ):
            found.append(pull)
    return found


def create(
    hub: Hub,
    repository: Repository,
    author: Account,
    *,
    title: str,
    head: str,
    base: str,
    body: str = "",
    draft: bool = False,
) -> Pull:
    """Open a pull request from a branch of the same repository; emits `pull_request.opened`."""
    if not title.strip() or len(title) > 256:
        raise invalid("PullRequest", "title", "title must have 1 to 256 characters")
    conversation.check_body("PullRequest", body)
    with hub.db.transaction():  # from reading the branches on, or a push in between would go unnoticed
        branch, head_sha, base_sha = _ends(hub, repository, head, base)
        now = hub.clock()
        number = int(hub.db.value("SELECT max(number) FROM pulls WHERE repository_id = ?", repository.id) or 0) + 1
        hub.git(repository).update_ref(f"refs/pull/{number}/head", head_sha)
        pull_id = hub.db.insert(
            "pulls", repository_id=repository.id, number=number, title=title.strip(), body=body, author=author.login,
            state="open", draft=int(draft), head_ref=branch, head_sha=head_sha, base_ref=base, base_sha=base_sha,
            created_at=now, updated_at=now,
        )  # fmt: skip
        conversation.note(hub, pull_id, author.login, "opened", head_sha)
        pull = get(hub, repository, number)
        payloads.pull_request(hub, repository, pull, "opened", author.login)
    return pull


def _ends(hub: Hub, repository: Repository, head: str, base: str) -> tuple[str, str, str]:
    """Head branch, its tip and the base's tip, once it is clear that a pull request between them makes sense."""
    owner, _, branch = head.rpartition(":")
    git = hub.git(repository)
    tips = git.refs()
    head_sha, base_sha = tips.get(f"refs/heads/{branch}"), tips.get(f"refs/heads/{base}")
    if head_sha is None or (owner and owner.lower() != repository.owner.lower()):
        raise _invalid_field("head")
    if base_sha is None:
        raise _invalid_field("base")
    if git.merge_base(head_sha, base_sha) in (None, head_sha):
        raise HubError(422, "Validation Failed", [_custom(f"No commits between {base} and {branch}")])
    if any(pull.head_ref == branch and pull.base_ref == base for pull in listed(hub, repository)):
        message = f"A pull request already exists for {repository.owner}:{branch}."
        raise HubError(422, "Validation Failed", [_custom(message)])
    return branch, head_sha, base_sha


def _invalid_field(field: str) -> HubError:
    return HubError(422, "Validation Failed", [{"resource": "PullRequest", "field": field, "code": "invalid"}])


def _custom(message: str) -> dict[str, str]:
    return {"resource": "PullRequest", "code": "custom", "message": message}


def edit(hub: Hub, repository: Repository, pull: Pull, editor: Account, *, title: str | None, body: str | None) -> Pull:
    """Change title or body; the author and those who triage may. Emits `pull_request.edited`."""
    _may_change(hub, repository, pull, editor)
    changed: dict[str, object] = {}
    if title is not None and title != pull.title:
        if not title.strip() or len(title) > 256:
            raise invalid("PullRequest", "title", "title must have 1 to 256 characters")
        changed["title"] = {"from": pull.title}
    if body is not None and body != pull.body:
        conversation.check_body("PullRequest", body)
        changed["body"] = {"from": pull.body or None}
    if not changed:
        return pull
    with hub.db.transaction():
        new_title = pull.title if title is None else title.strip()
        new_body = pull.body if body is None else body
        hub.db.update("pulls", pull.id, title=new_title, body=new_body, updated_at=hub.clock())
        new = get(hub, repository, pull.number)
        payloads.pull_request(hub, repository, new, "edited", editor.login, changes=changed)
    return new


def close(hub: Hub, repository: Repository, pull: Pull, actor: Account) -> Pull:
    """Close without merging; emits `pull_request.closed`."""
    _may_change(hub, repository, pull, actor)
    return pull if pull.state == "closed" else _closed(hub, repository, pull, actor.login)


def _closed(hub: Hub, repository: Repository, pull: Pull, actor: str) -> Pull:
    now = hub.clock()
    with hub.db.transaction():
        hub.db.update("pulls", pull.id, state="closed", closed_at=now, updated_at=now)
        conversation.note(hub, pull.id, actor, "closed")
        new = get(hub, repository, pull.number)
        payloads.pull_request(hub, repository, new, "closed", actor)
    return new


def reopen(hub: Hub, repository: Repository, pull: Pull, actor: Account) -> Pull:
    """Open again at the branch as it is now; emits `pull_request.reopened`."""
    _may_change(hub, repository, pull, actor)
    if pull.state == "open":
        return pull
    with hub.db.transaction():
        git = hub.git(repository)
        tips = git.refs()
        head_sha, base_sha = tips.get(f"refs/heads/{pull.head_ref}"), tips.get(f"refs/heads/{pull.base_ref}")
        if pull.merged_at or head_sha is None or base_sha is None:
            raise invalid("PullRequest", "state", "state cannot be changed: it was merged, or its branch is gone")
        git.update_ref(f"refs/pull/{pull.number}/head", head_sha)
        columns = {"state": "open", "head_sha": head_sha, "base_sha": base_sha}
        hub.db.update("pulls", pull.id, **columns, closed_at=None, updated_at=hub.clock())
        conversation.note(hub, pull.id, actor.login, "reopened")
        new = get(hub, repository, pull.number)
        payloads.pull_request(hub, repository, new, "reopened", actor.login)
    return new


def _may_change(hub: Hub, repository: Repository, pull: Pull, actor: Account) -> None:
    if actor.login != pull.author and not hub.allows(repository, actor, "triage"):
        raise HubError(403, "Must have triage permission to change another's pull request.")


def was_merged(hub: Hub, repository: Repository, pull: Pull, actor: str, commit: str) -> None:
    """Record that `commit` brought the pull request into its base; emits `pull_request.closed` with merged true."""
    now = hub.clock()
    columns = {"state": "closed", "merged_by": actor, "merge_commit_sha": commit}
    hub.db.update("pulls", pull.id, **columns, closed_at=now, merged_at=now, updated_at=now)
    conversation.note(hub, pull.id, actor, "merged", commit)
    payloads.pull_request(hub, repository, get(hub, repository, pull.number), "closed", actor)


def head_moved(hub: Hub, repository: Repository, pull: Pull, actor: str, after: str | None) -> None:
    """Follow the head branch: a new tip synchronizes the pull request, a deleted branch closes it."""
    if after is None:
        _closed(hub, repository, pull, actor)
        return
    hub.git(repository).update_ref(f"refs/pull/{pull.number}/head", after)
    hub.db.update("pulls", pull.id, head_sha=after, updated_at=hub.clock())
    conversation.note(hub, pull.id, actor, "pushed", f"{pull.head_sha}..{after}")
    new = get(hub, repository, pull.number)
    payloads.pull_request(hub, repository, new, "synchronize", actor, before=pull.head_sha, after=after)
