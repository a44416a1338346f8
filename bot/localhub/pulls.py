"""The life of a pull request: opened, pushed to, edited, closed, reopened. `merging` merges it."""

from __future__ import annotations

from dataclasses import dataclass

from bot.localhub import conversation, forks, payloads
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


def with_head(hub: Hub, repository: Repository, branch: str) -> list[Pull]:
    """Open pull requests from a branch of this repository, oldest first; those to other repositories, too."""
    query = "SELECT * FROM pulls WHERE head_repository_id = ? AND head_ref = ? AND state = 'open' ORDER BY id"
    return hub.db.rows(Pull, query, repository.id, branch)


def with_base(hub: Hub, repository: Repository, branch: str) -> list[Pull]:
    """Open pull requests into a branch, oldest first."""
    query = "SELECT * FROM pulls WHERE repository_id = ? AND base_ref = ? AND state = 'open' ORDER BY number"
    return hub.db.rows(Pull, query, repository.id, branch)


def of_commit(hub: Hub, repository: Repository, sha: str) -> list[Pull]:
    """Merged pull requests that brought a commit, or open ones that contain it."""
    git = hub.git(repository)
    query = "SELECT * FROM pulls WHERE repository_id = ? AND merge_commit_sha = ? AND merged_at IS NOT NULL"
    found = hub.db.rows(Pull, query, repository.id, sha)
    for ref in git.refs_with(sha, "refs/pull/"):
        pull = get(hub, repository, int(ref.split("/")[2]))
        alive = pull.merged_at is not None or pull.state == "open"
        if alive and pull not in found and not git.is_ancestor(sha, pull.base_sha):
            found.append(pull)
    return sorted(found, key=lambda pull: -pull.number)


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
    maintainer_can_modify: bool = True,
) -> Pull:
    """Open a pull request from `branch`, or `owner:branch` of a fork; emits `pull_request.opened`.

    `maintainer_can_modify` means something for a fork only.
    """
    if not title.strip() or len(title) > 256:
        raise invalid("PullRequest", "title", "title must have 1 to 256 characters")
    conversation.check_body("PullRequest", body)
    with hub.db.transaction():  # from reading the branches on, or a push in between would go unnoticed
        ends = _ends(hub, repository, head, base)
        now = hub.clock()
        number = int(hub.db.value("SELECT max(number) FROM pulls WHERE repository_id = ?", repository.id) or 0) + 1
        forks.bring(hub, repository, ends.head, f"refs/pull/{number}/head", ends.head_sha)
        pull_id = hub.db.insert(
            "pulls", repository_id=repository.id, number=number, title=title.strip(), body=body, author=author.login,
            state="open", draft=int(draft), head_ref=ends.branch, head_sha=ends.head_sha, base_ref=base,
            base_sha=ends.base_sha, created_at=now, updated_at=now, head_owner=ends.head.owner,
            head_repository_id=ends.head.id,
            maintainer_can_modify=int(maintainer_can_modify and ends.head.id != repository.id),
        )  # fmt: skip
        conversation.note(hub, pull_id, author.login, "opened", ends.head_sha)
        pull = get(hub, repository, number)
        payloads.pull_request(hub, repository, pull, "opened", author.login)
    return pull


@dataclass(frozen=True, slots=True)
class _Ends:
    head: Repository
    branch: str
    head_sha: str
    base_sha: str


def _ends(hub: Hub, repository: Repository, head: str, base: str) -> _Ends:
    """Both ends, once it is clear that a pull request between them makes sense."""
    where, branch = forks.head_repository(hub, repository, head)
    head_sha = hub.git(where).ref(f"refs/heads/{branch}") if where else None
    base_sha = hub.git(repository).ref(f"refs/heads/{base}")
    if where is None or head_sha is None:
        raise _invalid_field("head")
    if base_sha is None:
        raise _invalid_field("base")
    git = hub.git(repository)
    git.take(hub.git(where), head_sha)
    if git.merge_base(base_sha, head_sha) in (None, head_sha):
        raise HubError(422, "Validation Failed", [_custom(f"No commits between {base} and {branch}")])
    if any(pull.base_ref == base and pull.repository_id == repository.id for pull in with_head(hub, where, branch)):
        message = f"A pull request already exists for {where.owner}:{branch}."
        raise HubError(422, "Validation Failed", [_custom(message)])
    return _Ends(where, branch, head_sha, base_sha)


def _invalid_field(field: str) -> HubError:
    return HubError(422, "Validation Failed", [{"resource": "PullRequest", "field": field, "code": "invalid"}])


def _custom(message: str) -> dict[str, str]:
    return {"resource": "PullRequest", "code": "custom", "message": message}


def lend(hub: Hub, repository: Repository, pull: Pull, editor: Account, *, allow: bool) -> Pull:
    """Let maintainers push to the head branch in its fork, or no longer; who may push there may say so."""
    if pull.from_fork and pull.head_repository_id is not None and bool(pull.maintainer_can_modify) != allow:
        if not hub.allows(hub.repository_by_id(pull.head_repository_id), editor, "write"):
            raise HubError(403, "Only who may push to the head branch can let maintainers push to it.")
        hub.db.update("pulls", pull.id, maintainer_can_modify=int(allow))
    return get(hub, repository, pull.number)


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
        where = home(hub, pull)
        head_sha = hub.git(where).ref(f"refs/heads/{pull.head_ref}") if where else None
        base_sha = hub.git(repository).ref(f"refs/heads/{pull.base_ref}")
        if pull.merged_at or where is None or head_sha is None or base_sha is None:
            raise invalid("PullRequest", "state", "state cannot be changed: it was merged, or its branch is gone")
        forks.bring(hub, repository, where, f"refs/pull/{pull.number}/head", head_sha)
        columns = {"state": "open", "head_sha": head_sha, "base_sha": base_sha}
        hub.db.update("pulls", pull.id, **columns, closed_at=None, updated_at=hub.clock())
        conversation.note(hub, pull.id, actor.login, "reopened")
        new = get(hub, repository, pull.number)
        payloads.pull_request(hub, repository, new, "reopened", actor.login)
    return new


def home(hub: Hub, pull: Pull) -> Repository | None:
    """The repository of the head branch; None when it was deleted."""
    return hub.repository_by_id(pull.head_repository_id) if pull.head_repository_id is not None else None


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


def head_moved(hub: Hub, where: Repository, pull: Pull, actor: str, after: str | None) -> None:
    """Follow the head branch in `where`: a new tip synchronizes the pull request, a deleted branch closes it."""
    repository = hub.repository_by_id(pull.repository_id)
    if after is None:
        _closed(hub, repository, pull, actor)
        return
    forks.bring(hub, repository, where, f"refs/pull/{pull.number}/head", after)
    hub.db.update("pulls", pull.id, head_sha=after, updated_at=hub.clock())
    conversation.note(hub, pull.id, actor, "pushed", f"{pull.head_sha}..{after}")
    new = get(hub, repository, pull.number)
    payloads.pull_request(hub, repository, new, "synchronize", actor, before=pull.head_sha, after=after)
