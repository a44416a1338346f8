"""Pages of pull requests: list, conversation, changed files, one check run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, PlainTextResponse

from bot.localhub import checks, pulls, queries
from bot.localhub.api.context import Context
from bot.localhub.diff import FileChange, changes
from bot.localhub.errors import not_found
from bot.localhub.git import Commit
from bot.localhub.models import Account, Annotation, CheckRun, Comment, Pull, TimelineEvent
from bot.localhub.pages.repos import Place
from bot.localhub.pages.show import about, overall
from bot.localhub.shapes.pulls import association

router = APIRouter()
_SHOWN_LINES = 600  # of one file's diff


@dataclass(frozen=True, slots=True)
class Item:
    """One piece of the conversation: a comment with its reactions, or an event with the commits it brought."""

    at: float
    kind: str
    actor: Account
    comment: Comment | None = None
    role: str = ""
    reactions: tuple[tuple[str, int, str], ...] = ()
    event: TimelineEvent | None = None
    commits: tuple[Commit, ...] = ()
    label_color: str = ""


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
        "labels": queries.labels_of(where.hub, pull),
        "additions": sum(file.additions for file in files),
        "deletions": sum(file.deletions for file in files),
    }


def _checks(where: Context, sha: str) -> list[ShownCheck]:
    runs = sorted(checks.of_commit(where.hub, where.repository, sha), key=lambda run: run.name)
    return [ShownCheck(run, tuple(queries.annotations_of(where.hub, run))) for run in runs]


@router.get("/{owner}/{name}/pulls")
def listing(request: Request, where: Place, state: str = "open") -> HTMLResponse:
    """Pull requests that are open, or closed."""
    shown = "closed" if state == "closed" else "open"
    rows = pulls.listed(where.hub, where.repository, shown)
    verdicts = {row.id: overall(checks.of_commit(where.hub, where.repository, row.head_sha)) for row in rows}
    labels = {row.id: queries.labels_of(where.hub, row) for row in rows}
    closed = len(pulls.listed(where.hub, where.repository, "closed"))
    values = {
        "branches": _offers(where),
        "pulls": rows,
        "verdicts": verdicts,
        "labels": labels,
        "state": shown,
        "closed": closed,
    }
    return about(request, "pulls.html", where, values)


def _offers(where: Context) -> list[str]:
    """Branches that a pull request could be opened from."""
    taken = {row.head_ref for row in pulls.listed(where.hub, where.repository)} | {where.repository.default_branch}
    git = where.git
    tips = git.refs()
    main = tips.get(f"refs/heads/{where.repository.default_branch}")
    names = [name.removeprefix("refs/heads/") for name, sha in tips.items() if main and not git.is_ancestor(sha, main)]
    return [name for name in names if name not in taken and git.merge_base(tips[f"refs/heads/{name}"], main or "")]


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
    runs = [shown.run for shown in common["checks"]]
    values = {
        "items": _items(where, pull),
        "author": _actor(where, pull.author),
        "author_role": _role(where, pull.author),
        "verdict": overall(runs),
        "mergeable": queries.mergeable(where.hub, where.repository, pull),
        "may_merge": where.hub.allows(where.repository, where.account, "write"),
        "may_close": where.account is not None
        and (where.account.login == pull.author or where.hub.allows(where.repository, where.account, "triage")),
    }
    return about(request, "pull.html", where, common | values)


def _items(where: Context, pull: Pull) -> list[Item]:
    items = [_comment(where, row) for row in queries.comments(where.hub, pull)]
    items += [_event(where, event) for event in queries.timeline(where.hub, pull)]
    return sorted(items, key=lambda item: item.at)


def _actor(where: Context, login: str) -> Account:
    return where.hub.account(login) or Account(0, "ghost", "User", 0.0)


def _role(where: Context, login: str) -> str:
    account = where.hub.account(login)
    if account is None or account.kind == "Bot":
        return "bot" if account else ""
    role = association(where.view, where.repository, login)
    return "" if role == "CONTRIBUTOR" else role.capitalize()


def _comment(where: Context, row: Comment) -> Item:
    given: dict[str, list[str]] = {}
    for reaction in queries.reactions(where.hub, row):
        given.setdefault(reaction.content, []).append(reaction.author)
    reactions = tuple((content, len(who), ", ".join(who)) for content, who in given.items())
    actor = _actor(where, row.author)
    return Item(row.created_at, "comment", actor, row, _role(where, row.author), reactions)


def _event(where: Context, event: TimelineEvent) -> Item:
    commits: list[Commit] = []
    color = ""
    if event.kind == "pushed":
        before, _, after = event.detail.partition("..")
        commits = where.git.log(after, f"^{before}", limit=20)[::-1]
    if event.kind in ("labeled", "unlabeled"):
        query = "SELECT color FROM labels WHERE repository_id = ? AND name = ?"
        color = str(where.hub.db.value(query, where.repository.id, event.detail) or "ededed")
    actor = _actor(where, event.actor)
    return Item(event.created_at, event.kind, actor, event=event, commits=tuple(commits), label_color=color)


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
    return about(request, "files.html", where, {**common, "notes": notes, "limit": _SHOWN_LINES})


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
    run = checks.get(where.hub, where.repository, run_id)
    may_rerun = where.hub.allows(where.repository, where.account, "write")
    notes, found = queries.annotations_of(where.hub, run), queries.pulls_of(where.hub, run)
    values = {"run": run, "notes": notes, "pulls": found, "may_rerun": may_rerun}
    return about(request, "run.html", where, values)


@router.get("/{owner}/{name}/compare/{branch:path}")
def propose(request: Request, where: Place, branch: str) -> HTMLResponse:
    """The form to open a pull request from a branch; also reads `base...head`."""
    base, _, head = branch.rpartition("...")
    base = base or where.repository.default_branch
    one, other = where.git.resolve(base), where.git.resolve(head)
    if one is None or other is None:
        raise not_found()
    files = changes(where.git, where.git.merge_base(one, other) or one, other)
    commits = where.git.log(other, f"^{one}", limit=100)
    values = {"base": base, "head": head, "files": files, "commits": commits, "notes": {}, "limit": _SHOWN_LINES}
    return about(request, "compare.html", where, values)
