"""What goes out as webhooks. Each function writes one delivery per interested hook into the log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bot.localhub import app_events
from bot.localhub.diff import EMPTY_TREE, changes
from bot.localhub.git import ZERO, Commit, Git
from bot.localhub.hub import Hub
from bot.localhub.models import CheckRun, Comment, Hook, Label, Pull, Repository, Review, Status, Suite
from bot.localhub.shapes import checks as check_shapes
from bot.localhub.shapes import core, git, hooks, pulls, reviews
from bot.localhub.shapes import statuses as status_shapes

_COMMITS_SHOWN = 20  # GitHub lists up to 2048; a receiver that needs more reads git


def _emit(
    hub: Hub, repository: Repository, event: str, sender: str, build: Callable[[core.View], dict[str, Any]]
) -> None:
    """Log one delivery per hook that wants the event; the payload is built only where there is one."""
    wanted = [hook for hook in hub.hooks(repository) if hook.wants(event)]
    apps = app_events.listeners(hub, repository, event)
    if not wanted and not apps:
        return
    view = core.View(hub, hub.base_url)
    around = {"repository": core.repository(view, repository), "sender": core.user(view, sender)}
    payload = {**build(view), **around}
    for hook in wanted:
        hub.deliveries.record(hook, event, payload)
    app_events.tell(hub, repository, event, payload, apps)


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

    def build(view: core.View) -> dict[str, Any]:
        shape = pulls.full_pull(view, repository, pull)
        return {"action": action, "number": pull.number, "pull_request": shape, **extra}

    _emit(hub, repository, "pull_request", sender, build)


def labeled(hub: Hub, repository: Repository, pull: Pull, action: str, sender: str, label: Label) -> None:
    """`pull_request` labeled or unlabeled."""
    view = core.View(hub, hub.base_url)
    pull_request(hub, repository, pull, action, sender, label=pulls.label(view, repository, label))


def assigned(hub: Hub, repository: Repository, pull: Pull, action: str, sender: str, login: str) -> None:
    """`pull_request` assigned or unassigned."""
    view = core.View(hub, hub.base_url)
    pull_request(hub, repository, pull, action, sender, assignee=core.user(view, login))


def pull_request_review(hub: Hub, repository: Repository, pull: Pull, review: Review, action: str, sender: str) -> None:
    """`pull_request_review` with an action; its state is in small letters, unlike the API's."""

    def build(view: core.View) -> dict[str, Any]:
        shape = reviews.review(view, repository, pull, review)
        shape |= {"state": review.state.lower(), "updated_at": shape["submitted_at"]}
        return {"action": action, "review": shape, "pull_request": pulls.pull(view, repository, pull)}

    _emit(hub, repository, "pull_request_review", sender, build)


def issue_comment(
    hub: Hub, repository: Repository, pull: Pull, comment: Comment, action: str, sender: str, **extra: object
) -> None:
    """`issue_comment` with an action."""

    def build(view: core.View) -> dict[str, Any]:
        shape = pulls.comment(view, repository, comment)
        return {"action": action, "issue": pulls.issue(view, repository, pull), "comment": shape, **extra}

    _emit(hub, repository, "issue_comment", sender, build)


def check_run(hub: Hub, repository: Repository, run: CheckRun, action: str, sender: str, **extra: object) -> None:
    """`check_run` with an action; a pressed button adds `requested_action`."""

    def build(view: core.View) -> dict[str, Any]:
        return {"action": action, "check_run": check_shapes.check_run(view, repository, run), **extra}

    _emit(hub, repository, "check_run", sender, build)


def check_suite(hub: Hub, repository: Repository, suite: Suite, action: str, sender: str) -> None:
    """`check_suite` with an action."""

    def build(view: core.View) -> dict[str, Any]:
        return {"action": action, "check_suite": check_shapes.suite(view, repository, suite)}

    _emit(hub, repository, "check_suite", sender, build)


def status(hub: Hub, repository: Repository, row: Status) -> None:
    """`status`."""

    def build(view: core.View) -> dict[str, Any]:
        store = hub.git(repository)
        shape = status_shapes.status(view, repository, row)
        made = {key: shape[key] for key in ("id", "state", "description", "target_url", "context", "avatar_url")}
        return {
            **made,
            "sha": row.sha,
            "name": repository.full_name,
            "commit": git.commit(view, repository, store.commit(row.sha)),
            "branches": [],
            "created_at": shape["created_at"],
            "updated_at": shape["updated_at"],
        }

    _emit(hub, repository, "status", row.creator, build)


def fork(hub: Hub, repository: Repository, forked: Repository, sender: str) -> None:
    """`fork`, to the hooks of what was forked."""
    _emit(hub, repository, "fork", sender, lambda view: {"forkee": core.repository(view, forked)})


def push(hub: Hub, repository: Repository, ref: str, before: str, after: str, sender: str) -> None:
    """`push` of one ref; ZERO as `before` means created, as `after` deleted."""
    store = hub.git(repository)

    def build(view: core.View) -> dict[str, Any]:
        commits = _pushed(store, repository, ref, before, after)
        listed = [git.push_commit(view, repository, commit, _files(store, commit)) for commit in commits]
        span = f"{before[:12]}...{after[:12]}"
        return {
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

    _emit(hub, repository, "push", sender, build)


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
