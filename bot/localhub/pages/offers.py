"""Branches that a pull request could be opened from: those of the repository, and those of one's own fork."""

from __future__ import annotations

from dataclasses import dataclass

from bot.localhub import forks, pulls
from bot.localhub.api.context import Context
from bot.localhub.models import Repository

_LOOKED_AT = 20  # the newest branches
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Offer:
    """`head` as the form takes it: `branch`, or `owner:branch` of a fork; `base`: the repository to open it in."""

    base: str
    head: str


def offers(where: Context) -> list[Offer]:
    """For who looks at the page, the newest first; none for nobody."""
    if where.account is None:
        return []
    repository, hub = where.repository, where.hub
    found = _branches(where, repository, repository)
    mine = forks.owned_by(hub, repository, where.account.login)
    if mine is not None and mine.id != repository.id and mine.parent_id == repository.id:
        found += _branches(where, mine, repository)
    if repository.parent_id is not None and mine is not None and mine.id == repository.id:
        found += _branches(where, repository, hub.repository_by_id(repository.parent_id))
    return found


def _branches(where: Context, head: Repository, base: Repository) -> list[Offer]:
    store, git = where.hub.git(head), where.hub.git(base)
    main = git.ref(f"refs/heads/{base.default_branch}")
    if main is None:
        return []
    same = head.id == base.id
    candidates = store.unmerged(main, _LOOKED_AT) if store.kind(main) else list(store.refs())[:_LOOKED_AT]
    found = []
    for name in (candidate.removeprefix("refs/heads/") for candidate in candidates):
        open_here = any(pull.repository_id == base.id for pull in pulls.with_head(where.hub, head, name))
        tip = store.ref(f"refs/heads/{name}")
        if open_here or tip is None or (same and (name == base.default_branch or git.merge_base(main, tip) is None)):
            continue
        if not same and store.kind(main) is None and git.kind(tip) and git.is_ancestor(tip, main):
            continue
        found.append(Offer(base.full_name, name if same else f"{head.owner}:{name}"))
    return found[:_SHOWN]
