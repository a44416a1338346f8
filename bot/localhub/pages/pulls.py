"""Pages of pull requests: list, conversation, changed files, one check run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, PlainTextResponse

from bot.localhub import checks, comparing, forks, pulls, queries, runs, statuses
from bot.localhub.api.context import Context
from bot.localhub.diff import FileChange, changes
from bot.localhub.errors import not_found
from bot.localhub.models import Annotation, CheckRun, Pull
from bot.localhub.pages import talk
from bot.localhub.pages.offers import offers
from bot.localhub.pages.repos import Place
from bot.localhub.pages.show import about, closed_count, overall

router = APIRouter()
_SHOWN_LINES = 600  # of one file's diff
_ROWS = 50  # of the list


@dataclass(frozen=True, slots=True)
class ShownCheck:
    """A check run with its annotations."""

    run: CheckRun
    notes: tuple[Annotation, ...]


def _common(where: Context, pull: Pull, tab: str) -> dict[str, Any]:
    files = queries.files(where.hub, where.repository, pull)
    return {
        "pull": pull,
        "tab": tab,
        "files": files,
        "commit_count": len(queries.commits(where.hub, where.repository, pull)),
        "checks": _checks(where, pull.head_sha),
        "statuses": statuses.latest(where.hub, where.repository, pull.head_sha),
        "labels": queries.labels_of(where.hub, pull),
        "additions": sum(file.additions for file in files),
        "deletions": sum(file.deletions for file in files),
    }


def _checks(where: Context, sha: str) -> list[ShownCheck]:
    found = sorted(runs.of_commit(where.hub, where.repository, sha), key=lambda run: run.name)
    return [ShownCheck(run, tuple(queries.annotations_of(where.hub, run))) for run in found]


@router.get("/{owner}/{name}/pulls")
def listing(request: Request, where: Place, state: str = "open", page: int = 1) -> HTMLResponse:
    """Pull requests that are open, or closed, the newest first, a page at a time."""
    shown = "closed" if state == "closed" else "open"
    found = pulls.listed(where.hub, where.repository, shown)
    first = max(0, page - 1) * _ROWS
    rows = found[first : first + _ROWS]
    values = {
        "offers": offers(where),
        "pulls": rows,
        "verdicts": {row.id: _verdict(where, row.head_sha) for row in rows},
        "labels": {row.id: queries.labels_of(where.hub, row) for row in rows},
        "state": shown,
        "closed": closed_count(where),
        "page": max(1, page),
        "more": len(found) > first + _ROWS,
    }
    return about(request, "pulls.html", where, values)


def _verdict(where: Context, sha: str) -> str:
    listed = runs.of_commit(where.hub, where.repository, sha)
    return overall(listed, statuses.latest(where.hub, where.repository, sha))


@router.get("/{owner}/{name}/pull/{number}.diff")
def plain_diff(where: Place, number: int) -> PlainTextResponse:
    """The change as plain diff."""
    pull = pulls.get(where.hub, where.repository, number)
    base = where.git.merge_base(pull.base_sha, pull.head_sha) or pull.base_sha
    return PlainTextResponse(where.git.run("diff", "-M", base, pull.head_sha))


@router.get("/{owner}/{name}/pull/{number}")
def conversation(request: Request, where: Place, number: int) -> HTMLResponse:
    """Comments, events, checks, and what can be done next."""
    pull = pulls.get(where.hub, where.repository, number)
    common = _common(where, pull, "conversation")
    listed, people = [shown.run for shown in common["checks"]], talk.People(where)
    values = {
        "items": talk.items(where, pull, people, talk.line_comments(where, pull, common["files"])),
        "author": people.account(pull.author),
        "author_role": people.role(pull.author),
        "assignees": queries.assignees_of(where.hub, pull),
        "verdict": overall(listed, common["statuses"]),
        "may_lend": _may_lend(where, pull),
        "mergeable": queries.mergeable(where.hub, where.repository, pull),
        "may_merge": where.hub.allows(where.repository, where.account, "write"),
        "may_close": where.account is not None
        and (where.account.login == pull.author or where.hub.allows(where.repository, where.account, "triage")),
    }
    return about(request, "pull.html", where, common | values)


def _may_lend(where: Context, pull: Pull) -> bool:
    """Whether who looks may let maintainers push to the head branch of a fork."""
    if not pull.from_fork or pull.state != "open" or pull.head_repository_id is None:
        return False
    return where.hub.allows(where.hub.repository_by_id(pull.head_repository_id), where.account, "write")


@router.get("/{owner}/{name}/pull/{number}/files")
def changed_files(request: Request, where: Place, number: int) -> HTMLResponse:
    """The diff with annotations at their lines."""
    pull = pulls.get(where.hub, where.repository, number)
    common = _common(where, pull, "files")
    found = [(check.run, note) for check in common["checks"] for note in check.notes]
    notes = {
        file.path: _placed(file, [(run, note) for run, note in found if note.path == file.path])
        for file in common["files"]
    }
    values = {**common, "notes": notes, "limit": _SHOWN_LINES, "remarks": _remarks(where, pull, common["files"])}
    return about(request, "files.html", where, values)


def _remarks(where: Context, pull: Pull, files: list[FileChange]) -> dict[str, dict[int, list[talk.LineComment]]]:
    """Comments that are still true, by path and by the line of the diff (from 0) that they stand under."""
    found: dict[str, dict[int, list[talk.LineComment]]] = {}
    for comment in talk.line_comments(where, pull, files):
        if comment.current:
            found.setdefault(comment.row.path, {}).setdefault(comment.row.position, []).append(comment)
    return found


def _placed(file: FileChange, found: list[tuple[CheckRun, Annotation]]) -> dict[int, list[tuple[CheckRun, Annotation]]]:
    """Annotations by the line of the head that they stand under; 0 for lines that the diff does not show."""
    shown = {line.new for line in file.lines[:_SHOWN_LINES] if line.new is not None}
    placed: dict[int, list[tuple[CheckRun, Annotation]]] = {}
    for run, note in found:
        placed.setdefault(note.end_line if note.end_line in shown else 0, []).append((run, note))
    return placed


@router.get("/{owner}/{name}/runs/{run_id}")
def check_run(request: Request, where: Place, run_id: int) -> HTMLResponse:
    """One check run: summary, text, annotations."""
    run = runs.get(where.hub, where.repository, run_id)
    may_rerun = where.hub.allows(where.repository, where.account, "write")
    notes, found = queries.annotations_of(where.hub, run), queries.pulls_of(where.hub, run)
    values = {"run": run, "notes": notes, "pulls": found, "may_rerun": may_rerun}
    values["actions"] = checks.actions_of(run) if may_rerun else []
    return about(request, "run.html", where, values)


@router.get("/{owner}/{name}/compare/{branch:path}")
def propose(request: Request, where: Place, branch: str) -> HTMLResponse:
    """The form to open a pull request from `branch` or `owner:branch`; also reads `base...head`."""
    base, _, head = branch.rpartition("...")
    base = base or where.repository.default_branch
    one, other = where.git.resolve(base), comparing.head_of(where.hub, where.repository, head)
    if one is None:
        raise not_found()
    files = changes(where.git, where.git.merge_base(one, other) or one, other)
    commits = where.git.between(one, other)[:100]
    values = {"base": base, "head": head, "files": files, "commits": commits, "notes": {}, "limit": _SHOWN_LINES}
    values |= {
        "remarks": {},
        "from_fork": ":" in head and forks.head_repository(where.hub, where.repository, head)[0] != where.repository,
    }
    return about(request, "compare.html", where, values)
