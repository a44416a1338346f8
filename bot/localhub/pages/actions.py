"""What the forms do. Each checks where it came from and who sent it, acts, and leads back to the page."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse

from bot.localhub import checks, conversation, merging, pulls, runs
from bot.localhub.api.context import Context, hub_of
from bot.localhub.errors import HubError
from bot.localhub.models import Pull
from bot.localhub.pages.repos import Place
from bot.localhub.pages.session import COOKIE, author_of, check_form, cookie_for, is_local, people

router = APIRouter()
Text = Annotated[str, Form()]
_AWAY = 303  # See Other: reloading the page does not send the form again


@router.post("/session")
def choose(request: Request, login: Text, csrf: Text, back: Text = "/") -> RedirectResponse:
    """Become one of the hub's people, or nobody; only from this machine."""
    check_form(request, csrf)
    if not is_local(request):
        raise HubError(403, "Choosing an account works only from the machine that localhub runs on.")
    hub = hub_of(request)
    target = back if back.startswith("/") and not back.startswith(("//", "/\\")) else "/"
    response = RedirectResponse(target, _AWAY)
    account = next((person for person in people(hub) if person.login == login), None)
    if account is None:
        response.delete_cookie(COOKIE)
    else:
        response.set_cookie(COOKIE, cookie_for(hub, account), httponly=True, samesite="strict")
    return response


def _pull(where: Context, number: int) -> tuple[Pull, str]:
    pull = pulls.get(where.hub, where.repository, number)
    return pull, f"/{where.repository.full_name}/pull/{number}"


@router.post("/{owner}/{name}/pulls")
def open_pull(
    request: Request, where: Place, csrf: Text, title: Text, head: Text, base: Text, body: Text = "", lend: Text = ""
) -> RedirectResponse:
    """Open a pull request; `lend` lets maintainers push to the branch of a fork."""
    author = author_of(request, csrf)
    pull = pulls.create(
        where.hub, where.repository, author, title=title, head=head, base=base, body=_lines(body),
        maintainer_can_modify=bool(lend),
    )  # fmt: skip
    return RedirectResponse(f"/{where.repository.full_name}/pull/{pull.number}", _AWAY)


@router.post("/{owner}/{name}/pull/{number}/comment")
def comment(
    request: Request, where: Place, number: int, csrf: Text, body: Text = "", close: Text = ""
) -> RedirectResponse:
    """Write a comment; the second button closes or reopens as well."""
    author = author_of(request, csrf)
    pull, page = _pull(where, number)
    anchor = ""
    if body.strip() or not close:
        row = conversation.add_comment(where.hub, where.repository, pull, author, _lines(body))
        anchor = f"#issuecomment-{row.id}"
    if close == "close":
        pulls.close(where.hub, where.repository, pull, author)
    elif close == "reopen":
        pulls.reopen(where.hub, where.repository, pull, author)
    return RedirectResponse(page + anchor, _AWAY)


@router.post("/{owner}/{name}/pull/{number}/react/{comment_id}")
def react(request: Request, where: Place, number: int, comment_id: int, csrf: Text, content: Text) -> RedirectResponse:
    """React to a comment."""
    author = author_of(request, csrf)
    row = conversation.comment(where.hub, where.repository, comment_id)
    conversation.react(where.hub, row, author, content)
    return RedirectResponse(f"/{where.repository.full_name}/pull/{number}#issuecomment-{row.id}", _AWAY)


@router.post("/{owner}/{name}/pull/{number}/merge")
def merge(request: Request, where: Place, number: int, csrf: Text, sha: Text) -> RedirectResponse:
    """Merge what the page showed; needs write."""
    author = author_of(request, csrf)
    pull, page = _pull(where, number)
    merging.merge(where.hub, where.repository, pull, author, sha=sha)
    return RedirectResponse(page, _AWAY)


@router.post("/{owner}/{name}/runs/{run_id}/rerequest")
def rerun(request: Request, where: Place, run_id: int, csrf: Text) -> RedirectResponse:
    """Ask the app to run a check again; needs write."""
    author = author_of(request, csrf)
    run = runs.get(where.hub, where.repository, run_id)
    checks.rerequest(where.hub, where.repository, run, author)
    return RedirectResponse(f"/{where.repository.full_name}/runs/{run_id}", _AWAY)


def _lines(text: str) -> str:
    """Browsers send CRLF."""
    return text.replace("\r\n", "\n")
