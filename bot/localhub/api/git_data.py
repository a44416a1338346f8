"""Branches, refs, commits, trees, blobs and contents, read from git."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from bot.localhub import comparing, pulls
from bot.localhub.api.context import Context, Page, Where
from bot.localhub.api.route import OneHop
from bot.localhub.diff import EMPTY_TREE, changes
from bot.localhub.errors import HubError, not_found
from bot.localhub.git import Commit
from bot.localhub.shapes import git as shapes
from bot.localhub.shapes import pulls as pull_shapes
from bot.localhub.shapes.core import JSON

router = APIRouter(prefix="/repos/{owner}/{repo}", route_class=OneHop)
MAX_BLOB = 100 * 1024 * 1024


def _commit(where: Context, ref: str) -> Commit:
    return where.git.commit(where.commit(ref))


@router.get("/branches")
def list_branches(where: Where, page: Page) -> list[JSON]:
    """All branches by name."""
    tips = page.cut(sorted(where.git.refs().items()))
    return [_branch(where, name.removeprefix("refs/heads/"), sha) for name, sha in tips]


@router.get("/branches/{branch:path}")
def get_branch(where: Where, branch: str) -> JSON:
    """One branch."""
    sha = where.git.ref(f"refs/heads/{branch}")
    if sha is None:
        raise HubError(404, "Branch not found")
    return _branch(where, branch, sha, full=True)


def _branch(where: Context, name: str, sha: str, *, full: bool = False) -> JSON:
    return shapes.branch(where.view, where.repository, name, where.git.commit(sha), full=full)


@router.get("/git/ref/{ref:path}")
def get_ref(where: Where, ref: str) -> JSON:
    """One ref, such as `heads/main`."""
    sha = where.git.ref(f"refs/{ref}")
    if sha is None:
        raise not_found()
    return reference(where, f"refs/{ref}", sha)


@router.get("/git/matching-refs/{ref:path}")
@router.get("/git/refs/{ref:path}")
def list_matching_refs(where: Where, ref: str, page: Page) -> list[JSON]:
    """Refs that begin so."""
    found = {name: sha for name, sha in where.git.refs("refs/").items() if name.startswith(f"refs/{ref}")}
    return [reference(where, name, sha) for name, sha in page.cut(sorted(found.items()))]


@router.get("/git/refs")
def list_refs(where: Where, page: Page) -> list[JSON]:
    """All refs."""
    return [reference(where, name, sha) for name, sha in page.cut(sorted(where.git.refs("refs/").items()))]


def reference(where: Context, name: str, sha: str) -> JSON:
    """The shape of one ref."""
    return shapes.git_ref(where.view, where.repository, name, sha, where.git.kind(sha) or "commit")


@router.get("/git/commits/{sha}")
def get_git_commit(where: Where, sha: str) -> JSON:
    """A commit object."""
    if where.git.kind(sha) != "commit":
        raise not_found()
    return shapes.git_commit(where.view, where.repository, where.git.commit(sha))


@router.get("/git/trees/{sha:path}")
def get_tree(where: Where, sha: str, recursive: str | None = None) -> JSON:
    """A tree by its sha, or that of a commit or branch; `recursive` with any value lists all below."""
    git = where.git
    root = sha if git.kind(sha) == "tree" else None
    commit = None if root else git.resolve(sha)
    if commit is not None:
        root = git.object(f"{commit}^{{tree}}")
    if root is None:
        raise not_found()
    return shapes.tree(where.view, where.repository, root, git.tree(root, recursive=recursive is not None))


@router.get("/git/blobs/{sha}")
def get_blob(where: Where, sha: str) -> JSON:
    """A blob in base64; 403 above 100 MB, as on GitHub."""
    git = where.git
    if git.kind(sha) != "blob":
        raise not_found()
    if git.size(sha) > MAX_BLOB:
        raise HubError(403, "This API returns blobs up to 100 MB in size.")
    return shapes.blob(where.view, where.repository, sha, git.blob(sha))


@router.get("/readme")
def get_readme(where: Where, ref: str | None = None) -> Any:
    """The README at the root."""
    return _contents(where, "README.md", ref)


@router.get("/contents/{path:path}")
def get_contents(where: Where, path: str, ref: str | None = None) -> Any:
    """A file, or the list of a folder."""
    return _contents(where, path.strip("/"), ref)


@router.get("/contents")
def get_root(where: Where, ref: str | None = None) -> Any:
    """The list of the root folder."""
    return _contents(where, "", ref)


def _contents(where: Context, path: str, ref: str | None) -> Any:
    git, name = where.git, ref or where.repository.default_branch
    commit = git.resolve(name)
    if commit is None:
        raise HubError(404, f"No commit found for the ref {name}")
    entry = git.at_path(commit, path) if path else None
    if path and entry is None:
        raise not_found()
    if entry is None or entry.kind == "tree":
        prefix = f"{path}/" if path else ""
        items = git.tree(entry.sha if entry else commit)
        return [shapes.contents(where.view, where.repository, name, item.below(prefix)) for item in items]
    if entry.kind == "commit":
        return shapes.contents(where.view, where.repository, name, entry)
    if (entry.size or 0) > MAX_BLOB:
        raise HubError(403, "This API returns blobs up to 100 MB in size.")
    return shapes.contents(where.view, where.repository, name, entry, git.blob(entry.sha))


@router.get("/commits")
def list_commits(where: Where, page: Page, sha: str | None = None, path: str | None = None) -> list[JSON]:
    """Commits from `sha` (default: the default branch) backwards; with `path`, those that changed it."""
    name = sha or where.repository.default_branch
    start = where.git.resolve(name)
    if start is None:
        raise HubError(409, "Git Repository is empty.") if sha is None else not_found()
    commits = page.cut(where.git.log(start, path=path))
    return [shapes.commit(where.view, where.repository, commit) for commit in commits]


@router.get("/commits/{sha}/pulls")
def list_pulls_of_commit(where: Where, sha: str, page: Page) -> list[JSON]:
    """The merged pull request that brought a commit, or open ones that contain it."""
    commit = _commit(where, sha)
    found = pulls.of_commit(where.hub, where.repository, commit.sha)
    return [pull_shapes.pull(where.view, where.repository, row, where.account) for row in page.cut(found)]


@router.get("/compare/{span:path}")
def compare(where: Where, span: str) -> JSON:
    """`base...head`: the commits and files that head adds since it left base."""
    names = span.split("...")
    if len(names) != 2:
        raise not_found()
    base, head = _commit(where, names[0]), where.git.commit(comparing.head_of(where.hub, where.repository, names[1]))
    fork = where.git.merge_base(base.sha, head.sha)
    if fork is None:
        raise HubError(404, f"No common ancestor between {names[0]} and {names[1]}.")
    ahead = where.git.between(base.sha, head.sha)[::-1]
    behind = len(where.git.between(head.sha, base.sha))
    status = {(0, 0): "identical", (1, 0): "ahead", (0, 1): "behind"}.get(
        (min(1, len(ahead)), min(1, behind)), "diverged"
    )
    view, repo = where.view, where.repository
    url, page = f"{view.repo_api(repo)}/compare/{span}", f"{view.repo_html(repo)}/compare/{span}"
    return {
        "url": url,
        "html_url": page,
        "permalink_url": page,
        "diff_url": f"{page}.diff",
        "patch_url": f"{page}.patch",
        "base_commit": shapes.commit(view, repo, base),
        "merge_base_commit": shapes.commit(view, repo, where.git.commit(fork)),
        "status": status,
        "ahead_by": len(ahead),
        "behind_by": behind,
        "total_commits": len(ahead),
        "commits": [shapes.commit(view, repo, commit) for commit in ahead],
        "files": [shapes.changed_file(view, repo, head.sha, file) for file in changes(where.git, fork, head.sha)],
    }


def get_commit(where: Where, ref: str) -> JSON:
    """One commit, with its files."""
    commit = _commit(where, ref)
    base = commit.parents[0] if commit.parents else EMPTY_TREE
    return shapes.commit(where.view, where.repository, commit, changes(where.git, base, commit.sha))
