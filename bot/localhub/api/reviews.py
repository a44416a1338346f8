"""Reviews and comments at lines."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from bot.localhub import pulls, queries, reviews
from bot.localhub.api.context import Context, Page, Where
from bot.localhub.api.route import OneHop
from bot.localhub.errors import HubError
from bot.localhub.models import Pull
from bot.localhub.shapes import reviews as shapes
from bot.localhub.shapes.core import JSON

router = APIRouter(prefix="/repos/{owner}/{repo}/pulls", route_class=OneHop)
Side = Literal["LEFT", "RIGHT"]


class LineComment(BaseModel):
    """A comment at lines of the diff."""

    path: str
    body: str
    line: int | None = None
    side: Side = "RIGHT"
    start_line: int | None = None
    start_side: Side | None = None

    def as_new(self) -> reviews.NewComment:
        """The same as the domain takes it."""
        if self.line is None:
            raise HubError(
                422, "Unprocessable Entity", ["Line could not be resolved: localhub needs line, not position"]
            )
        return reviews.NewComment(self.path, self.line, self.body, self.side, self.start_line, self.start_side)


class NewReview(BaseModel):
    """A review to submit."""

    event: str | None = None
    body: str | None = None
    commit_id: str | None = None
    comments: list[LineComment] = []


class NewLineComment(LineComment):
    """A comment at lines outside of any review of one's own."""

    commit_id: str


class Dismissal(BaseModel):
    """Why a review shall not count."""

    message: str
    event: Literal["DISMISS"] | None = None


def _pull(where: Context, number: int) -> Pull:
    return pulls.get(where.hub, where.repository, number)


@router.get("/{number}/reviews")
def list_reviews(where: Where, number: int, page: Page) -> list[JSON]:
    """Reviews, oldest first."""
    pull = _pull(where, number)
    rows = page.cut(reviews.listed(where.hub, pull))
    return [shapes.review(where.view, where.repository, pull, row) for row in rows]


@router.post("/{number}/reviews")
def create_review(where: Where, number: int, new: NewReview) -> JSON:
    """Submit a review; localhub keeps no pending ones."""
    user, pull = where.user(), _pull(where, number)
    row = reviews.submit(
        where.hub, where.repository, pull, user, new.event or "", body=new.body or "", sha=new.commit_id,
        comments=[comment.as_new() for comment in new.comments],
    )  # fmt: skip
    return shapes.review(where.view, where.repository, pull, row)


@router.get("/{number}/reviews/{review_id}")
def get_review(where: Where, number: int, review_id: int) -> JSON:
    """One review."""
    pull = _pull(where, number)
    return shapes.review(where.view, where.repository, pull, reviews.get(where.hub, pull, review_id))


@router.get("/{number}/reviews/{review_id}/comments")
def list_comments_of_review(where: Where, number: int, review_id: int, page: Page) -> list[JSON]:
    """Comments of one review, oldest first."""
    pull = _pull(where, number)
    rows = page.cut(reviews.comments(where.hub, pull, reviews.get(where.hub, pull, review_id)))
    files = queries.files(where.hub, where.repository, pull)
    return [shapes.comment(where.view, where.repository, pull, row, files) for row in rows]


@router.put("/{number}/reviews/{review_id}/dismissals")
def dismiss_review(where: Where, number: int, review_id: int, given: Dismissal) -> JSON:
    """Let a review count no longer; needs write."""
    user, pull = where.user(), _pull(where, number)
    row = reviews.get(where.hub, pull, review_id)
    changed = reviews.dismiss(where.hub, where.repository, pull, row, user, given.message)
    return shapes.review(where.view, where.repository, pull, changed)


@router.get("/{number}/comments")
def list_line_comments(where: Where, number: int, page: Page) -> list[JSON]:
    """Comments at lines of all reviews, oldest first."""
    pull = _pull(where, number)
    rows, files = page.cut(reviews.comments(where.hub, pull)), queries.files(where.hub, where.repository, pull)
    return [shapes.placed(where.view, where.repository, pull, row, files) for row in rows]


@router.post("/{number}/comments", status_code=201)
def create_line_comment(where: Where, number: int, new: NewLineComment) -> JSON:
    """One comment at lines: on GitHub, too, a review with nothing else in it."""
    user, pull = where.user(), _pull(where, number)
    row = reviews.submit(where.hub, where.repository, pull, user, "COMMENT", comments=[new.as_new()], sha=new.commit_id)
    made = reviews.comments(where.hub, pull, row)[0]
    files = queries.files(where.hub, where.repository, pull)
    return shapes.placed(where.view, where.repository, pull, made, files)


@router.get("/comments/{comment_id}")
def get_line_comment(where: Where, comment_id: int) -> JSON:
    """One comment at lines."""
    row, pull = reviews.comment(where.hub, where.repository, comment_id)
    files = queries.files(where.hub, where.repository, pull)
    return shapes.placed(where.view, where.repository, pull, row, files)
