"""Check runs and their annotations."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from bot.localhub import checks, queries, runs
from bot.localhub.api.context import Context, Page, Where
from bot.localhub.api.route import OneHop
from bot.localhub.errors import HubError
from bot.localhub.shapes import checks as shapes
from bot.localhub.shapes.core import JSON, app

router = APIRouter(prefix="/repos/{owner}/{repo}", route_class=OneHop)


class AnnotationBody(BaseModel):
    """One annotation of a request."""

    path: str
    start_line: int
    end_line: int
    annotation_level: str
    message: str
    title: str | None = None
    raw_details: str | None = None
    start_column: int | None = None
    end_column: int | None = None


class OutputBody(BaseModel):
    """What a check run shows."""

    title: str
    summary: str
    text: str | None = None
    annotations: list[AnnotationBody] = []


class ActionBody(BaseModel):
    """A button."""

    label: str
    description: str
    identifier: str


class CheckBody(BaseModel):
    """A request to make or change a check run."""

    name: str | None = None
    head_sha: str | None = None
    external_id: str | None = None
    details_url: str | None = None
    status: str | None = None
    conclusion: str | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    output: OutputBody | None = None
    actions: list[ActionBody] | None = None

    def change(self) -> checks.Change:
        """The same as the domain takes it."""
        output = None
        if self.output is not None:
            notes = tuple(checks.NewAnnotation(**note.model_dump()) for note in self.output.annotations)
            output = checks.Output(self.output.title, self.output.summary, self.output.text, notes)
        return checks.Change(
            name=self.name,
            external_id=self.external_id,
            details_url=self.details_url,
            status=self.status,
            conclusion=self.conclusion,
            started_at=self.started_at.timestamp() if self.started_at else None,
            completed_at=self.completed_at.timestamp() if self.completed_at else None,
            output=output,
            actions=None
            if self.actions is None
            else tuple(checks.Action(**action.model_dump()) for action in self.actions),
        )


@router.post("/check-runs", status_code=201)
def create_check_run(where: Where, body: CheckBody) -> JSON:
    """Make a check run; only bots may."""
    user = where.user()
    if not body.head_sha:
        raise HubError(422, 'Invalid request. "head_sha" wasn\'t supplied.')
    run = checks.create(where.hub, where.repository, user, body.head_sha, body.change())
    return shapes.check_run(where.view, where.repository, run)


@router.get("/check-runs/{run_id}")
def get_check_run(where: Where, run_id: int) -> JSON:
    """One check run."""
    return shapes.check_run(where.view, where.repository, runs.get(where.hub, where.repository, run_id))


@router.patch("/check-runs/{run_id}")
def update_check_run(where: Where, run_id: int, body: CheckBody) -> JSON:
    """Change a check run; annotations are added to what it has."""
    user, run = where.user(), runs.get(where.hub, where.repository, run_id)
    new = checks.update(where.hub, where.repository, user, run, body.change())
    return shapes.check_run(where.view, where.repository, new)


@router.get("/check-runs/{run_id}/annotations")
def list_annotations(where: Where, run_id: int, page: Page) -> list[JSON]:
    """Annotations in the order of arrival."""
    run = runs.get(where.hub, where.repository, run_id)
    rows = page.cut(queries.annotations_of(where.hub, run))
    return [shapes.annotation(where.view, where.repository, run, row) for row in rows]


@router.post("/check-runs/{run_id}/rerequest", status_code=201)
def rerequest_check_run(where: Where, run_id: int) -> JSON:
    """Ask the app to run again."""
    user, run = where.user(), runs.get(where.hub, where.repository, run_id)
    checks.rerequest(where.hub, where.repository, run, user)
    return {}


@router.get("/commits/{ref:path}/check-suites")
def list_check_suites(where: Where, ref: str, page: Page, app_id: int | None = None) -> JSON:
    """One suite for each app with check runs of a commit."""
    found = queries.suites(where.hub, where.repository, where.commit(ref))
    if app_id is not None:
        found = [suite for suite in found if _app_id(where, suite.app) == app_id]
    shown = [shapes.suite(where.view, where.repository, suite) for suite in page.cut(found)]
    return {"total_count": len(found), "check_suites": shown}


@router.get("/check-suites/{suite_id}")
def get_check_suite(where: Where, suite_id: int) -> JSON:
    """One suite."""
    return shapes.suite(where.view, where.repository, runs.suite(where.hub, where.repository, suite_id))


@router.post("/check-suites/{suite_id}/rerequest", status_code=201)
def rerequest_check_suite(where: Where, suite_id: int) -> JSON:
    """Ask the app to run all its checks of the commit again."""
    user, suite = where.user(), runs.suite(where.hub, where.repository, suite_id)
    checks.rerequest_suite(where.hub, where.repository, suite, user)
    return {}


@router.get("/check-suites/{suite_id}/check-runs")
def list_check_runs_of_suite(where: Where, suite_id: int, page: Page) -> JSON:
    """The check runs of a suite, newest first."""
    suite = runs.suite(where.hub, where.repository, suite_id)
    found = [run for run in runs.of_commit(where.hub, where.repository, suite.head_sha) if run.app == suite.app]
    shown = [shapes.check_run(where.view, where.repository, run) for run in page.cut(found)]
    return {"total_count": len(found), "check_runs": shown}


@router.get("/commits/{ref:path}/check-runs")
def list_check_runs(
    where: Where,
    ref: str,
    page: Page,
    check_name: str | None = None,
    status: str | None = None,
    app_id: int | None = None,
    filter: Literal["latest", "all"] = "latest",
) -> JSON:
    """Check runs of a commit, newest first."""
    listed = runs.of_commit(where.hub, where.repository, where.commit(ref), latest=filter == "latest")
    found = [run for run in listed if check_name in (None, run.name) and status in (None, run.status)]
    if app_id is not None:
        found = [run for run in found if _app_id(where, run.app) == app_id]
    shown = [shapes.check_run(where.view, where.repository, run) for run in page.cut(found)]
    return {"total_count": len(found), "check_runs": shown}


def _app_id(where: Context, login: str) -> int:
    number: int = app(where.view, login)["id"]
    return number
