"""Who may be assigned, and who is."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from bot.localhub import assignees, pulls
from bot.localhub.api.context import Page, Where
from bot.localhub.api.route import OneHop
from bot.localhub.errors import not_found
from bot.localhub.shapes import core
from bot.localhub.shapes import pulls as shapes
from bot.localhub.shapes.core import JSON

router = APIRouter(prefix="/repos/{owner}/{repo}", route_class=OneHop)


class Logins(BaseModel):
    """Logins to assign, or to take off."""

    assignees: list[str] = []


@router.get("/assignees")
def list_assignable(where: Where, page: Page) -> list[JSON]:
    """Accounts that may be assigned."""
    return [core.user(where.view, row) for row in page.cut(assignees.assignable(where.hub, where.repository))]


@router.get("/assignees/{login}", status_code=204)
def check_assignable(where: Where, login: str) -> None:
    """204 when the account may be assigned, 404 when not."""
    if not assignees.can_be_assigned(where.hub, where.repository, where.hub.account(login)):
        raise not_found()


@router.post("/issues/{number}/assignees", status_code=201)
def add_assignees(where: Where, number: int, given: Logins) -> JSON:
    """Assign accounts; needs triage."""
    user, pull = where.needs("triage"), pulls.get(where.hub, where.repository, number)
    assignees.add(where.hub, where.repository, pull, given.assignees, user)
    return shapes.issue(where.view, where.repository, pulls.get(where.hub, where.repository, number))


@router.delete("/issues/{number}/assignees")
def remove_assignees(where: Where, number: int, given: Logins) -> JSON:
    """Take assignments back; needs triage."""
    user, pull = where.needs("triage"), pulls.get(where.hub, where.repository, number)
    assignees.remove(where.hub, where.repository, pull, given.assignees, user)
    return shapes.issue(where.view, where.repository, pulls.get(where.hub, where.repository, number))
