"""Who a pull request is assigned to."""

from __future__ import annotations

from collections.abc import Sequence

from bot.localhub import conversation, payloads
from bot.localhub.hub import Hub
from bot.localhub.models import Account, Pull, Repository
from bot.localhub.queries import assignees_of

MAX_ASSIGNEES = 10


def assignable(hub: Hub, repository: Repository) -> list[Account]:
    """People who may be assigned: those with more than read permission."""
    return [account for account in hub.accounts() if can_be_assigned(hub, repository, account)]


def can_be_assigned(hub: Hub, repository: Repository, account: Account | None, pull: Pull | None = None) -> bool:
    """Whether an account may be assigned; to a pull request also its author and who commented on it."""
    if account is None or account.kind != "User":
        return False
    if hub.allows(repository, account, "triage"):
        return True
    if pull is None:
        return False
    query = "SELECT 1 FROM comments WHERE pull_id = ? AND author = ? COLLATE NOCASE"
    return account.login == pull.author or hub.db.value(query, pull.id, account.login) is not None


def add(hub: Hub, repository: Repository, pull: Pull, logins: Sequence[str], actor: Account) -> None:
    """Assign accounts; those who cannot be are left out without a word, as on GitHub. Emits `assigned`."""
    with hub.db.transaction():
        for login in logins:
            account, present = hub.account(login), assignees_of(hub, pull)
            if account is None or not can_be_assigned(hub, repository, account, pull):
                continue
            if account.login in present or len(present) >= MAX_ASSIGNEES:
                continue
            hub.db.insert("assignees", pull_id=pull.id, login=account.login)
            _tell(hub, repository, pull, "assigned", actor, account.login)


def remove(hub: Hub, repository: Repository, pull: Pull, logins: Sequence[str], actor: Account) -> None:
    """Take assignments back; emits `unassigned`."""
    wanted = {login.lower() for login in logins}
    with hub.db.transaction():
        for login in assignees_of(hub, pull):
            if login.lower() in wanted:
                hub.db.run("DELETE FROM assignees WHERE pull_id = ? AND login = ?", pull.id, login)
                _tell(hub, repository, pull, "unassigned", actor, login)


def _tell(hub: Hub, repository: Repository, pull: Pull, action: str, actor: Account, login: str) -> None:
    hub.db.update("pulls", pull.id, updated_at=hub.clock())
    conversation.note(hub, pull.id, actor.login, action, login)
    payloads.assigned(hub, repository, pull, action, actor.login, login)
