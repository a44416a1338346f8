"""Comments, reactions and labels of pull requests."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bot.localhub import payloads
from bot.localhub.db import Value
from bot.localhub.errors import HubError, invalid, not_found
from bot.localhub.hub import Hub
from bot.localhub.models import REACTIONS, Account, Comment, Label, Pull, Reaction, Repository
from bot.localhub.queries import labels_of, reactions

MAX_BODY = 65536  # characters, as on GitHub
_COLOR = re.compile(r"[0-9a-fA-F]{6}\Z")


def check_body(resource: str, body: str) -> None:
    """Raise 422 when a text is longer than GitHub takes."""
    if len(body) > MAX_BODY:
        raise invalid(resource, "body", f"body is too long (maximum is {MAX_BODY} characters)")


# --- comments ---------------------------------------------------------------------------------------------------------


def comment(hub: Hub, repository: Repository, comment_id: int) -> Comment:
    """One comment of this repository; raises 404."""
    query = "SELECT c.* FROM comments c JOIN pulls p ON p.id = c.pull_id WHERE p.repository_id = ? AND c.id = ?"
    found = hub.db.row(Comment, query, repository.id, comment_id)
    if found is None:
        raise not_found()
    return found


def pull_of(hub: Hub, row: Comment) -> Pull:
    """The pull request that a comment stands on; raises 404."""
    found = hub.db.row(Pull, "SELECT * FROM pulls WHERE id = ?", row.pull_id)
    if found is None:
        raise not_found()
    return found


def add_comment(hub: Hub, repository: Repository, pull: Pull, author: Account, body: str) -> Comment:
    """Write a comment; emits `issue_comment.created`."""
    if not body.strip():
        raise invalid("IssueComment", "body", "body cannot be blank")
    check_body("IssueComment", body)
    now = hub.clock()
    with hub.db.transaction():
        columns: dict[str, Value] = {"pull_id": pull.id, "author": author.login, "body": body}
        comment_id = hub.db.insert("comments", **columns, created_at=now, updated_at=now)
        hub.db.update("pulls", pull.id, updated_at=now)
        row = comment(hub, repository, comment_id)
        payloads.issue_comment(hub, repository, pull, row, "created", author.login)
    return row


def edit_comment(hub: Hub, repository: Repository, row: Comment, editor: Account, body: str) -> Comment:
    """Change the text; the author and those who write may. Emits `issue_comment.edited`."""
    _may_change(hub, repository, row, editor)
    if not body.strip():
        raise invalid("IssueComment", "body", "body cannot be blank")
    check_body("IssueComment", body)
    with hub.db.transaction():
        hub.db.update("comments", row.id, body=body, updated_at=hub.clock())
        new = comment(hub, repository, row.id)
        changes = {"body": {"from": row.body}}
        payloads.issue_comment(hub, repository, pull_of(hub, row), new, "edited", editor.login, changes=changes)
    return new


def delete_comment(hub: Hub, repository: Repository, row: Comment, editor: Account) -> None:
    """Remove a comment and its reactions; the author and those who write may. Emits `issue_comment.deleted`."""
    _may_change(hub, repository, row, editor)
    with hub.db.transaction():
        payloads.issue_comment(hub, repository, pull_of(hub, row), row, "deleted", editor.login)
        hub.db.run("DELETE FROM reactions WHERE comment_id = ?", row.id)
        hub.db.run("DELETE FROM comments WHERE id = ?", row.id)


def _may_change(hub: Hub, repository: Repository, row: Comment, editor: Account) -> None:
    if editor.login != row.author and not hub.allows(repository, editor, "write"):
        raise HubError(403, "Must have admin rights to Repository.")


def minimize(hub: Hub, repository: Repository, row: Comment, actor: Account, reason: str | None) -> Comment:
    """Fold a comment away for a reason, or with None show it again; the author and those who write may."""
    _may_change(hub, repository, row, actor)
    hub.db.update("comments", row.id, minimized=reason)
    return comment(hub, repository, row.id)


# --- what else happened -----------------------------------------------------------------------------------------------


def note(hub: Hub, pull_id: int, actor: str, kind: str, detail: str = "") -> None:
    """Put an event into the timeline of a pull request."""
    hub.db.insert("timeline", pull_id=pull_id, actor=actor, kind=kind, detail=detail, created_at=hub.clock())


# --- reactions --------------------------------------------------------------------------------------------------------


def react(hub: Hub, row: Comment, author: Account, content: str) -> tuple[Reaction, bool]:
    """Add a reaction; also tells whether it is new (the same one again changes nothing)."""
    if content not in REACTIONS:
        raise invalid("Reaction", "content", f"content must be one of {', '.join(REACTIONS)}")
    query = "SELECT * FROM reactions WHERE comment_id = ? AND author = ? AND content = ?"
    with hub.db.transaction():
        known = hub.db.row(Reaction, query, row.id, author.login, content)
        if known is None:
            columns: dict[str, Value] = {"comment_id": row.id, "author": author.login, "content": content}
            hub.db.insert("reactions", **columns, created_at=hub.clock())
        found = hub.db.row(Reaction, query, row.id, author.login, content)
    if found is None:
        raise not_found()
    return found, known is None


def remove_reaction(hub: Hub, row: Comment, author: Account, reaction_id: int) -> None:
    """Take one's own reaction back; raises 404."""
    mine = {reaction.id for reaction in reactions(hub, row) if reaction.author == author.login}
    if reaction_id not in mine:
        raise not_found()
    hub.db.run("DELETE FROM reactions WHERE id = ?", reaction_id)


# --- labels -----------------------------------------------------------------------------------------------------------


def labels(hub: Hub, repository: Repository) -> list[Label]:
    """All labels of a repository by name."""
    return hub.db.rows(Label, "SELECT * FROM labels WHERE repository_id = ? ORDER BY name", repository.id)


def find_label(hub: Hub, repository: Repository, name: str) -> Label | None:
    """A label by its name, whatever its case."""
    query = "SELECT * FROM labels WHERE repository_id = ? AND name = ?"
    return hub.db.row(Label, query, repository.id, name)


def create_label(hub: Hub, repository: Repository, name: str, color: str = "ededed", description: str = "") -> Label:
    """Make a label; raises 422 when there is one of that name or the color is none."""
    _check_label(name, color)
    with hub.db.transaction():
        if find_label(hub, repository, name) is not None:
            raise _already_exists()
        columns: dict[str, Value] = {
            "repository_id": repository.id,
            "name": name,
            "color": color.lower(),
            "description": description,
        }
        label_id = hub.db.insert("labels", **columns)
    return Label(label_id, repository.id, name, color.lower(), description)


def edit_label(
    hub: Hub, repository: Repository, label: Label, *, name: str | None, color: str | None, description: str | None
) -> Label:
    """Change a label; raises 422 as `create_label` does."""
    new_name = label.name if name is None else name
    new_color = label.color if color is None else color
    _check_label(new_name, new_color)
    with hub.db.transaction():
        known = find_label(hub, repository, new_name)
        if known is not None and known.id != label.id:
            raise _already_exists()
        text = label.description if description is None else description
        hub.db.update("labels", label.id, name=new_name, color=new_color.lower(), description=text)
    return Label(label.id, repository.id, new_name, new_color.lower(), text)


def delete_label(hub: Hub, label: Label) -> None:
    """Remove a label from the repository and from its pull requests."""
    with hub.db.transaction():
        hub.db.run("DELETE FROM pull_labels WHERE label_id = ?", label.id)
        hub.db.run("DELETE FROM labels WHERE id = ?", label.id)


def _check_label(name: str, color: str) -> None:
    if not name.strip() or len(name) > 50:
        raise invalid("Label", "name", "name must have 1 to 50 characters")
    if not _COLOR.match(color):
        raise invalid("Label", "color", "color must be six hex digits")


def _already_exists() -> HubError:
    return HubError(422, "Validation Failed", [{"resource": "Label", "code": "already_exists", "field": "name"}])


def set_labels(hub: Hub, repository: Repository, pull: Pull, names: Sequence[str], actor: Account) -> list[Label]:
    """Make the labels of a pull request exactly these; unknown ones are made. Emits `labeled` and `unlabeled`."""
    with hub.db.transaction():
        before = {label.id: label for label in labels_of(hub, pull)}
        wanted = [find_label(hub, repository, name) or create_label(hub, repository, name) for name in names]
        after = {label.id: label for label in wanted}
        for label_id in after.keys() - before.keys():
            hub.db.insert("pull_labels", pull_id=pull.id, label_id=label_id)
        for label_id in before.keys() - after.keys():
            hub.db.run("DELETE FROM pull_labels WHERE pull_id = ? AND label_id = ?", pull.id, label_id)
        changed = [("labeled", after[key]) for key in sorted(after.keys() - before.keys())]
        changed += [("unlabeled", before[key]) for key in sorted(before.keys() - after.keys())]
        if changed:
            hub.db.update("pulls", pull.id, updated_at=hub.clock())
        for action, label in changed:
            note(hub, pull.id, actor.login, action, label.name)
            payloads.labeled(hub, repository, pull, action, actor.login, label)
    return labels_of(hub, pull)


def remove_label(hub: Hub, repository: Repository, pull: Pull, name: str, actor: Account) -> list[Label]:
    """Take one label off; raises 404 when it is not there."""
    current = [label.name for label in labels_of(hub, pull)]
    kept = [label for label in current if label.lower() != name.lower()]
    if len(kept) == len(current):
        raise HubError(404, "Label does not exist")
    return set_labels(hub, repository, pull, kept, actor)
