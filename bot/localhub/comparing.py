"""The two ends of a comparison: `branch`, or `owner:branch` of a fork."""

from __future__ import annotations

from bot.localhub import forks
from bot.localhub.errors import not_found
from bot.localhub.hub import Hub
from bot.localhub.models import Repository


def head_of(hub: Hub, repository: Repository, name: str) -> str:
    """The commit that `name` means, with its objects in `repository`; raises 404."""
    where, branch = forks.head_repository(hub, repository, name)
    sha = hub.git(where).resolve(branch) if where else None
    if where is None or sha is None:
        raise not_found()
    hub.git(repository).take(hub.git(where), sha)
    return sha
