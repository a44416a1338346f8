"""What the forms of reviews, suggestions, forks and check buttons do."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse

from bot.localhub import checks, forks, pulls, reviews, runs, suggestions
from bot.localhub.pages.repos import Place
from bot.localhub.pages.session import author_of

router = APIRouter(prefix="/{owner}/{name}")
Text = Annotated[str, Form()]
_AWAY = 303  # See Other: reloading the page does not send the form again


@router.post("/fork")
def fork(request: Request, where: Place, csrf: Text) -> RedirectResponse:
    """Fork into one's own account, or go to the fork that one has."""
    made = forks.fork(where.hub, where.repository, author_of(request, csrf))
    return RedirectResponse(f"/{made.full_name}", _AWAY)


@router.post("/pull/{number}/review")
def review(request: Request, where: Place, number: int, csrf: Text, event: Text, body: Text = "") -> RedirectResponse:
    """Submit a review."""
    author = author_of(request, csrf)
    pull = pulls.get(where.hub, where.repository, number)
    text = body.replace("\r\n", "\n")
    row = reviews.submit(where.hub, where.repository, pull, author, event, body=text)
    return RedirectResponse(f"/{where.repository.full_name}/pull/{number}#pullrequestreview-{row.id}", _AWAY)


@router.post("/pull/{number}/reviews/{review_id}/dismiss")
def dismiss(request: Request, where: Place, number: int, review_id: int, csrf: Text, message: Text) -> RedirectResponse:
    """Let a review count no longer; needs write."""
    author = author_of(request, csrf)
    pull = pulls.get(where.hub, where.repository, number)
    reviews.dismiss(where.hub, where.repository, pull, reviews.get(where.hub, pull, review_id), author, message)
    return RedirectResponse(f"/{where.repository.full_name}/pull/{number}", _AWAY)


@router.post("/pull/{number}/suggestions/{comment_id}")
def suggestion(
    request: Request, where: Place, number: int, comment_id: int, csrf: Text, block: Annotated[int, Form()]
) -> RedirectResponse:
    """Commit the suggestion `block` (from 0) of a comment to the head branch."""
    author = author_of(request, csrf)
    row, pull = reviews.comment(where.hub, where.repository, comment_id)
    suggestions.apply(where.hub, where.repository, pull, row, author, block)
    return RedirectResponse(f"/{where.repository.full_name}/pull/{number}/files", _AWAY)


@router.post("/pull/{number}/lend")
def lend(request: Request, where: Place, number: int, csrf: Text, allow: Text = "") -> RedirectResponse:
    """Let maintainers push to the head branch, or no longer."""
    author = author_of(request, csrf)
    pull = pulls.get(where.hub, where.repository, number)
    pulls.lend(where.hub, where.repository, pull, author, allow=bool(allow))
    return RedirectResponse(f"/{where.repository.full_name}/pull/{number}", _AWAY)


@router.post("/runs/{run_id}/press")
def press(request: Request, where: Place, run_id: int, csrf: Text, identifier: Text) -> RedirectResponse:
    """Press a button of a check run; needs write."""
    author = author_of(request, csrf)
    run = runs.get(where.hub, where.repository, run_id)
    checks.press(where.hub, where.repository, run, author, identifier)
    return RedirectResponse(f"/{where.repository.full_name}/runs/{run_id}", _AWAY)
