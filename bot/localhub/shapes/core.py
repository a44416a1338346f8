"""Accounts and repositories as GitHub's API shows them."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bot.localhub.hub import Hub
from bot.localhub.models import Account, Repository

JSON = dict[str, Any]
_USER_LINKS = (
    "followers",
    "gists",
    "orgs",
    "repos",
    "subscriptions",
    "starred",
    "received_events",
    "events",
    "following",
)
_USER_NAMES = {"orgs": "organizations"}
_REPOSITORY_LINKS = {
    "archive_url": "/{archive_format}{/ref}", "assignees_url": "/assignees{/user}", "blobs_url": "/git/blobs{/sha}",
    "branches_url": "/branches{/branch}", "collaborators_url": "/collaborators{/collaborator}",
    "comments_url": "/comments{/number}", "commits_url": "/commits{/sha}", "compare_url": "/compare/{base}...{head}",
    "contents_url": "/contents/{+path}", "contributors_url": "/contributors", "deployments_url": "/deployments",
    "downloads_url": "/downloads", "events_url": "/events", "forks_url": "/forks",
    "git_commits_url": "/git/commits{/sha}", "git_refs_url": "/git/refs{/sha}", "git_tags_url": "/git/tags{/sha}",
    "hooks_url": "/hooks", "issue_comment_url": "/issues/comments{/number}",
    "issue_events_url": "/issues/events{/number}",
    "issues_url": "/issues{/number}", "keys_url": "/keys{/key_id}", "labels_url": "/labels{/name}",
    "languages_url": "/languages", "merges_url": "/merges", "milestones_url": "/milestones{/number}",
    "notifications_url": "/notifications{?since,all,participating}", "pulls_url": "/pulls{/number}",
    "releases_url": "/releases{/id}", "stargazers_url": "/stargazers", "statuses_url": "/statuses/{sha}",
    "subscribers_url": "/subscribers", "subscription_url": "/subscription", "tags_url": "/tags", "teams_url": "/teams",
    "trees_url": "/git/trees{/sha}",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class View:
    """From where the hub is seen: `base` is scheme, host and port, without a slash at the end."""

    hub: Hub
    base: str

    @property
    def api(self) -> str:
        """Base URL of the API."""
        return f"{self.base}/api/v3"

    def repo_api(self, repository: Repository) -> str:
        """API URL of a repository."""
        return f"{self.api}/repos/{repository.full_name}"

    def repo_html(self, repository: Repository) -> str:
        """Page of a repository."""
        return f"{self.base}/{repository.full_name}"


def when(seconds: float | None) -> str | None:
    """ISO 8601 in UTC with whole seconds, as GitHub writes times."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def node_id(kind: str, number: int | str) -> str:
    """An opaque id, unique per kind."""
    return base64.b64encode(f"0{len(kind)}:{kind}{number}".encode()).decode()


def user(view: View, account: Account | str) -> JSON:
    """GitHub's simple-user. A login that has no account (it wrote before) becomes the ghost."""
    found = view.hub.account(account) if isinstance(account, str) else account
    shown = found or Account(0, "ghost", "User", 0.0)
    url = f"{view.api}/users/{shown.login}"
    return {
        "login": shown.login,
        "id": shown.id,
        "node_id": node_id(shown.kind, shown.id),
        "avatar_url": f"{view.base}/avatars/{shown.login}.svg",
        "gravatar_id": "",
        "url": url,
        "html_url": f"{view.base}/{shown.login}",
        **{f"{_USER_NAMES.get(name, name)}_url": f"{url}/{name}" for name in _USER_LINKS},
        "type": shown.kind,
        "user_view_type": "public",
        "site_admin": False,
    }


def full_user(view: View, account: Account) -> JSON:
    """GitHub's public-user, with the fields that localhub knows."""
    made = when(account.created_at)
    empty = dict.fromkeys(("name", "company", "blog", "location", "email", "hireable", "bio"))
    counts = dict.fromkeys(("public_repos", "public_gists", "followers", "following"), 0)
    return {**user(view, account), **empty, **counts, "created_at": made, "updated_at": made}


def app(view: View, login: str) -> JSON:
    """The GitHub App behind a bot account."""
    account = view.hub.account(login)
    slug = login.removesuffix("[bot]")
    number = account.id if account else 0
    made = when(account.created_at if account else 0.0)
    return {
        "id": number,
        "slug": slug,
        "client_id": f"localhub-{number}",
        "node_id": node_id("Integration", number),
        "owner": user(view, login),
        "name": slug,
        "description": "",
        "external_url": view.base,
        "html_url": f"{view.base}/apps/{slug}",
        "created_at": made,
        "updated_at": made,
        "permissions": {"checks": "write", "contents": "read", "metadata": "read", "pull_requests": "write"},
        "events": ["check_run", "issue_comment", "pull_request", "push"],
    }


def permissions(view: View, repository: Repository, account: Account | None) -> dict[str, bool]:
    """What an account may do, as five booleans."""
    allows = view.hub.allows
    return {
        "admin": allows(repository, account, "admin"),
        "maintain": allows(repository, account, "admin"),
        "push": allows(repository, account, "write"),
        "triage": allows(repository, account, "triage"),
        "pull": True,
    }


def repository(view: View, repo: Repository, account: Account | None = None) -> JSON:
    """GitHub's full repository; with `account`, its permissions."""
    url, page = view.repo_api(repo), view.repo_html(repo)
    query = "SELECT count(*) FROM pulls WHERE repository_id = ? AND state = 'open'"
    open_count = int(view.hub.db.value(query, repo.id) or 0)
    shape: JSON = {
        "id": repo.id,
        "node_id": node_id("Repository", repo.id),
        "name": repo.name,
        "full_name": repo.full_name,
        "owner": user(view, repo.owner),
        "private": False,
        "visibility": "public",
        "html_url": page,
        "description": repo.description or None,
        "fork": False,
        "url": url,
        **{name: url + suffix for name, suffix in _REPOSITORY_LINKS.items()},
        "clone_url": f"{page}.git",
        "git_url": f"{page}.git",
        "ssh_url": f"{page}.git",
        "svn_url": page,
        "mirror_url": None,
        "homepage": None,
        "language": None,
        "license": None,
        "topics": [],
        "size": 0,
        "default_branch": repo.default_branch,
        "open_issues": open_count,
        "open_issues_count": open_count,
        **dict.fromkeys(("forks", "forks_count", "watchers", "watchers_count", "stargazers_count"), 0),
        **dict.fromkeys(("network_count", "subscribers_count"), 0),
        **dict.fromkeys(("has_issues", "allow_merge_commit", "allow_squash_merge", "allow_forking"), True),
        **dict.fromkeys(("has_projects", "has_wiki", "has_pages", "has_downloads", "has_discussions"), False),
        **dict.fromkeys(("archived", "disabled", "is_template", "web_commit_signoff_required"), False),
        **dict.fromkeys(("allow_rebase_merge", "allow_auto_merge", "delete_branch_on_merge"), False),
        "created_at": when(repo.created_at),
        "updated_at": when(repo.pushed_at),
        "pushed_at": when(repo.pushed_at),
    }
    if account is not None:
        shape["permissions"] = permissions(view, repo, account)
    return shape
