"""Branches, commits, trees and changed files as GitHub's API shows them."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from urllib.parse import quote

from bot.localhub.diff import FileChange
from bot.localhub.git import Commit, Entry
from bot.localhub.models import Repository
from bot.localhub.shapes.core import JSON, View, node_id, user

_UNVERIFIED = {"verified": False, "reason": "unsigned", "signature": None, "payload": None, "verified_at": None}
_TYPES = {"120000": "symlink", "160000": "submodule"}


def _utc(date: str) -> str:
    return datetime.fromisoformat(date).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _people(commit: Commit) -> JSON:
    author = {"name": commit.author_name, "email": commit.author_email, "date": _utc(commit.author_date)}
    committer = {"name": commit.committer_name, "email": commit.committer_email, "date": _utc(commit.committer_date)}
    return {"author": author, "committer": committer}


def _account(view: View, name: str, email: str) -> JSON | None:
    """The account behind a commit: by its noreply address, or by its name."""
    login = email.removesuffix("@users.noreply.localhub") if email.endswith("@users.noreply.localhub") else name
    found = view.hub.account(login)
    return user(view, found) if found else None


def git_commit(view: View, repository: Repository, commit: Commit) -> JSON:
    """GitHub's git-commit, the object as git holds it."""
    url = view.repo_api(repository)
    return {
        "sha": commit.sha,
        "node_id": node_id("Commit", commit.sha),
        "url": f"{url}/git/commits/{commit.sha}",
        "html_url": f"{view.repo_html(repository)}/commit/{commit.sha}",
        **_people(commit),
        "message": commit.message,
        "tree": {"sha": commit.tree, "url": f"{url}/git/trees/{commit.tree}"},
        "parents": _parents(view, repository, commit, "git/commits"),
        "verification": _UNVERIFIED,
    }


def _parents(view: View, repository: Repository, commit: Commit, kind: str) -> list[JSON]:
    url, page = view.repo_api(repository), view.repo_html(repository)
    return [{"sha": sha, "url": f"{url}/{kind}/{sha}", "html_url": f"{page}/commit/{sha}"} for sha in commit.parents]


def commit(view: View, repository: Repository, commit: Commit, files: list[FileChange] | None = None) -> JSON:
    """GitHub's commit; with `files` the full one."""
    url = f"{view.repo_api(repository)}/commits/{commit.sha}"
    inner = git_commit(view, repository, commit)
    shape: JSON = {
        "sha": commit.sha,
        "node_id": node_id("Commit", commit.sha),
        "url": url,
        "html_url": inner["html_url"],
        "comments_url": f"{url}/comments",
        "commit": {
            **_people(commit),
            "message": commit.message,
            "tree": inner["tree"],
            "url": inner["url"],
            "comment_count": 0,
            "verification": _UNVERIFIED,
        },
        "author": _account(view, commit.author_name, commit.author_email),
        "committer": _account(view, commit.committer_name, commit.committer_email),
        "parents": _parents(view, repository, commit, "commits"),
    }
    if files is not None:
        added, removed = sum(f.additions for f in files), sum(f.deletions for f in files)
        shape["stats"] = {"additions": added, "deletions": removed, "total": added + removed}
        shape["files"] = [changed_file(view, repository, commit.sha, file) for file in files]
    return shape


def push_commit(view: View, repository: Repository, commit: Commit, files: list[FileChange]) -> JSON:
    """A commit in the payload of `push`."""
    people = {}
    for role, name, email in (
        ("author", commit.author_name, commit.author_email),
        ("committer", commit.committer_name, commit.committer_email),
    ):
        account = _account(view, name, email)
        people[role] = {"name": name, "email": email, "username": account["login"] if account else None}
    return {
        "id": commit.sha,
        "tree_id": commit.tree,
        "distinct": True,
        "message": commit.message,
        "timestamp": commit.committer_date,
        "url": f"{view.repo_html(repository)}/commit/{commit.sha}",
        **people,
        "added": [f.path for f in files if f.status in ("added", "renamed")],
        "removed": [f.previous or f.path for f in files if f.status in ("removed", "renamed")],
        "modified": [f.path for f in files if f.status in ("modified", "changed")],
    }


def changed_file(view: View, repository: Repository, head: str, file: FileChange) -> JSON:
    """GitHub's diff-entry."""
    path = quote(file.path)
    page = view.repo_html(repository)
    shape: JSON = {
        "sha": file.sha,
        "filename": file.path,
        "status": file.status,
        "additions": file.additions,
        "deletions": file.deletions,
        "changes": file.additions + file.deletions,
        "blob_url": f"{page}/blob/{head}/{path}",
        "raw_url": f"{page}/raw/{head}/{path}",
        "contents_url": f"{view.repo_api(repository)}/contents/{path}?ref={head}",
    }
    if file.patch is not None:
        shape["patch"] = file.patch
    if file.previous is not None:
        shape["previous_filename"] = file.previous
    return shape


def branch(view: View, repository: Repository, name: str, tip: Commit, *, full: bool = False) -> JSON:
    """GitHub's short-branch, or with `full` its branch-with-protection."""
    url = f"{view.repo_api(repository)}/branches/{quote(name)}"
    short = {"sha": tip.sha, "url": f"{view.repo_api(repository)}/commits/{tip.sha}"}
    shape: JSON = {"name": name, "commit": short, "protected": False}
    if full:
        shape["commit"] = commit(view, repository, tip)
        shape["_links"] = {"self": url, "html": f"{view.repo_html(repository)}/tree/{quote(name)}"}
        shape["protection"] = {"enabled": False}
        shape["protection_url"] = f"{url}/protection"
    return shape


def git_ref(view: View, repository: Repository, name: str, sha: str, kind: str) -> JSON:
    """GitHub's git-ref; `kind` is what the ref points to."""
    url = view.repo_api(repository)
    return {
        "ref": name,
        "node_id": node_id("Ref", f"{repository.id}:{name}"),
        "url": f"{url}/git/{quote(name)}",
        "object": {"type": kind, "sha": sha, "url": f"{url}/git/{kind}s/{sha}"},
    }


def tree(view: View, repository: Repository, sha: str, entries: list[Entry]) -> JSON:
    """GitHub's git-tree."""
    url = view.repo_api(repository)
    listed = []
    for entry in entries:
        item: JSON = {"path": entry.path, "mode": entry.mode, "type": entry.kind, "sha": entry.sha}
        if entry.kind != "commit":
            item["url"] = f"{url}/git/{entry.kind}s/{entry.sha}"
        if entry.size is not None:
            item["size"] = entry.size
        listed.append(item)
    return {"sha": sha, "url": f"{url}/git/trees/{sha}", "tree": listed, "truncated": False}


def blob(view: View, repository: Repository, sha: str, content: bytes) -> JSON:
    """GitHub's blob, always in base64."""
    return {
        "sha": sha,
        "node_id": node_id("Blob", sha),
        "size": len(content),
        "url": f"{view.repo_api(repository)}/git/blobs/{sha}",
        "encoding": "base64",
        "content": base64.encodebytes(content).decode(),
    }


def contents(view: View, repository: Repository, ref: str, entry: Entry, content: bytes | None = None) -> JSON:
    """GitHub's content-file or an item of content-directory; a file over 1 MiB comes without content."""
    url = view.repo_api(repository)
    kind = "dir" if entry.kind == "tree" else _TYPES.get(entry.mode, "file")
    here = f"{url}/contents/{quote(entry.path)}?ref={quote(ref)}"
    page = f"{view.repo_html(repository)}/{entry.kind}/{quote(ref)}/{quote(entry.path)}"
    git_url = f"{url}/git/{'trees' if kind == 'dir' else 'blobs'}/{entry.sha}"
    shape: JSON = {
        "type": kind,
        "name": entry.path.rsplit("/", 1)[-1],
        "path": entry.path,
        "sha": entry.sha,
        "size": entry.size or 0,
        "url": here,
        "html_url": page,
        "git_url": git_url,
        "download_url": page.replace("/blob/", "/raw/", 1) if kind == "file" else None,
        "_links": {"self": here, "git": git_url, "html": page},
    }
    if content is not None:
        small = len(content) <= 1024 * 1024
        shape["encoding"] = "base64" if small else "none"
        shape["content"] = base64.encodebytes(content).decode() if small else ""
    return shape
