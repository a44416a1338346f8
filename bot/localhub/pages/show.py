"""From data to a page: the template environment and what every template may use."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from bot.localhub.api.context import Context, hub_of, view_of
from bot.localhub.errors import HubError
from bot.localhub.markdown import render
from bot.localhub.models import CheckRun, Status
from bot.localhub.pages.session import csrf_token, is_local, people, signed_in

HERE = Path(__file__).parent.parent
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
EMOJI = {
    "+1": "👍", "-1": "👎", "laugh": "😄", "confused": "😕", "heart": "❤️", "hooray": "🎉", "rocket": "🚀", "eyes": "👀",
}  # fmt: skip
ICONS = {
    "success": "✓", "failure": "✕", "timed_out": "✕", "action_required": "!", "neutral": "■", "cancelled": "⊘",
    "skipped": "⊘", "queued": "●", "in_progress": "●",
}  # fmt: skip
STATUS_STATES = {"error": "failure", "failure": "failure", "pending": "in_progress", "success": "success"}
_UNITS = ((86400 * 365, "year"), (86400 * 30, "month"), (86400, "day"), (3600, "hour"), (60, "minute"))


def state_of(run: CheckRun) -> str:
    """One word for a check run: its conclusion, or its status before that."""
    return run.conclusion or run.status


def overall(runs: Sequence[CheckRun], statuses: Sequence[Status] = ()) -> str:
    """One word for all check runs and statuses of a commit; empty where there are none."""
    states = {state_of(run) for run in runs} | {STATUS_STATES[status.state] for status in statuses}
    for bad in ("failure", "timed_out", "action_required", "cancelled", "in_progress", "queued"):
        if bad in states:
            return bad
    return "success" if states else ""


def ago(seconds: float, now: float) -> str:
    """How long ago, in one unit."""
    passed = max(0.0, now - seconds)
    for length, unit in _UNITS:
        if passed >= length:
            count = int(passed // length)
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(markdown=render, date=_date, state=state_of)
    environment.globals.update(EMOJI=EMOJI, ICONS=ICONS, STATUS_STATES=STATUS_STATES)
    return environment


_ENVIRONMENT = _environment()


def page(request: Request, template: str, values: dict[str, Any], *, status: int = 200) -> HTMLResponse:
    """Render a template with what all pages show: who you are, whom you can be, and the time."""
    hub = hub_of(request)
    now = hub.clock()
    common = {
        "me": signed_in(request),
        "people": people(hub) if is_local(request) else [],
        "csrf": csrf_token(request),
        "here": request.url.path,
        "ago": lambda seconds: ago(seconds, now),
    }
    return HTMLResponse(_ENVIRONMENT.get_template(template).render(common | values), status)


def about(request: Request, template: str, where: Context, values: dict[str, Any]) -> HTMLResponse:
    """Render a page of a repository: its tabs come along."""
    return page(request, template, {"where": where, "pulls_open": open_count(where), **values})


def refusal(request: Request, error: HubError) -> HTMLResponse:
    """A page that says what was refused and why."""
    return page(request, "error.html", {"error": error}, status=error.status)


async def place(request: Request, owner: str, name: str) -> Context:
    """The repository of a page, and who looks at it."""
    return Context(view_of(request), f"{owner}/{name}", lambda: signed_in(request))


def open_count(where: Context) -> int:
    """Open pull requests, for the tab."""
    query = "SELECT count(*) FROM pulls WHERE repository_id = ? AND state = 'open'"
    return int(where.hub.db.value(query, where.repository.id) or 0)


def closed_count(where: Context) -> int:
    """Closed pull requests."""
    query = "SELECT count(*) FROM pulls WHERE repository_id = ? AND state = 'closed'"
    return int(where.hub.db.value(query, where.repository.id) or 0)
