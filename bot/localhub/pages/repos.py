"""Pages of repositories: lists, folders, files, commits; and the small things that all pages need."""

from __future__ import annotations

import hashlib
from html import escape
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, PlainTextResponse

from bot.localhub import comparing
from bot.localhub.api.context import Context, hub_of
from bot.localhub.diff import EMPTY_TREE, changes
from bot.localhub.errors import not_found
from bot.localhub.git import Entry
from bot.localhub.pages.show import HERE, about, page, place

router = APIRouter()
Place = Annotated[Context, Depends(place)]
_SHOWN_BYTES = 512 * 1024


@router.get("/static/style.css")
def style() -> FileResponse:
    """The one style sheet."""
    return FileResponse(HERE / "static" / "style.css", media_type="text/css")


@router.get("/avatars/{login}.svg")
def avatar(login: str) -> Response:
    """A coloured tile with the first letter of a login."""
    hue = int(hashlib.sha256(login.lower().encode()).hexdigest()[:4], 16) % 360
    letter = escape(login[:1].upper())
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40">'
        f'<rect width="40" height="40" fill="hsl({hue} 45% 48%)"/>'
        '<text x="20" y="28" font-family="sans-serif" font-size="22" text-anchor="middle" fill="#fff">'
        f"{letter}</text></svg>"
    )
    return Response(svg, media_type="image/svg+xml", headers={"Cache-Control": "max-age=3600"})


@router.get("/")
def index(request: Request) -> HTMLResponse:
    """All repositories."""
    hub = hub_of(request)
    return page(request, "index.html", {"repositories": hub.repositories()})


@router.get("/{owner}/{name}")
def repository(request: Request, where: Place) -> HTMLResponse:
    """The front page: folders and README of the default branch."""
    return _tree(request, where, where.repository.default_branch, "")


@router.get("/{owner}/{name}/tree/{rest:path}")
def tree(request: Request, where: Place, rest: str) -> HTMLResponse:
    """A folder at a branch or commit."""
    ref, path = _split(where, rest)
    return _tree(request, where, ref, path)


@router.get("/{owner}/{name}/blob/{rest:path}")
def blob(request: Request, where: Place, rest: str) -> HTMLResponse:
    """A file at a branch or commit."""
    ref, path = _split(where, rest)
    entry = _entry(where, ref, path)
    content = where.git.blob(entry.sha) if (entry.size or 0) <= _SHOWN_BYTES else None
    text = None if content is None or b"\0" in content else content.decode(errors="replace")
    return about(request, "blob.html", where, {"ref": ref, "path": path, "entry": entry, "text": text})


@router.get("/{owner}/{name}/raw/{rest:path}")
def raw(where: Place, rest: str) -> Response:
    """The bytes of a file, as text that no browser runs."""
    ref, path = _split(where, rest)
    headers = {"Content-Security-Policy": "default-src 'none'; sandbox"}
    return Response(where.git.blob(_entry(where, ref, path).sha), media_type="text/plain", headers=headers)


@router.get("/{owner}/{name}/commits/{ref:path}")
def commits(request: Request, where: Place, ref: str) -> HTMLResponse:
    """The newest hundred commits of a branch."""
    sha = where.git.resolve(ref)
    if sha is None:
        raise not_found()
    found = where.git.log(sha, limit=100)
    return about(request, "commits.html", where, {"ref": ref, "commits": found})


@router.get("/{owner}/{name}/commit/{sha}")
def commit(request: Request, where: Place, sha: str) -> HTMLResponse:
    """One commit and what it changed."""
    full = where.git.resolve(sha)
    if full is None:
        raise not_found()
    shown = where.git.commit(full)
    files = changes(where.git, shown.parents[0] if shown.parents else EMPTY_TREE, full)
    return about(request, "commit.html", where, {"commit": shown, "files": files, "notes": {}, "remarks": {}})


@router.get("/{owner}/{name}/compare/{span:path}.diff")
def compare_diff(where: Place, span: str) -> PlainTextResponse:
    """A comparison as plain diff."""
    base, _, head = span.partition("...")
    one, other = where.git.resolve(base), comparing.head_of(where.hub, where.repository, head)
    if one is None:
        raise not_found()
    return PlainTextResponse(where.git.run("diff", "-M", where.git.merge_base(one, other) or one, other))


def _split(where: Context, rest: str) -> tuple[str, str]:
    """Ref and path of `rest`: a branch name may contain slashes, so the longest one that exists wins."""
    for name in sorted(where.git.refs(), key=len, reverse=True):
        branch = name.removeprefix("refs/heads/")
        if rest == branch or rest.startswith(f"{branch}/"):
            return branch, rest[len(branch) + 1 :].strip("/")
    ref, _, path = rest.partition("/")
    return ref, path.strip("/")


def _entry(where: Context, ref: str, path: str) -> Entry:
    commit = where.git.resolve(ref)
    entry = where.git.at_path(commit, path) if commit and path else None
    if entry is None or entry.kind != "blob":
        raise not_found()
    return entry


def _tree(request: Request, where: Context, ref: str, path: str) -> HTMLResponse:
    git = where.git
    commit = git.resolve(ref)
    common = {"ref": ref, "path": path}
    if commit is None:
        if git.refs() or path:
            raise not_found()
        return about(request, "empty.html", where, common)
    folder = git.at_path(commit, path) if path else None
    if path and (folder is None or folder.kind != "tree"):
        raise not_found()
    prefix = f"{path}/" if path else ""
    entries = [entry.below(prefix) for entry in git.tree(folder.sha if folder else commit)]
    entries.sort(key=lambda entry: (entry.kind != "tree", entry.path))
    readme = next((entry for entry in entries if entry.path.rsplit("/", 1)[-1].lower() == "readme.md"), None)
    text = git.blob(readme.sha).decode(errors="replace") if readme and (readme.size or 0) <= _SHOWN_BYTES else None
    branches = [name.removeprefix("refs/heads/") for name in git.refs()]
    values: dict[str, Any] = {
        "entries": entries,
        "readme": text,
        "branches": branches,
        "recent": git.log(commit, limit=5),
        "parent": where.hub.repository_by_id(where.repository.parent_id) if where.repository.parent_id else None,
        "may_fork": where.account is not None and where.account.login.lower() != where.repository.owner.lower(),
    }
    return about(request, "tree.html", where, common | values)
