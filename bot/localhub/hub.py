"""The state of a localhub: accounts, tokens, permissions, repositories and hooks, in one folder."""

from __future__ import annotations

import re
import secrets
import shutil
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bot.localhub import githooks, installations
from bot.localhub.db import Database, Value
from bot.localhub.deliveries import Deliveries
from bot.localhub.errors import HubError, invalid, not_found
from bot.localhub.facts import Facts
from bot.localhub.faults import Faults
from bot.localhub.git import Git, Person
from bot.localhub.installations import digest
from bot.localhub.models import EVENTS, LEVELS, Account, App, Hook, Installation, Level, Repository
from bot.localhub.rate_limits import RateLimits

if TYPE_CHECKING:
    from bot.localhub.apps import Registration

_LOGIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})(?:\[bot\])?\Z")
_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}\Z")
_RESERVED = {"api", "static", "avatars", "session", "apps", "settings", "organizations"}
_READERS = 32  # repositories with a git process that reads their objects
HOOK_URL = re.compile(r"https?://[^\s/?#]+")


class Hub:
    """Everything a localhub knows, below `state_dir`; safe to use from many threads of one process.

    `clock` gives seconds since 1970. A `commit_date` (seconds, too) dates the commits that localhub writes instead of
    the clock, so that the same actions make the same commits in every run.
    """

    def __init__(
        self, state_dir: Path, *, clock: Callable[[], float] = time.time, commit_date: float | None = None
    ) -> None:
        self.state_dir = state_dir.resolve()
        self.clock = clock
        self.commit_date = commit_date
        self.base_url = "http://127.0.0.1"  # serve() puts the real one here; webhook payloads carry it
        (state_dir / "repositories").mkdir(parents=True, exist_ok=True)
        self.db = Database(state_dir / "localhub.db")
        self.faults = Faults()
        self.rate_limits = RateLimits()
        self.deliveries = Deliveries(self.db, clock, self.faults)
        githooks.install(self.hooks_path)
        self._facts = Facts()
        self._gits: OrderedDict[Path, Git] = OrderedDict()  # the least recently used first
        self._gits_lock = threading.Lock()
        self.db.run("INSERT OR IGNORE INTO meta VALUES ('secret', ?)", secrets.token_hex(32))

    @property
    def hooks_path(self) -> Path:
        """git's hooks of all repositories."""
        return self.state_dir / "githooks"

    @property
    def secret(self) -> bytes:
        """Signs the cookies of the pages."""
        return str(self.db.value("SELECT value FROM meta WHERE key = 'secret'")).encode()

    def close(self) -> None:
        """Stop deliveries and close the database."""
        self.deliveries.stop()
        with self._gits_lock:
            for git in self._gits.values():
                git.close()
            self._gits.clear()
        self.db.close()

    # --- accounts -------------------------------------------------------------------------------------------------

    def add_user(self, login: str, *, bot: bool = False) -> str:
        """Make an account unless it exists; returns a new token for it. Bots may write check runs, as Apps do."""
        if not _LOGIN.match(login) or login.lower() in _RESERVED:
            raise invalid("User", "login", f"{login!r} is no login")
        kind = "Bot" if bot else "User"
        token = secrets.token_hex(20)
        with self.db.transaction():
            known = self.account(login)
            if known is not None and known.kind != kind:
                raise invalid("User", "login", f"{login} is a {known.kind} already")
            if known is None:
                self.db.insert("accounts", login=login, kind=kind, created_at=self.clock())
            self.db.insert("tokens", sha256=digest(token), login=known.login if known else login)
        return token

    def account(self, login: str) -> Account | None:
        """The account with this login, whatever its case."""
        return self.db.row(Account, "SELECT * FROM accounts WHERE login = ?", login)

    def accounts(self) -> list[Account]:
        """All accounts, oldest first."""
        return self.db.rows(Account, "SELECT * FROM accounts ORDER BY id")

    def account_of_token(self, token: str) -> Account | None:
        """Whose token this is; None for a wrong one. A token of an installation is its App's."""
        allowed = installations.grant(self.db, token, self.clock())
        if allowed is not None:
            row = installations.installation(self.db, allowed.installation_id)
            app = installations.app(self.db, row.app_id) if row else None
            return self.account(app.login) if app else None
        query = "SELECT accounts.* FROM accounts JOIN tokens USING (login) WHERE sha256 = ?"
        return self.db.row(Account, query, digest(token))

    def person(self, login: str) -> Person:
        """Author of the commits that localhub writes for `login`."""
        when = self.clock() if self.commit_date is None else self.commit_date
        return Person(login, f"{login}@users.noreply.localhub", when)

    # --- repositories ---------------------------------------------------------------------------------------------

    def create_repository(
        self, owner: str, name: str, *, template: Path | None = None, description: str = "", branch: str = "main"
    ) -> Path:
        """Make `owner/name`; with `template`, the folder's content is its first commit. Returns the bare repository.

        An owner without an account becomes an organization; an account that owns the repository is its admin.
        """
        if not _LOGIN.match(owner) or not _NAME.match(name) or name.endswith(".git") or name.strip(".") == "":
            raise invalid("Repository", "name", f"{owner}/{name} is no name of a repository")
        if owner.lower() in _RESERVED:
            raise invalid("Repository", "owner", f"{owner} is reserved")
        if self.find_repository(owner, name) is not None:
            raise invalid("Repository", "name", f"{owner}/{name} exists already")
        now = self.clock()
        path = self._path(owner, name)
        shutil.rmtree(path, ignore_errors=True)  # left by a run that was killed before the row below existed
        git = Git(path)
        git.create(branch)
        if template is not None:
            git.update_ref(f"refs/heads/{branch}", git.import_folder(template, self.person(owner), "First commit"))
        with self.db.transaction():
            account = self.account(owner)
            if account is None:
                self.db.insert("accounts", login=owner, kind="Organization", created_at=now)
            columns = {"owner": owner, "name": name, "default_branch": branch, "description": description}
            repository = self.db.insert("repositories", **columns, created_at=now, pushed_at=now)
            for ref, sha in git.refs().items():
                self.db.insert("refs", repository_id=repository, name=ref, sha=sha)
        return path

    def find_repository(self, owner: str, name: str) -> Repository | None:
        """The repository, or None."""
        return self.db.row(Repository, "SELECT * FROM repositories WHERE owner = ? AND name = ?", owner, name)

    def repository(self, full_name: str) -> Repository:
        """The repository `owner/name`; raises `HubError` 404."""
        owner, _, name = full_name.partition("/")
        found = self.find_repository(owner, name)
        if found is None:
            raise not_found()
        return found

    def repository_by_id(self, repository_id: int) -> Repository:
        """The repository of another row; raises `HubError` 404."""
        found = self.db.row(Repository, "SELECT * FROM repositories WHERE id = ?", repository_id)
        if found is None:
            raise not_found()
        return found

    def repositories(self) -> list[Repository]:
        """All repositories by name."""
        return self.db.rows(Repository, "SELECT * FROM repositories ORDER BY owner, name")

    def git(self, repository: Repository) -> Git:
        """Plumbing for a repository."""
        path = self._path(repository.owner, repository.name)
        with self._gits_lock:
            found = self._gits.pop(path, None) or Git(path, self._facts)
            self._gits[path] = found
            if len(self._gits) > _READERS:
                self._gits.popitem(last=False)[1].close()
        return found

    def _path(self, owner: str, name: str) -> Path:
        return self.state_dir / "repositories" / owner.lower() / f"{name.lower()}.git"

    # --- permissions ----------------------------------------------------------------------------------------------

    def set_permission(self, full_name: str, login: str, level: Level) -> None:
        """Give `login` a level on a repository; "none" takes it away."""
        account = self.account(login)
        if account is None or level not in LEVELS:
            raise invalid("Collaborator", "login", f"no account {login!r} or no level {level!r}")
        repository = self.repository(full_name)
        query = "INSERT OR REPLACE INTO permissions VALUES (?, ?, ?)"
        self.db.run(query, repository.id, account.login, level)

    def level(self, repository: Repository, account: Account | None) -> Level:
        """What an account may do. All repositories are public, so everyone reads.

        An App writes where it is installed; what a token of it may do in detail, `app_access` says.
        """
        if account is None:
            return "read"
        if account.login.lower() == repository.owner.lower():
            return "admin"
        query = "SELECT level FROM permissions WHERE repository_id = ? AND login = ?"
        found = self.db.value(query, repository.id, account.login)
        if found is None and (app := installations.app_of_login(self.db, account.login)):
            return "write" if installations.installed_on(self.db, app, repository) else "read"
        return next((level for level in LEVELS[2:] if level == found), "read")

    def allows(self, repository: Repository, account: Account | None, level: Level) -> bool:
        """Whether the account has at least `level`."""
        return LEVELS.index(self.level(repository, account)) >= LEVELS.index(level)

    # --- Apps -----------------------------------------------------------------------------------------------------

    def add_app(
        self, slug: str, owner: str, *, permissions: Mapping[str, str], events: Sequence[str] = (), name: str = "",
        description: str = "", url: str = "", hook_url: str = "", hook_secret: str = "",
    ) -> Registration:  # fmt: skip
        """Register an App of `owner` that acts as `slug[bot]`, and return it with its secrets."""
        from bot.localhub import apps  # apps needs the hub

        return apps.register(
            self, slug, owner, permissions=permissions, events=events, name=name, description=description, url=url,
            hook_url=hook_url, hook_secret=hook_secret,
        )  # fmt: skip

    def install_app(self, app: App, target: str) -> Installation:
        """Install an App on a repository `owner/name`, or on all repositories of `owner`."""
        from bot.localhub import apps  # apps needs the hub

        return apps.install(self, app, target, target.partition("/")[0])

    # --- hooks ----------------------------------------------------------------------------------------------------

    def add_hook(self, full_name: str, url: str, secret: str, events: Sequence[str]) -> Hook:
        """Send `events` ("*" for all) of a repository to `url`, signed with `secret`. A ping goes out first."""
        from bot.localhub.payloads import ping  # payloads read the hub

        repository = self.repository(full_name)
        unknown = set(events) - {*EVENTS, "*"}
        if not HOOK_URL.match(url):
            raise invalid("Hook", "url", f"{url!r} is no http(s) address")
        if unknown or not events:
            raise HubError(422, f"Validation Failed: unknown events {sorted(unknown)}; known: {', '.join(EVENTS)}, *")
        with self.db.transaction():
            columns: dict[str, Value] = {
                "repository_id": repository.id,
                "url": url,
                "secret": secret,
                "events": ",".join(events),
            }
            hook_id = self.db.insert("hooks", **columns, created_at=self.clock())
            hook = self.hook(repository, hook_id)
            ping(self, repository, hook)
        return hook

    def hook(self, repository: Repository, hook_id: int) -> Hook:
        """One hook of a repository; raises `HubError` 404."""
        query = "SELECT * FROM hooks WHERE repository_id = ? AND id = ?"
        found = self.db.row(Hook, query, repository.id, hook_id)
        if found is None:
            raise not_found()
        return found

    def hooks(self, repository: Repository) -> list[Hook]:
        """All hooks of a repository, oldest first."""
        return self.db.rows(Hook, "SELECT * FROM hooks WHERE repository_id = ? ORDER BY id", repository.id)
