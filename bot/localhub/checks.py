"""Check runs: what a bot says about a commit, with GitHub's limits."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from bot.localhub import payloads, runs
from bot.localhub.errors import HubError, invalid
from bot.localhub.hub import Hub
from bot.localhub.models import Account, CheckRun, Repository, Suite

MAX_ANNOTATIONS = 50  # per request
MAX_ACTIONS = 3
_ACTION_LIMITS = {"label": 20, "description": 40, "identifier": 20}
MAX_TEXT = 65535  # bytes of summary and of text
STATUSES = ("queued", "in_progress", "completed")
CONCLUSIONS = ("success", "failure", "neutral", "cancelled", "timed_out", "action_required", "skipped")
LEVELS = ("notice", "warning", "failure")


@dataclass(frozen=True, slots=True)
class NewAnnotation:
    """An annotation as a request brings it."""

    path: str
    start_line: int
    end_line: int
    annotation_level: str
    message: str
    title: str | None = None
    raw_details: str | None = None
    start_column: int | None = None
    end_column: int | None = None


@dataclass(frozen=True, slots=True)
class Output:
    """What a check run shows; annotations are added to those that it has."""

    title: str
    summary: str
    text: str | None = None
    annotations: tuple[NewAnnotation, ...] = ()


@dataclass(frozen=True, slots=True)
class Action:
    """A button on the page of a check run."""

    label: str
    description: str
    identifier: str


@dataclass(frozen=True, slots=True)
class Change:
    """The fields of a request to make or change a check run; None leaves a field as it is."""

    name: str | None = None
    external_id: str | None = None
    details_url: str | None = None
    status: str | None = None
    conclusion: str | None = None
    started_at: float | None = None
    completed_at: float | None = None
    output: Output | None = None
    actions: tuple[Action, ...] | None = None


def create(hub: Hub, repository: Repository, app: Account, head_sha: str, change: Change) -> CheckRun:
    """Make a check run; emits `check_run.created`, and `completed` when it is."""
    _may_write(hub, repository, app)
    if not change.name:
        raise invalid("CheckRun", "name", "name is required")
    if hub.git(repository).kind(head_sha) != "commit":
        raise HubError(422, f"No commit found for SHA: {head_sha}")
    _check(change)
    with hub.db.transaction():
        run_id = hub.db.insert(
            "check_runs", repository_id=repository.id, head_sha=head_sha, name=change.name, app=app.login,
            external_id="", status="queued", started_at=hub.clock(),
        )  # fmt: skip
        run = _apply(hub, repository, runs.get(hub, repository, run_id), change)
        payloads.check_run(hub, repository, run, "created", app.login)
        if run.status == "completed":
            payloads.check_run(hub, repository, run, "completed", app.login)
    return run


def update(hub: Hub, repository: Repository, app: Account, run: CheckRun, change: Change) -> CheckRun:
    """Change a check run; only the app that made it may. Emits `check_run.completed` when it becomes so."""
    _may_write(hub, repository, app)
    if run.app != app.login:
        raise HubError(403, "Invalid app_id: the check run belongs to another app.")
    _check(change)
    with hub.db.transaction():
        new = _apply(hub, repository, run, change)
        if new.status == "completed" and run.status != "completed":
            payloads.check_run(hub, repository, new, "completed", app.login)
    return new


def rerequest(hub: Hub, repository: Repository, run: CheckRun, actor: Account) -> None:
    """Ask the app to run again: emits `check_run.rerequested`. Needs write."""
    if not hub.allows(repository, actor, "write"):
        raise HubError(403, "Resource not accessible by this account: re-running a check needs write permission.")
    payloads.check_run(hub, repository, run, "rerequested", actor.login)


def rerequest_suite(hub: Hub, repository: Repository, suite: Suite, actor: Account) -> None:
    """Ask the app to run all of its checks of a commit again: emits `check_suite.rerequested`. Needs write."""
    if not hub.allows(repository, actor, "write"):
        raise HubError(403, "Resource not accessible by this account: re-running checks needs write permission.")
    payloads.check_suite(hub, repository, suite, "rerequested", actor.login)


def actions_of(run: CheckRun) -> list[Action]:
    """The buttons of a check run."""
    return [Action(**action) for action in json.loads(run.actions)]


def press(hub: Hub, repository: Repository, run: CheckRun, actor: Account, identifier: str) -> None:
    """Press a button: emits `check_run.requested_action`. Needs write, as on GitHub."""
    if not hub.allows(repository, actor, "write"):
        raise HubError(403, "Pressing a check's button needs write permission.")
    if identifier not in {action.identifier for action in actions_of(run)}:
        raise invalid("CheckRun", "identifier", f"the check run has no button {identifier!r}")
    wanted = {"identifier": identifier}
    payloads.check_run(hub, repository, run, "requested_action", actor.login, requested_action=wanted)


def _may_write(hub: Hub, repository: Repository, app: Account) -> None:
    if app.kind != "Bot":
        raise HubError(403, "You must authenticate via a GitHub App.")
    if not hub.allows(repository, app, "write"):
        raise HubError(403, "Resource not accessible by integration")


def _apply(hub: Hub, repository: Repository, run: CheckRun, change: Change) -> CheckRun:
    completed = change.conclusion is not None or change.status == "completed"
    reopened = not completed and change.status in ("queued", "in_progress")
    columns: dict[str, str | float | None] = {
        "name": change.name,
        "external_id": change.external_id,
        "details_url": change.details_url,
        "started_at": change.started_at,
        "status": "completed" if completed else change.status,
        "conclusion": change.conclusion,
    }
    given: dict[str, str | float | None] = {key: value for key, value in columns.items() if value is not None}
    if completed:
        given["completed_at"] = change.completed_at or hub.clock()
    if reopened:
        given |= {"conclusion": None, "completed_at": None}
    if change.output is not None:
        given |= {"title": change.output.title, "summary": change.output.summary}
        given |= {} if change.output.text is None else {"text": change.output.text}
        for note in change.output.annotations:
            hub.db.insert("annotations", check_run_id=run.id, **_columns(note))
    if change.actions is not None:
        given["actions"] = json.dumps([asdict(action) for action in change.actions])
    if given:
        hub.db.update("check_runs", run.id, **given)
    return runs.get(hub, repository, run.id)


def _columns(note: NewAnnotation) -> dict[str, str | int | None]:
    return {name: getattr(note, name) for name in NewAnnotation.__slots__}


def _check(change: Change) -> None:
    if change.status is not None and change.status not in STATUSES:
        raise invalid("CheckRun", "status", f"status must be one of {', '.join(STATUSES)}")
    if change.conclusion is not None and change.conclusion not in CONCLUSIONS:
        raise invalid("CheckRun", "conclusion", f"conclusion must be one of {', '.join(CONCLUSIONS)}")
    if change.status == "completed" and change.conclusion is None:
        raise invalid("CheckRun", "conclusion", "conclusion is required when status is completed")
    if change.conclusion is not None and change.status in ("queued", "in_progress"):
        raise invalid("CheckRun", "status", "a check run with a conclusion is completed")
    if change.output is not None:
        _check_output(change.output)
    if change.actions is not None:
        _check_actions(change.actions)


def _check_actions(actions: tuple[Action, ...]) -> None:
    if len(actions) > MAX_ACTIONS:
        raise invalid("CheckRun", "actions", f"No more than {MAX_ACTIONS} actions are allowed.")
    for action in actions:
        for field, limit in _ACTION_LIMITS.items():
            if not 1 <= len(getattr(action, field)) <= limit:
                raise invalid("CheckRun", f"actions.{field}", f"{field} must have 1 to {limit} characters")


def _check_output(output: Output) -> None:
    for field, text in (("summary", output.summary), ("text", output.text or "")):
        if len(text.encode()) > MAX_TEXT:
            raise invalid("CheckRun", field, f"{field} exceeds a maximum bytesize of {MAX_TEXT}")
    if len(output.annotations) > MAX_ANNOTATIONS:
        raise invalid("CheckRun", "annotations", f"No more than {MAX_ANNOTATIONS} annotations are allowed per request.")
    for note in output.annotations:
        _check_annotation(note)


def _check_annotation(note: NewAnnotation) -> None:
    if note.annotation_level not in LEVELS:
        raise invalid("CheckRun", "annotation_level", f"annotation_level must be one of {', '.join(LEVELS)}")
    if not 1 <= note.start_line <= note.end_line:
        raise invalid("CheckRun", "start_line", "lines start at 1 and end_line is not before start_line")
    columns = (note.start_column, note.end_column)
    if columns != (None, None) and note.start_line != note.end_line:
        raise invalid("CheckRun", "start_column", "columns are allowed only where start_line and end_line are the same")
    if len(note.message.encode()) > 64 * 1024 or len(note.title or "") > 255 or not note.message:
        raise invalid("CheckRun", "message", "message must have 1 to 65536 bytes, title at most 255 characters")
