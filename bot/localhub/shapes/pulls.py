"""Pull requests, issues, comments, reactions and labels as GitHub's API shows them."""

from __future__ import annotations

from collections import Counter
from urllib.parse import quote

from bot.localhub import queries
from bot.localhub.models import REACTIONS, Account, Comment, Label, Pull, Reaction, Repository
from bot.localhub.shapes.core import JSON, View, app, node_id, repository, user, when


def association(view: View, repo: Repository, login: str) -> str:
    """`author_association`, as informative and as unfit for authorisation as GitHub's."""
    if login.lower() == repo.owner.lower():
        return "OWNER"
    return "COLLABORATOR" if view.hub.level(repo, view.hub.account(login)) != "read" else "CONTRIBUTOR"


def pull(view: View, repo: Repository, row: Pull, account: Account | None = None) -> JSON:
    """GitHub's pull-request-simple."""
    url, page = view.repo_api(repo), f"{view.repo_html(repo)}/pull/{row.number}"
    here, issue_url = f"{url}/pulls/{row.number}", f"{url}/issues/{row.number}"
    links = {
        "self": here, "html": page, "issue": issue_url, "comments": f"{issue_url}/comments",
        "review_comments": f"{here}/comments", "review_comment": f"{url}/pulls/comments{{/number}}",
        "commits": f"{here}/commits", "statuses": f"{url}/statuses/{row.head_sha}",
    }  # fmt: skip
    base_repo, base_owner = repository(view, repo, account), user(view, repo.owner)
    head_repo: JSON | None = base_repo
    head_owner = base_owner
    if row.from_fork:
        fork = row.head_repository_id
        head_repo = repository(view, view.hub.repository_by_id(fork), account) if fork is not None else None
        head_owner = user(view, row.head_owner)
    assignees = [user(view, login) for login in queries.assignees_of(view.hub, row)]
    return {
        "url": here,
        "id": row.id,
        "node_id": node_id("PullRequest", row.id),
        "html_url": page,
        "diff_url": f"{page}.diff",
        "patch_url": f"{page}.patch",
        "issue_url": issue_url,
        "commits_url": f"{here}/commits",
        "review_comments_url": f"{here}/comments",
        "review_comment_url": f"{url}/pulls/comments{{/number}}",
        "comments_url": f"{issue_url}/comments",
        "statuses_url": links["statuses"],
        "number": row.number,
        "state": row.state,
        "locked": False,
        "active_lock_reason": None,
        "title": row.title,
        "user": user(view, row.author),
        "body": row.body or None,
        "labels": [label(view, repo, item) for item in queries.labels_of(view.hub, row)],
        "milestone": None,
        "assignee": assignees[0] if assignees else None,
        "assignees": assignees,
        "requested_reviewers": [],
        "requested_teams": [],
        "created_at": when(row.created_at),
        "updated_at": when(row.updated_at),
        "closed_at": when(row.closed_at),
        "merged_at": when(row.merged_at),
        "merge_commit_sha": row.merge_commit_sha,
        "draft": bool(row.draft),
        "head": _part(row.head_owner, head_owner, head_repo, row.head_ref, row.head_sha),
        "base": _part(repo.owner, base_owner, base_repo, row.base_ref, row.base_sha),
        "_links": {name: {"href": target} for name, target in links.items()},
        "author_association": association(view, repo, row.author),
        "auto_merge": None,
    }


def _part(login: str, owner: JSON, repo_shape: JSON | None, ref: str, sha: str) -> JSON:
    return {"label": f"{login}:{ref}", "ref": ref, "sha": sha, "user": owner, "repo": repo_shape}


def full_pull(view: View, repo: Repository, row: Pull, account: Account | None = None) -> JSON:
    """GitHub's pull-request: with mergeability and the size of the change."""
    files = queries.files(view.hub, repo, row)
    mergeable = queries.mergeable(view.hub, repo, row)
    comments = view.hub.db.value("SELECT count(*) FROM comments WHERE pull_id = ?", row.id)
    return {
        **pull(view, repo, row, account),
        "merged": row.merged_at is not None,
        "mergeable": mergeable,
        "rebaseable": False,
        "mergeable_state": {True: "clean", False: "dirty", None: "unknown"}[mergeable],
        "merged_by": user(view, row.merged_by) if row.merged_by else None,
        "comments": comments,
        "review_comments": view.hub.db.value("SELECT count(*) FROM review_comments WHERE pull_id = ?", row.id),
        "maintainer_can_modify": bool(row.maintainer_can_modify),
        "commits": len(queries.commits(view.hub, repo, row)),
        "additions": sum(file.additions for file in files),
        "deletions": sum(file.deletions for file in files),
        "changed_files": len(files),
    }


def issue(view: View, repo: Repository, row: Pull) -> JSON:
    """GitHub's issue, for a pull request."""
    url, page = view.repo_api(repo), f"{view.repo_html(repo)}/pull/{row.number}"
    here = f"{url}/issues/{row.number}"
    assignees = [user(view, login) for login in queries.assignees_of(view.hub, row)]
    return {
        "url": here,
        "repository_url": url,
        "labels_url": f"{here}/labels{{/name}}",
        "comments_url": f"{here}/comments",
        "events_url": f"{here}/events",
        "timeline_url": f"{here}/timeline",
        "html_url": page,
        "id": row.id,
        "node_id": node_id("PullRequest", row.id),
        "number": row.number,
        "title": row.title,
        "user": user(view, row.author),
        "labels": [label(view, repo, item) for item in queries.labels_of(view.hub, row)],
        "state": row.state,
        "state_reason": None,
        "locked": False,
        "active_lock_reason": None,
        "assignee": assignees[0] if assignees else None,
        "assignees": assignees,
        "milestone": None,
        "comments": view.hub.db.value("SELECT count(*) FROM comments WHERE pull_id = ?", row.id),
        "created_at": when(row.created_at),
        "updated_at": when(row.updated_at),
        "closed_at": when(row.closed_at),
        "closed_by": None,
        "author_association": association(view, repo, row.author),
        "body": row.body or None,
        "draft": bool(row.draft),
        "performed_via_github_app": None,
        "reactions": rollup(f"{here}/reactions", []),
        "pull_request": {
            "url": f"{url}/pulls/{row.number}",
            "html_url": page,
            "diff_url": f"{page}.diff",
            "patch_url": f"{page}.patch",
            "merged_at": when(row.merged_at),
        },
    }


def comment(view: View, repo: Repository, row: Comment) -> JSON:
    """GitHub's issue-comment."""
    number = int(view.hub.db.value("SELECT number FROM pulls WHERE id = ?", row.pull_id) or 0)
    author = view.hub.account(row.author)
    here = f"{view.repo_api(repo)}/issues/comments/{row.id}"
    return {
        "url": here,
        "html_url": f"{view.repo_html(repo)}/pull/{number}#issuecomment-{row.id}",
        "issue_url": f"{view.repo_api(repo)}/issues/{number}",
        "id": row.id,
        "node_id": node_id("IssueComment", row.id),
        "user": user(view, row.author),
        "created_at": when(row.created_at),
        "updated_at": when(row.updated_at),
        "author_association": association(view, repo, row.author),
        "body": row.body,
        "reactions": rollup(f"{here}/reactions", queries.reactions(view.hub, row)),
        "performed_via_github_app": app(view, row.author) if author and author.kind == "Bot" else None,
    }


def rollup(url: str, reactions: list[Reaction]) -> JSON:
    """GitHub's reaction-rollup."""
    counts = Counter(row.content for row in reactions)
    return {"url": url, "total_count": len(reactions), **{name: counts[name] for name in REACTIONS}}


def reaction(view: View, row: Reaction) -> JSON:
    """GitHub's reaction."""
    return {
        "id": row.id,
        "node_id": node_id("Reaction", row.id),
        "user": user(view, row.author),
        "content": row.content,
        "created_at": when(row.created_at),
    }


def label(view: View, repo: Repository, row: Label) -> JSON:
    """GitHub's label."""
    return {
        "id": row.id,
        "node_id": node_id("Label", row.id),
        "url": f"{view.repo_api(repo)}/labels/{quote(row.name, safe='')}",
        "name": row.name,
        "color": row.color,
        "default": False,
        "description": row.description or None,
    }
