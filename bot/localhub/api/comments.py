"""Pull requests seen as issues, their comments, and reactions to these."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel

from bot.localhub import conversation, pulls, queries
from bot.localhub.api.context import Context, Page, Where
from bot.localhub.api.route import OneHop
from bot.localhub.models import Comment
from bot.localhub.shapes import pulls as shapes
from bot.localhub.shapes.core import JSON

router = APIRouter(prefix="/repos/{owner}/{repo}/issues", route_class=OneHop)


class Body(BaseModel):
    """A text in Markdown."""

    body: str


class NewReaction(BaseModel):
    """One of GitHub's eight reactions."""

    content: str


def _comment(where: Context, comment_id: int) -> Comment:
    return conversation.comment(where.hub, where.repository, comment_id)


@router.get("")
def list_issues(
    where: Where,
    page: Page,
    state: Literal["open", "closed", "all"] = "open",
    creator: str | None = None,
    assignee: str | None = None,
    labels: str | None = None,
    sort: Literal["created", "updated", "comments"] = "created",
    direction: Literal["asc", "desc"] = "desc",
) -> list[JSON]:
    """Pull requests as issues, the newest first."""
    names = [name.strip() for name in (labels or "").split(",") if name.strip()]
    found = queries.issues(where.hub, where.repository, state=state, creator=creator, assignee=assignee, labels=names)
    if sort == "updated":
        found.sort(key=lambda pull: pull.updated_at)
    elif sort == "comments":
        found.sort(key=lambda pull: len(queries.comments(where.hub, pull)))
    ordered = found if direction == "asc" else found[::-1]
    return [shapes.issue(where.view, where.repository, pull) for pull in page.cut(ordered)]


@router.get("/comments")
def list_all_comments(where: Where, page: Page) -> list[JSON]:
    """Comments of all pull requests, oldest first."""
    rows = page.cut(queries.all_comments(where.hub, where.repository))
    return [shapes.comment(where.view, where.repository, row) for row in rows]


@router.get("/{number}")
def get_issue(where: Where, number: int) -> JSON:
    """A pull request as an issue."""
    return shapes.issue(where.view, where.repository, pulls.get(where.hub, where.repository, number))


@router.get("/{number}/comments")
def list_comments(where: Where, number: int, page: Page) -> list[JSON]:
    """The conversation, oldest first."""
    pull = pulls.get(where.hub, where.repository, number)
    rows = page.cut(queries.comments(where.hub, pull))
    return [shapes.comment(where.view, where.repository, row) for row in rows]


@router.post("/{number}/comments", status_code=201)
def create_comment(where: Where, number: int, new: Body) -> JSON:
    """Write a comment; needs an account."""
    user, pull = where.user(), pulls.get(where.hub, where.repository, number)
    row = conversation.add_comment(where.hub, where.repository, pull, user, new.body)
    return shapes.comment(where.view, where.repository, row)


@router.get("/comments/{comment_id}")
def get_comment(where: Where, comment_id: int) -> JSON:
    """One comment."""
    return shapes.comment(where.view, where.repository, _comment(where, comment_id))


@router.patch("/comments/{comment_id}")
def update_comment(where: Where, comment_id: int, new: Body) -> JSON:
    """Change a comment."""
    user, row = where.user(), _comment(where, comment_id)
    changed = conversation.edit_comment(where.hub, where.repository, row, user, new.body)
    return shapes.comment(where.view, where.repository, changed)


@router.delete("/comments/{comment_id}", status_code=204)
def delete_comment(where: Where, comment_id: int) -> None:
    """Remove a comment."""
    user, row = where.user(), _comment(where, comment_id)
    conversation.delete_comment(where.hub, where.repository, row, user)


@router.get("/comments/{comment_id}/reactions")
def list_reactions(where: Where, comment_id: int, page: Page, content: str | None = None) -> list[JSON]:
    """Reactions to a comment; with `content`, of that kind."""
    rows = queries.reactions(where.hub, _comment(where, comment_id))
    return [shapes.reaction(where.view, row) for row in page.cut([r for r in rows if content in (None, r.content)])]


@router.post("/comments/{comment_id}/reactions", status_code=201)
def create_reaction(where: Where, comment_id: int, new: NewReaction, response: Response) -> JSON:
    """React; 200 instead of 201 when the same reaction is there already."""
    user, row = where.user(), _comment(where, comment_id)
    reaction, fresh = conversation.react(where.hub, row, user, new.content)
    response.status_code = 201 if fresh else 200
    return shapes.reaction(where.view, reaction)


@router.delete("/comments/{comment_id}/reactions/{reaction_id}", status_code=204)
def delete_reaction(where: Where, comment_id: int, reaction_id: int) -> None:
    """Take one's own reaction back."""
    user, row = where.user(), _comment(where, comment_id)
    conversation.remove_reaction(where.hub, row, user, reaction_id)
