"""Pull requests."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from bot.localhub import merging, pulls, queries
from bot.localhub.api.context import Context, Page, Where
from bot.localhub.api.route import OneHop
from bot.localhub.errors import HubError
from bot.localhub.models import Pull
from bot.localhub.shapes import git as git_shapes
from bot.localhub.shapes import pulls as shapes
from bot.localhub.shapes.core import JSON

router = APIRouter(prefix="/repos/{owner}/{repo}/pulls", route_class=OneHop)


class NewPull(BaseModel):
    """Body of a request to open one; `head` is a branch, or `owner:branch` of a fork."""

    title: str
    head: str
    base: str
    body: str | None = None
    draft: bool = False
    maintainer_can_modify: bool = True


class PullChange(BaseModel):
    """Body of a request to edit, close or reopen."""

    title: str | None = None
    body: str | None = None
    state: Literal["open", "closed"] | None = None
    maintainer_can_modify: bool | None = None


class Merge(BaseModel):
    """Body of a request to merge."""

    commit_title: str | None = None
    commit_message: str | None = None
    sha: str | None = None
    merge_method: Literal["merge", "squash", "rebase"] = "merge"


def _get(where: Context, number: int) -> Pull:
    return pulls.get(where.hub, where.repository, number)


def _full(where: Context, pull: Pull) -> JSON:
    return shapes.full_pull(where.view, where.repository, pull, where.account)


@router.get("")
def list_pulls(
    where: Where,
    page: Page,
    state: Literal["open", "closed", "all"] = "open",
    sort: Literal["created", "updated", "popularity", "long-running"] = "created",
    direction: Literal["asc", "desc"] | None = None,
    head: str | None = None,
    base: str | None = None,
) -> list[JSON]:
    """Pull requests; GitHub's default is the newest first, or the oldest first under another `sort`."""
    found = pulls.listed(where.hub, where.repository, state)
    if head is not None:
        found = [pull for pull in found if head in (pull.head_ref, f"{pull.head_owner}:{pull.head_ref}")]
    if base is not None:
        found = [pull for pull in found if pull.base_ref == base]
    if sort == "updated":
        found.sort(key=lambda pull: pull.updated_at, reverse=True)
    wanted = direction or ("desc" if sort == "created" else "asc")
    ordered = found if wanted == "desc" else found[::-1]
    return [shapes.pull(where.view, where.repository, pull, where.account) for pull in page.cut(ordered)]


@router.post("", status_code=201)
def create_pull(where: Where, new: NewPull) -> JSON:
    """Open a pull request; needs an account."""
    pull = pulls.create(
        where.hub, where.repository, where.user(), title=new.title, head=new.head, base=new.base, body=new.body or "",
        draft=new.draft, maintainer_can_modify=new.maintainer_can_modify,
    )  # fmt: skip
    return _full(where, pull)


@router.get("/{number}")
def get_pull(where: Where, number: int) -> JSON:
    """One pull request."""
    return _full(where, _get(where, number))


@router.patch("/{number}")
def update_pull(where: Where, number: int, change: PullChange) -> JSON:
    """Edit, close or reopen."""
    user, pull = where.user(), _get(where, number)
    pull = pulls.edit(where.hub, where.repository, pull, user, title=change.title, body=change.body)
    if change.maintainer_can_modify is not None:
        pull = pulls.lend(where.hub, where.repository, pull, user, allow=change.maintainer_can_modify)
    if change.state == "closed":
        pull = pulls.close(where.hub, where.repository, pull, user)
    elif change.state == "open":
        pull = pulls.reopen(where.hub, where.repository, pull, user)
    return _full(where, pull)


@router.get("/{number}/files")
def list_files(where: Where, number: int, page: Page) -> list[JSON]:
    """What changes."""
    pull = _get(where, number)
    files = page.cut(queries.files(where.hub, where.repository, pull))
    return [git_shapes.changed_file(where.view, where.repository, pull.head_sha, file) for file in files]


@router.get("/{number}/commits")
def list_commits(where: Where, number: int, page: Page) -> list[JSON]:
    """Commits, oldest first."""
    commits = page.cut(queries.commits(where.hub, where.repository, _get(where, number)))
    return [git_shapes.commit(where.view, where.repository, commit) for commit in commits]


@router.get("/{number}/merge", status_code=204)
def is_merged(where: Where, number: int) -> None:
    """204 when merged, 404 when not."""
    if _get(where, number).merged_at is None:
        raise HubError(404, "Not Found")


@router.put("/{number}/merge")
def merge_pull(where: Where, number: int, wanted: Merge | None = None) -> JSON:
    """Merge; needs write."""
    how = wanted or Merge()
    user, pull = where.user(), _get(where, number)
    sha = merging.merge(
        where.hub, where.repository, pull, user, sha=how.sha, title=how.commit_title,
        message=how.commit_message, method=how.merge_method,
    )  # fmt: skip
    return {"sha": sha, "merged": True, "message": "Pull Request successfully merged"}
