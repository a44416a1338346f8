"""Check runs and annotations as GitHub's API shows them."""

from __future__ import annotations

from urllib.parse import quote

from bot.localhub import queries, runs
from bot.localhub.models import Annotation, CheckRun, Repository, Suite
from bot.localhub.shapes.core import JSON, View, app, node_id, repository, when


def check_run(view: View, repo: Repository, run: CheckRun) -> JSON:
    """GitHub's check-run."""
    url = view.repo_api(repo)
    here = f"{url}/check-runs/{run.id}"
    page = f"{view.repo_html(repo)}/runs/{run.id}"
    return {
        "id": run.id,
        "node_id": node_id("CheckRun", run.id),
        "name": run.name,
        "head_sha": run.head_sha,
        "external_id": run.external_id,
        "url": here,
        "html_url": page,
        "details_url": run.details_url or page,
        "status": run.status,
        "conclusion": run.conclusion,
        "started_at": when(run.started_at),
        "completed_at": when(run.completed_at),
        "output": {
            "title": run.title,
            "summary": run.summary,
            "text": run.text,
            "annotations_count": queries.annotations_count(view.hub, run),
            "annotations_url": f"{here}/annotations",
        },
        "check_suite": {"id": queries.suite_id(view.hub, run)},
        "app": app(view, run.app),
        "pull_requests": [_pull(view, repo, run.head_sha, row) for row in queries.pulls_of(view.hub, run)],
    }


def suite(view: View, repo: Repository, row: Suite) -> JSON:
    """GitHub's check-suite."""
    hub = view.hub
    own = [run for run in runs.of_commit(hub, repo, row.head_sha) if run.app == row.app]
    found = queries.pulls_of(hub, row)
    here = f"{view.repo_api(repo)}/check-suites/{row.id}"
    status, conclusion = runs.summary(own)
    commit = hub.git(repo).commit(row.head_sha)
    people = {
        "author": {"name": commit.author_name, "email": commit.author_email},
        "committer": {"name": commit.committer_name, "email": commit.committer_email},
    }
    return {
        "id": row.id,
        "node_id": node_id("CheckSuite", row.id),
        "head_branch": found[0].head_ref if found else None,
        "head_sha": row.head_sha,
        "status": status,
        "conclusion": conclusion,
        "url": here,
        "before": None,
        "after": row.head_sha,
        "pull_requests": [_pull(view, repo, row.head_sha, pull) for pull in found],
        "app": app(view, row.app),
        "repository": repository(view, repo),
        "created_at": when(min(run.started_at for run in own)),
        "updated_at": when(max(run.completed_at or run.started_at for run in own)),
        "rerequestable": True,
        "runs_rerequestable": True,
        "latest_check_runs_count": len(own),
        "check_runs_url": f"{here}/check-runs",
        "head_commit": {
            "id": commit.sha,
            "tree_id": commit.tree,
            "message": commit.message,
            "timestamp": commit.committer_date,
            **people,
        },
    }


def _pull(view: View, repo: Repository, head_sha: str, row: queries.PullOfCommit) -> JSON:
    url = view.repo_api(repo)
    own = {"id": repo.id, "url": url, "name": repo.name}
    return {
        "id": row.id,
        "number": row.number,
        "url": f"{url}/pulls/{row.number}",
        "head": {"ref": row.head_ref, "sha": head_sha, "repo": own},
        "base": {"ref": row.base_ref, "sha": row.base_sha, "repo": own},
    }


def annotation(view: View, repo: Repository, run: CheckRun, row: Annotation) -> JSON:
    """GitHub's check-annotation."""
    return {
        "path": row.path,
        "blob_href": f"{view.repo_html(repo)}/blob/{run.head_sha}/{quote(row.path)}",
        "start_line": row.start_line,
        "end_line": row.end_line,
        "start_column": row.start_column,
        "end_column": row.end_column,
        "annotation_level": row.annotation_level,
        "title": row.title,
        "message": row.message,
        "raw_details": row.raw_details,
    }
