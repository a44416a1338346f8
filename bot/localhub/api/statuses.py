"""Commit statuses."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from bot.localhub import statuses
from bot.localhub.api.context import Page, Where
from bot.localhub.api.route import OneHop
from bot.localhub.shapes import statuses as shapes
from bot.localhub.shapes.core import JSON

router = APIRouter(prefix="/repos/{owner}/{repo}", route_class=OneHop)


class NewStatus(BaseModel):
    """What to say about a commit."""

    state: str
    context: str = "default"
    description: str | None = None
    target_url: str | None = None


@router.post("/statuses/{sha}", status_code=201)
def create_status(where: Where, sha: str, new: NewStatus) -> JSON:
    """Say it; needs write."""
    user = where.needs("write")
    row = statuses.create(
        where.hub, where.repository, user, sha, state=new.state, context=new.context, description=new.description,
        target_url=new.target_url,
    )  # fmt: skip
    return shapes.status(where.view, where.repository, row)


@router.get("/statuses/{ref:path}")  # what `statuses_url` of a pull request says
@router.get("/commits/{ref:path}/statuses")
def list_statuses(where: Where, ref: str, page: Page) -> list[JSON]:
    """All statuses of a commit, newest first."""
    rows = page.cut(statuses.of_commit(where.hub, where.repository, where.commit(ref)))
    return [shapes.status(where.view, where.repository, row) for row in rows]


@router.get("/commits/{ref:path}/status")
def combined_status(where: Where, ref: str, page: Page) -> JSON:
    """The newest status of each context, and what they say together."""
    sha = where.commit(ref)
    rows = statuses.latest(where.hub, where.repository, sha)
    state = statuses.combined(rows)
    return shapes.combined(where.view, where.repository, sha, state, page.cut(rows), len(rows))
