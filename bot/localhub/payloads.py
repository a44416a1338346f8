"""What goes out as webhooks. Each function writes one delivery per interested hook into the log."""

from __future__ import annotations

from typing import Any

from bot.localhub.diff import EMPTY_TREE, changes
from bot.localhub.git import ZERO, Commit, Git
from bot.localhub.hub import Hub
from bot.localhub.models import CheckRun, Comment, Hook, Pull, Repository
from bot.localhub.shapes import checks as check_shapes
from bot.localhub.shapes import core, git, hooks, pulls

_COMMITS_SHOWN = 20  # GitHub lists up to 2048; a receiver that needs more reads git


def _emit(hub: Hub, repository: Repository, event: str, sender: str, payload: dict[str, Any]) -> None:
    wanted = [hook for hook in hub.hooks(repository) if hook.wants(event)]
    if not wanted:
        return
    view = core.View(hub, hub.base_url)
    around = {"repository": core.repository(view, repository), "sender": core.user(view, sender)}
    for hook in wanted:
        hub.deliveries.record(hook, event, {**payload, **around})


def ping(hub: Hub, repository: Repository, hook: Hook) -> None:
    """`ping`, to this hook alone."""
    view = core.View(hub, hub.base_url)
    payload = {
        "zen": "Keep it logically awesome.",
        "hook_id": hook.id,
        "hook": hooks.hook(view, repository, hook),
        "repository": core.repository(view, repository),
        "sender": core.user(view, repository.owner),
    }
    hub.deliveries.record(hook, "ping", payload)


def pull_request(
    hub: Hub, repository: Repository, pull: Pull, action: str, sender: str, **extra: str | dict[str, object]
) -> None:
    """`pull_request` with an action; `extra` are the fields that some actions add (before, after, label, changes)."""
    shape = pulls.full_pull(core.View(hub, hub.base_url), repository, pull)
    payload = {"action": action, "number": pull.number, "pull_request": shape, **extra}
    _emit(hub, repository, "pull_request", sender, payload)


def issue_comment(
    hub: Hub, repository: Repository, pull: Pull, comment: Comment, action: str, sender: str, **extra: object
) -> None:
    """`issue_comment` with an action."""
    view = core.View(hub, hub.base_url)
    payload = {
        "action": action,
        "issue": pulls.issue(view, repository, pull),
        "comment": pulls.comment(view, repository, comment),
        **extra,
    }
    _emit(hub, repository, "issue_comment", sender, payload)


def check_run(hub: Hub, repository: Repository, run: CheckRun, action: str, sender: str) -> None:
    """`check_run` with an action."""
    shape = check_shapes.check_run(core.View(hub, hub.base_url), repository, run)
    _emit(hub, repository, "check_run", sender, {"action": action, "check_run": shape})


def push(hub: Hub, repository: Repository, ref: str, before: str, after: str, sender: str) -> None:
    """`push` of one ref; ZERO as `before` means created, as `after` deleted."""
    view = core.View(hub, hub.base_url)
    store = hub.git(repository)
    commits = _pushed(store, repository, ref, before, after)
    listed = [git.push_commit(view, repository, commit, _files(store, commit)) for commit in commits]
    span = f"{before[:12]}...{after[:12]}"
    payload = {
        "ref": ref,
        "before": before,
        "after": after,
        "created": before == ZERO,
        "deleted": after == ZERO,
        "forced": ZERO not in (before, after) and not store.is_ancestor(before, after),
        "base_ref": None,
        "compare": f"{view.repo_html(repository)}/compare/{span}",
        "commits": listed,
        "head_commit": listed[-1] if listed else None,
        "pusher": {"name": sender, "email": f"{sender}@users.noreply.localhub"},
    }
    _emit(hub, repository, "push", sender, payload)


def _pushed(store: Git, repository: Repository, ref: str, before: str, after: str) -> list[Commit]:
    """New commits, oldest first; for a new branch those that the default branch lacks."""
    if after == ZERO or store.object(f"{after}^{{commit}}") is None:  # deleted, or a tag of something else
        return []
    known = before
    if before == ZERO:
        main = f"refs/heads/{repository.default_branch}"
        known = store.resolve(main) or ZERO if ref != main else ZERO
    revisions = [after] if known == ZERO else [after, f"^{known}"]
    return store.log(*revisions, limit=_COMMITS_SHOWN)[::-1] or [store.commit(after)]


def _files(store: Git, commit: Commit) -> list[Any]:
    return list(changes(store, commit.parents[0] if commit.parents else EMPTY_TREE, commit.sha))
