"""Reviews and their comments as GitHub's API shows them."""

from __future__ import annotations

from collections.abc import Sequence

from bot.localhub import queries
from bot.localhub.diff import FileChange
from bot.localhub.models import Pull, Repository, Review, ReviewComment
from bot.localhub.shapes.core import JSON, View, node_id, user, when
from bot.localhub.shapes.pulls import association, rollup


def review(view: View, repo: Repository, pull: Pull, row: Review) -> JSON:
    """GitHub's pull-request-review."""
    page = f"{view.repo_html(repo)}/pull/{pull.number}#pullrequestreview-{row.id}"
    api = f"{view.repo_api(repo)}/pulls/{pull.number}"
    return {
        "id": row.id,
        "node_id": node_id("PullRequestReview", row.id),
        "user": user(view, row.author),
        "body": row.body,
        "state": row.state,
        "html_url": page,
        "pull_request_url": api,
        "author_association": association(view, repo, row.author),
        "_links": {"html": {"href": page}, "pull_request": {"href": api}},
        "submitted_at": when(row.submitted_at),
        "commit_id": row.commit_sha,
    }


def comment(view: View, repo: Repository, pull: Pull, row: ReviewComment, files: Sequence[FileChange]) -> JSON:
    """GitHub's review-comment; without `line` once the file has changed. `files`: those of the pull request now."""
    here = f"{view.repo_api(repo)}/pulls/comments/{row.id}"
    page = f"{view.repo_html(repo)}/pull/{pull.number}#discussion_r{row.id}"
    api = f"{view.repo_api(repo)}/pulls/{pull.number}"
    current = queries.is_current(row, files)
    shape: JSON = {
        "url": here,
        "pull_request_review_id": row.review_id,
        "id": row.id,
        "node_id": node_id("PullRequestReviewComment", row.id),
        "diff_hunk": row.diff_hunk,
        "path": row.path,
        "position": row.position if current else None,
        "original_position": row.position,
        "commit_id": pull.head_sha if current else row.commit_sha,
        "original_commit_id": row.commit_sha,
        "user": user(view, row.author),
        "body": row.body,
        "created_at": when(row.created_at),
        "updated_at": when(row.updated_at),
        "html_url": page,
        "pull_request_url": api,
        "author_association": association(view, repo, row.author),
        "_links": {"self": {"href": here}, "html": {"href": page}, "pull_request": {"href": api}},
        "start_line": row.start_line if current else None,
        "original_start_line": row.start_line,
        "start_side": row.start_side,
        "original_line": row.line,
        "side": row.side,
        "subject_type": "line",
        "reactions": rollup(f"{here}/reactions", []),
    }
    return {**shape, "line": row.line} if current else shape


def placed(view: View, repo: Repository, pull: Pull, row: ReviewComment, files: Sequence[FileChange]) -> JSON:
    """GitHub's pull-request-review-comment: the same, without a position where it has none."""
    shape = comment(view, repo, pull, row, files)
    return {name: value for name, value in shape.items() if name != "position" or value is not None}
