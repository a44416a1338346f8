"""Labels of a repository and of its pull requests."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from bot.localhub import conversation, pulls, queries
from bot.localhub.api.context import Context, Page, Where
from bot.localhub.api.route import OneHop
from bot.localhub.errors import not_found
from bot.localhub.models import Label, Pull
from bot.localhub.shapes import pulls as shapes
from bot.localhub.shapes.core import JSON

router = APIRouter(prefix="/repos/{owner}/{repo}", route_class=OneHop)


class NewLabel(BaseModel):
    """A label to make."""

    name: str
    color: str = "ededed"
    description: str | None = None


class LabelChange(BaseModel):
    """What changes of a label."""

    new_name: str | None = None
    color: str | None = None
    description: str | None = None


class Names(BaseModel):
    """Names of labels."""

    labels: list[str] = []


def _shown(where: Context, labels: list[Label]) -> list[JSON]:
    return [shapes.label(where.view, where.repository, label) for label in labels]


def _pull(where: Context, number: int) -> Pull:
    return pulls.get(where.hub, where.repository, number)


def _names(given: Names | list[str]) -> list[str]:
    return given if isinstance(given, list) else given.labels


@router.get("/labels")
def list_labels(where: Where, page: Page) -> list[JSON]:
    """All labels of the repository."""
    return _shown(where, page.cut(conversation.labels(where.hub, where.repository)))


@router.post("/labels", status_code=201)
def create_label(where: Where, new: NewLabel) -> JSON:
    """Make a label; needs triage (GitHub: write)."""
    where.needs("triage")
    row = conversation.create_label(where.hub, where.repository, new.name, new.color, new.description or "")
    return shapes.label(where.view, where.repository, row)


@router.get("/labels/{name}")
def get_label(where: Where, name: str) -> JSON:
    """One label."""
    return shapes.label(where.view, where.repository, _label(where, name))


def _label(where: Context, name: str) -> Label:
    row = conversation.find_label(where.hub, where.repository, name)
    if row is None:
        raise not_found()
    return row


@router.patch("/labels/{name}")
def update_label(where: Where, name: str, change: LabelChange) -> JSON:
    """Change a label; needs triage (GitHub: write)."""
    where.needs("triage")
    row = conversation.edit_label(
        where.hub, where.repository, _label(where, name), name=change.new_name, color=change.color,
        description=change.description,
    )  # fmt: skip
    return shapes.label(where.view, where.repository, row)


@router.delete("/labels/{name}", status_code=204)
def delete_label(where: Where, name: str) -> None:
    """Remove a label, also from pull requests; needs triage (GitHub: write)."""
    where.needs("triage")
    conversation.delete_label(where.hub, _label(where, name))


@router.get("/issues/{number}/labels")
def list_labels_of_pull(where: Where, number: int, page: Page) -> list[JSON]:
    """Labels of a pull request."""
    return _shown(where, page.cut(queries.labels_of(where.hub, _pull(where, number))))


@router.post("/issues/{number}/labels")
def add_labels(where: Where, number: int, given: Names | list[str]) -> list[JSON]:
    """Add labels; needs triage."""
    user, pull = where.needs("triage"), _pull(where, number)
    names = [label.name for label in queries.labels_of(where.hub, pull)] + _names(given)
    return _shown(where, conversation.set_labels(where.hub, where.repository, pull, names, user))


@router.put("/issues/{number}/labels")
def set_labels(where: Where, number: int, given: Names | list[str]) -> list[JSON]:
    """Replace all labels; needs triage."""
    user, pull = where.needs("triage"), _pull(where, number)
    return _shown(where, conversation.set_labels(where.hub, where.repository, pull, _names(given), user))


@router.delete("/issues/{number}/labels", status_code=204)
def remove_all_labels(where: Where, number: int) -> None:
    """Take all labels off; needs triage."""
    user, pull = where.needs("triage"), _pull(where, number)
    conversation.set_labels(where.hub, where.repository, pull, [], user)


@router.delete("/issues/{number}/labels/{name}")
def remove_label(where: Where, number: int, name: str) -> list[JSON]:
    """Take one label off; needs triage."""
    user, pull = where.needs("triage"), _pull(where, number)
    return _shown(where, conversation.remove_label(where.hub, where.repository, pull, name, user))
