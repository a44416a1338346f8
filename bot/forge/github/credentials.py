"""Who we are to GitHub: an App, which gets short-lived tokens for one repository, or an account with a token."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from github import Auth

from bot.forge.github.answers import seconds
from bot.forge.github.client import Client
from bot.forge.port import ForgeError, NotFound

PERMISSIONS: Final = {
    "metadata": "read",
    "contents": "write",  # `/fix` commits, and the ledger's branch
    "pull_requests": "write",
    "issues": "write",
    "checks": "write",
    "statuses": "write",
}
REFRESH_S: Final = 300.0
"""A token is replaced so long before it expires: git may still be at work with it. GitHub's live for an hour."""


@dataclass(frozen=True, slots=True)
class AppCredentials:
    """A GitHub App. `app_id`: its id or client id; `private_key`: PEM; `installation`: 0 is looked up."""

    app_id: str
    private_key: str = field(repr=False)
    installation: int = 0


class KeyUnfit(ForgeError):
    """The App's private key cannot sign: it is no PEM, or of another kind."""


class PlainToken:
    """A token of an account: there is no other, should the server refuse it."""

    def __init__(self, token: str) -> None:
        self.auth = Auth.Token(token)

    def refused(self) -> bool:
        """See `Credentials`."""
        return False


class AppKey:
    """The App itself, by a JSON Web Token for each request. Raises `KeyUnfit`."""

    def __init__(self, app: AppCredentials) -> None:
        try:
            self.auth = Auth.AppAuth(app.app_id, app.private_key)
            self.auth.create_jwt()
        except Exception as error:  # each library below has errors of its own
            raise KeyUnfit(f"The private key of the App {app.app_id} cannot sign: {error}") from error

    def refused(self) -> bool:
        """See `Credentials`."""
        return False


class Installation:
    """The App where it is installed: one token for all threads, for this repository alone, renewed in time."""

    def __init__(
        self, app: Client, repository: str, installation: int, *, clock: Callable[[], float] = time.time
    ) -> None:
        self.auth = _Live(lambda: self.token)
        self._app = app
        self._repository = repository
        self._id = installation
        self._clock = clock
        self._token = ""
        self._expires = 0.0
        self._lock = threading.Lock()

    @property
    def id(self) -> int:
        """Of the installation. Raises `ForgeError` where the App is not installed."""
        if not self._id:
            try:
                found = self._app.get("installation", "the App's installation")
            except NotFound as error:
                raise ForgeError(f"{error}. Install the App on {self._repository}, on the App's page.") from error
            self._id = int(found["id"])
        return self._id

    @property
    def token(self) -> str:
        """One that lasts for some minutes at least."""
        with self._lock:
            if self._clock() > self._expires - REFRESH_S:
                self._renew()
            return self._token

    def refused(self) -> bool:
        """The token was revoked, or our clock is wrong: the next is a new one."""
        with self._lock:
            self._expires = 0.0
        return True

    def _renew(self) -> None:
        # PyGithub asks for permissions alone: its token would open every repository of the installation.
        narrow = {"repositories": [self._repository.partition("/")[2]], "permissions": PERMISSIONS}
        made = self._app.write(
            "POST", f"/app/installations/{self.id}/access_tokens", "a token of the App's installation", narrow
        )
        self._token, self._expires = made["token"], seconds(made["expires_at"])


class _Live(Auth.Auth):
    """The token of the moment, for PyGithub."""

    def __init__(self, token: Callable[[], str]) -> None:
        self._current = token

    @property
    def token_type(self) -> str:
        return "token"

    @property
    def token(self) -> str:
        return self._current()
