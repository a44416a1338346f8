"""Who may push which branch: writers everything, others the stand-in for a fork, maintainers what authors let them."""

from __future__ import annotations

from dataclasses import dataclass

from bot.localhub.errors import HubError
from bot.localhub.hub import Hub
from bot.localhub.models import Account, Pull, Repository


@dataclass(frozen=True, slots=True)
class Pushes:
    """What an account may push to a repository.

    `free`: everything. `prefix`: branches that begin so. `refs`: these heads of pull requests.
    """

    free: bool
    prefix: str = ""
    refs: tuple[str, ...] = ()

    def variables(self) -> dict[str, str]:
        """The environment that tells it to git's `pre-receive`."""
        return {
            "LOCALHUB_FREE": "1" if self.free else "",
            "LOCALHUB_PREFIX": self.prefix,
            "LOCALHUB_REFS": " ".join(self.refs),
        }


def pushes(hub: Hub, repository: Repository, account: Account) -> Pushes:
    """Who has no write permission pushes, outside forks, below its own login: the stand-in for a fork."""
    if hub.allows(repository, account, "write"):
        return Pushes(free=True)
    prefix = f"{account.login}/" if repository.parent_id is None else ""
    return Pushes(free=False, prefix=prefix, refs=_lent(hub, repository, account))


def _lent(hub: Hub, repository: Repository, account: Account) -> tuple[str, ...]:
    """Heads of open pull requests whose authors let maintainers push, as far as the account maintains their base."""
    query = (
        "SELECT * FROM pulls WHERE head_repository_id = ? AND state = 'open' AND maintainer_can_modify = 1 "
        "AND repository_id != head_repository_id"
    )
    lent = hub.db.rows(Pull, query, repository.id)
    allowed = {
        base: hub.allows(hub.repository_by_id(base), account, "write") for base in {pull.repository_id for pull in lent}
    }
    return tuple(f"refs/heads/{pull.head_ref}" for pull in lent if allowed[pull.repository_id])


def may_write(hub: Hub, repository: Repository, account: Account, ref: str | None = None) -> bool:
    """Whether the API lets an account write `ref` (`refs/heads/…`), or without one, objects for later refs."""
    allowed = pushes(hub, repository, account)
    if allowed.free or ref is None:
        return allowed.free or bool(allowed.refs)
    return ref in allowed.refs or (bool(allowed.prefix) and ref.startswith(f"refs/heads/{allowed.prefix}"))


def needs_write(hub: Hub, repository: Repository, account: Account, ref: str | None = None) -> None:
    """Raise 403 unless `may_write`."""
    if not may_write(hub, repository, account, ref):
        what = f"to {ref} of " if ref else "to "
        raise HubError(403, f"Must have push access {what}{repository.full_name}.")
