"""What check runs a commit has, and what they say together."""

from __future__ import annotations

from collections.abc import Sequence

from bot.localhub.errors import not_found
from bot.localhub.hub import Hub
from bot.localhub.models import CheckRun, Repository, Suite

_WORST = ("failure", "timed_out", "action_required", "cancelled", "neutral", "skipped")


def get(hub: Hub, repository: Repository, run_id: int) -> CheckRun:
    """One check run of this repository; raises 404."""
    query = "SELECT * FROM check_runs WHERE repository_id = ? AND id = ?"
    found = hub.db.row(CheckRun, query, repository.id, run_id)
    if found is None:
        raise not_found()
    return found


def of_commit(hub: Hub, repository: Repository, sha: str, *, latest: bool = True) -> list[CheckRun]:
    """Check runs of a commit, newest first; with `latest` only the newest of each name and app."""
    query = "SELECT * FROM check_runs WHERE repository_id = ? AND head_sha = ? ORDER BY id DESC"
    runs = hub.db.rows(CheckRun, query, repository.id, sha)
    if not latest:
        return runs
    newest = {(run.name, run.app): run for run in reversed(runs)}
    return [run for run in runs if newest[run.name, run.app] is run]


def suite(hub: Hub, repository: Repository, suite_id: int) -> Suite:
    """The suite of this id, which is that of its first run; raises 404."""
    run = get(hub, repository, suite_id)
    query = "SELECT min(id) FROM check_runs WHERE repository_id = ? AND head_sha = ? AND app = ?"
    if hub.db.value(query, repository.id, run.head_sha, run.app) != run.id:
        raise not_found()
    return Suite(run.id, repository.id, run.head_sha, run.app)


def summary(runs: Sequence[CheckRun]) -> tuple[str, str | None]:
    """Status and conclusion of a suite with these runs."""
    if any(run.status != "completed" for run in runs):
        return ("in_progress" if any(run.status == "in_progress" for run in runs) else "queued"), None
    conclusions = {run.conclusion for run in runs}
    return "completed", next((word for word in _WORST if word in conclusions), "success")
