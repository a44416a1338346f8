"""Accounts and repositories as GitHub's API shows them."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from bot.localhub import installations
from bot.localhub.hub import Hub
from bot.localhub.models import Account, App, Repository

JSON = dict[str, Any]
_MADE_UP = '{"checks": "write", "contents": "read", "metadata": "read", "pull_requests": "write"}'
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
    """From where the hub is seen: `base` is scheme, host and port, without a slash at the end.

    A view lives as long as one answer. It keeps the shapes of accounts and repositories, which lists show many times.
    """

    hub: Hub
    base: str
    _shapes: dict[Hashable, JSON] = field(default_factory=dict, compare=False, repr=False)

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

    def once(self, key: Hashable, make: Callable[[], JSON]) -> JSON:
        """The shape with this key, made where it is not known yet. Callers do not change it."""
        if key not in self._shapes:
            self._shapes[key] = make()
        return self._shapes[key]


def when(seconds: float | None) -> str | None:
    """ISO 8601 in UTC with whole seconds, as GitHub writes times."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def node_id(kind: str, number: int | str) -> str:
    """An opaque id, unique per kind."""
    return base64.b64encode(f"0{len(kind)}:{kind}{number}".encode()).decode()


def number_of(kind: str, node: str) -> int | None:
    """The number in the `node_id` of this kind; None for another kind, and for what is none."""
    try:
        text = base64.b64decode(node, validate=True).decode()
    except ValueError:
        return None
    number = text.removeprefix(f"0{len(kind)}:{kind}")
    return int(number) if number != text and number.isascii() and number.isdigit() else None


def user(view: View, account: Account | str) -> JSON:
    """GitHub's simple-user. A login that has no account (it wrote before) becomes the ghost."""
    login = account if isinstance(account, str) else account.login
    return view.once(("user", login), lambda: _user(view, account))


def _user(view: View, account: Account | str) -> JSON:
    found = view.hub.account(account) if isinstance(account, str) else account
    shown = found or Account(0, "ghost", "User", 0.0)
    name = quote(shown.login)  # brackets of "[bot]" are none of a URL's letters
    url = f"{view.api}/users/{name}"
    return {
        "login": shown.login,
        "id": shown.id,
        "node_id": node_id(shown.kind, shown.id),
        "avatar_url": f"{view.base}/avatars/{name}.svg",
        "gravatar_id": "",
        "url": url,
        "html_url": f"{view.base}/{name}",
        **{f"{_USER_NAMES.get(link, link)}_url": f"{url}/{link}" for link in _USER_LINKS},
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
    """The GitHub App behind a bot account, or one made up for a bot that is an account only."""
    known = installations.app_of_login(view.hub.db, login) or _made_up(view, login)
    made = when(known.created_at)
    return {
        "id": known.id,
        "slug": known.slug,
        "client_id": known.client_id,
        "node_id": node_id("Integration", known.id),
        "owner": user(view, known.owner),
        "name": known.name,
        "description": known.description,
        "external_url": known.url or view.base,
        "html_url": f"{view.base}/apps/{known.slug}",
        "created_at": made,
        "updated_at": made,
        "permissions": json.loads(known.permissions),
        "events": known.events.split(",") if known.events else [],
    }


def _made_up(view: View, login: str) -> App:
    account = view.hub.account(login) or Account(0, login, "Bot", 0.0)
    slug, client = login.removesuffix("[bot]"), f"localhub-{account.id}"
    events = "check_run,issue_comment,pull_request,push"
    return App(account.id, slug, slug, login, "", "", client, "", _MADE_UP, events, account.created_at)


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


def full_repository(view: View, repo: Repository, account: Account | None = None) -> JSON:
    """GitHub's full repository: a fork with what it comes from."""
    shape = {**repository(view, repo, account)}
    for name, other in (("parent", repo.parent_id), ("source", repo.source_id)):
        if other is not None:
            shape[name] = repository(view, view.hub.repository_by_id(other), account)
    return shape


def repository(view: View, repo: Repository, account: Account | None = None) -> JSON:
    """GitHub's repository; with `account`, its permissions."""
    login = account.login if account else None
    return view.once(("repository", repo.id, login), lambda: _repository(view, repo, account))


def _repository(view: View, repo: Repository, account: Account | None) -> JSON:
    url, page = view.repo_api(repo), view.repo_html(repo)
    query = "SELECT count(*) FROM pulls WHERE repository_id = ? AND state = 'open'"
    open_count = int(view.hub.db.value(query, repo.id) or 0)
    forks = int(view.hub.db.value("SELECT count(*) FROM repositories WHERE parent_id = ?", repo.id) or 0)
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
        "fork": repo.parent_id is not None,
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
        **dict.fromkeys(("forks", "forks_count", "network_count"), forks),
        **dict.fromkeys(("watchers", "watchers_count", "stargazers_count", "subscribers_count"), 0),
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
