"""Writing to git through the API: blobs, trees, commits, refs, and single files."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Any, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel

from bot.localhub import access, commits
from bot.localhub.api.context import Context, Where
from bot.localhub.api.git_data import reference
from bot.localhub.api.route import OneHop
from bot.localhub.errors import HubError, not_found
from bot.localhub.git import Entry, Person
from bot.localhub.models import Account
from bot.localhub.shapes import git as shapes
from bot.localhub.shapes.core import JSON

router = APIRouter(prefix="/repos/{owner}/{repo}", route_class=OneHop)


class NewBlob(BaseModel):
    """Content to keep."""

    content: str
    encoding: Literal["utf-8", "base64"] = "utf-8"


class TreeItem(BaseModel):
    """One change of a tree: content, or the sha of what is there already; a sha of null removes."""

    path: str
    mode: str = "100644"
    type: str | None = None
    sha: str | None = None
    content: str | None = None


class NewTree(BaseModel):
    """Changes to a tree."""

    tree: list[TreeItem]
    base_tree: str | None = None


class Someone(BaseModel):
    """Author or committer."""

    name: str
    email: str
    date: datetime | None = None


class NewCommit(BaseModel):
    """A commit object to write."""

    message: str
    tree: str
    parents: list[str] = []
    author: Someone | None = None
    committer: Someone | None = None


class NewRef(BaseModel):
    """A ref to make."""

    ref: str
    sha: str


class MovedRef(BaseModel):
    """Where a ref goes."""

    sha: str
    force: bool = False


class FileBody(BaseModel):
    """A file to write or, without content, to remove."""

    message: str
    content: str | None = None
    sha: str | None = None
    branch: str | None = None
    author: Someone | None = None
    committer: Someone | None = None


def _writer(where: Context) -> Account:
    user = where.user()
    access.needs_write(where.hub, where.repository, user)
    return user


def _person(where: Context, given: Someone | None) -> Person | None:
    if given is None:
        return None
    when = given.date.timestamp() if given.date else where.hub.person("").when
    return Person(given.name, given.email, when)


def _bytes(content: str) -> bytes:
    try:
        return base64.b64decode("".join(content.split()), validate=True)
    except ValueError as error:
        raise HubError(422, "content is not valid Base64") from error


@router.post("/git/blobs", status_code=201)
def create_blob(where: Where, new: NewBlob) -> JSON:
    """Keep content."""
    _writer(where)
    sha = where.git.write_blob(_bytes(new.content) if new.encoding == "base64" else new.content.encode())
    return {"sha": sha, "url": f"{where.view.repo_api(where.repository)}/git/blobs/{sha}"}


@router.post("/git/trees", status_code=201)
def create_tree(where: Where, new: NewTree) -> JSON:
    """Write a tree."""
    _writer(where)
    git = where.git
    base = git.object(f"{new.base_tree}^{{tree}}") if new.base_tree and git.kind(new.base_tree) else None
    if new.base_tree and base is None:
        raise HubError(422, "base_tree is not a valid tree oid")
    sha = commits.write_tree(git, base, {item.path: _entry(where, item) for item in new.tree})
    return shapes.tree(where.view, where.repository, sha, git.tree(sha))


def _entry(where: Context, item: TreeItem) -> Entry | None:
    kind = item.type or commits.MODES.get(item.mode, "")
    if item.content is not None:
        return Entry(item.mode, kind, where.git.write_blob(item.content.encode()), None, item.path)
    if item.sha is None and "sha" not in item.model_fields_set:
        raise HubError(422, "tree entries need sha or content")
    return None if item.sha is None else Entry(item.mode, kind, item.sha, None, item.path)


@router.post("/git/commits", status_code=201)
def create_commit(where: Where, new: NewCommit) -> JSON:
    """Write a commit object."""
    user, git = _writer(where), where.git
    if git.kind(new.tree) != "tree":
        raise HubError(422, "Tree SHA does not exist")
    if any(git.kind(parent) != "commit" for parent in new.parents):
        raise HubError(422, "Parent SHA does not exist or is not a commit object")
    author = _person(where, new.author) or where.hub.person(user.login)
    committer = _person(where, new.committer) or author
    sha = commits.write_commit(git, new.tree, tuple(new.parents), new.message, author, committer)
    return shapes.git_commit(where.view, where.repository, git.commit(sha))


@router.post("/git/refs", status_code=201)
def create_ref(where: Where, new: NewRef) -> JSON:
    """Make a ref."""
    commits.create_ref(where.hub, where.repository, where.user(), new.ref, new.sha)
    return reference(where, new.ref, new.sha)


@router.patch("/git/refs/{ref:path}")
def update_ref(where: Where, ref: str, moved: MovedRef) -> JSON:
    """Move a ref."""
    name = f"refs/{ref}"
    commits.move_ref(where.hub, where.repository, where.user(), name, moved.sha, force=moved.force)
    return reference(where, name, moved.sha)


@router.delete("/git/refs/{ref:path}", status_code=204)
def delete_ref(where: Where, ref: str) -> None:
    """Remove a ref."""
    commits.delete_ref(where.hub, where.repository, where.user(), f"refs/{ref}")


@router.put("/contents/{path:path}")
def write_file(where: Where, path: str, new: FileBody, response: Response) -> JSON:
    """Write a file with one commit; 201 when it is new, 409 when `sha` is not what is there."""
    known = _known(where, path, new)
    content = _bytes(new.content or "")
    access.needs_write(where.hub, where.repository, where.user(), f"refs/heads/{_branch(where, new)}")
    blob = where.git.write_blob(content)
    mode = known.mode if known else "100644"
    sha = _commit(where, path, new, Entry(mode, "blob", blob, len(content), path))
    response.status_code = 200 if known else 201
    entry = Entry(mode, "blob", blob, len(content), path)
    shape = shapes.contents(where.view, where.repository, _branch(where, new), entry)
    return {"content": shape, "commit": shapes.git_commit(where.view, where.repository, where.git.commit(sha))}


@router.delete("/contents/{path:path}")
def remove_file(where: Where, path: str, gone: FileBody) -> JSON:
    """Remove a file with one commit."""
    if _known(where, path, gone) is None:
        raise not_found()
    sha = _commit(where, path, gone, None)
    return {"content": None, "commit": shapes.git_commit(where.view, where.repository, where.git.commit(sha))}


def _branch(where: Context, body: FileBody) -> str:
    return (body.branch or where.repository.default_branch).removeprefix("refs/heads/")


def _known(where: Context, path: str, body: FileBody) -> Entry | None:
    """What stands at the path now; raises 404, 409 or 422 where the request does not fit to it."""
    where.user()
    tip = where.git.ref(f"refs/heads/{_branch(where, body)}")
    if tip is None:
        raise HubError(404, f"Branch {_branch(where, body)} not found")
    entry = where.git.at_path(tip, path)
    if entry is not None and entry.kind != "blob":
        raise HubError(422, f"Invalid request.\n\n{path} is no file.")
    if entry is not None and body.sha is None:
        raise HubError(422, 'Invalid request.\n\n"sha" wasn\'t supplied.')
    if body.sha is not None and (entry is None or entry.sha != body.sha):
        raise HubError(409, f"{path} does not match {body.sha}")
    return entry


def _commit(where: Context, path: str, body: FileBody, entry: Entry | None) -> str:
    people: dict[str, Any] = {
        "author": _person(where, body.author or body.committer),
        "committer": _person(where, body.committer),
    }
    changes: commits.Changes = {path: entry}
    return commits.commit_files(
        where.hub, where.repository, where.user(), _branch(where, body), changes, body.message, **people
    )
