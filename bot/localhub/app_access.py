"""What an installation token may change: one table of paths and the permissions that GitHub asks for there."""

from __future__ import annotations

import json
import re

from bot.localhub import installations
from bot.localhub.errors import HubError
from bot.localhub.hub import Hub
from bot.localhub.models import Grant, Repository

# The path below `/repos/{owner}/{repo}` → permissions of which one must be "write". The first pattern that matches
# counts; what none matches, no App may do. Reading needs no permission: every repository of a localhub is public.
WRITES: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"check-(runs|suites)(/.*)?", ("checks",)),
    (r"statuses/.*", ("statuses",)),
    (r"pulls/\d+/merge", ("contents",)),
    (r"pulls(/.*)?", ("pull_requests",)),
    (r"(issues|labels)(/.*)?", ("issues", "pull_requests")),
    (r"(git|contents)(/.*)?", ("contents",)),
    (r"hooks(/.*)?", ("repository_hooks",)),
    (r"forks", ("administration",)),
)
GRAPHQL = ("issues", "pull_requests")  # the mutations that localhub knows fold comments
_TABLE = tuple((re.compile(pattern + r"\Z"), needs) for pattern, needs in WRITES)
_OF_PEOPLE = re.compile(r"/user(/.*)?\Z")  # what asks who one is
_OF_REPOSITORY = re.compile(r"/repos/([^/]+/[^/]+)(?:/(.*))?\Z")


def forbidden() -> HubError:
    """GitHub's refusal of an App that lacks a permission or a repository."""
    return HubError(403, "Resource not accessible by integration")


def check(hub: Hub, token: str, method: str, path: str) -> None:
    """Raise 403 unless an installation's token may do this; `path` is the API's, from `/repos` on."""
    allowed = installations.grant(hub.db, token, hub.clock())
    if allowed is None:
        raise HubError(401, "Bad credentials")
    if _OF_PEOPLE.match(path):
        raise forbidden()
    if method in ("GET", "HEAD") or path.startswith("/installation/"):
        return
    if path == "/graphql":
        _need(allowed, GRAPHQL)
        return
    found = _OF_REPOSITORY.match(path)
    needs = needed(found[2] or "") if found else ()
    if found is None or not needs:
        raise forbidden()
    _need(allowed, needs)
    if not reaches(hub, allowed, hub.repository(found[1])):
        raise forbidden()


def needed(path: str) -> tuple[str, ...]:
    """The permissions of which a write below a repository needs one; none where no App may write."""
    return next((needs for pattern, needs in _TABLE if pattern.match(path)), ())


def check_push(hub: Hub, token: str, repository: Repository) -> None:
    """Raise 403 where `token` is an installation's that may not push here. Other tokens are not judged."""
    allowed = installations.grant(hub.db, token, hub.clock())
    if allowed is None:
        return
    _need(allowed, ("contents",))
    if not reaches(hub, allowed, repository):
        raise forbidden()


def reaches(hub: Hub, allowed: Grant, repository: Repository) -> bool:
    """Whether the repository is one of the token's, or a fork with a pull request to one that maintainers may edit."""
    mine = {row.id for row in installations.granted_repositories(hub.db, allowed)}
    if repository.id in mine:
        return True
    query = (
        "SELECT DISTINCT CAST(repository_id AS TEXT), '' FROM pulls "
        "WHERE head_repository_id = ? AND state = 'open' AND maintainer_can_modify = 1"
    )
    return any(int(base) in mine for base in hub.db.pairs(query, repository.id))


def _need(allowed: Grant, needs: tuple[str, ...]) -> None:
    granted = json.loads(allowed.permissions)
    if not any(granted.get(name) == "write" for name in needs):
        raise forbidden()
