"""What all of the adapter's parts stand on: the repository, our account, the ways to ask."""

from __future__ import annotations

import time
from collections.abc import Callable
from urllib.parse import urlsplit, urlunsplit

from bot.forge.github.client import GITHUB, PAUSE_S, Client
from bot.forge.github.credentials import AppCredentials, AppKey, Installation, PlainToken


class Account:
    """One repository on GitHub and the account that we are there.

    `credentials`: an App, or a token of an account. `login`: the token's account, asked for where not given. `git_url`:
    where git fetches, if not what the repository says of itself. `hook_url`: where the repository's webhook that is
    ours goes to, so that a plain token finds its log of deliveries. `pause_s`: seconds between writes; 0 suits a server
    on this machine.
    """

    def __init__(
        self,
        repository: str,
        credentials: str | AppCredentials,
        *,
        api_url: str = GITHUB,
        login: str | None = None,
        git_url: str | None = None,
        hook_url: str | None = None,
        pause_s: float = PAUSE_S,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._repository = repository
        self._login = login
        self._git_url = git_url
        self._hook_url = hook_url
        api_url = api_url.rstrip("/")
        self._app: Client | None = None
        self._signed: PlainToken | Installation
        if isinstance(credentials, AppCredentials):
            self._login = None  # the App knows its own name
            self._app = Client(api_url, repository, AppKey(credentials), pause_s=0, sleep=sleep)
            self._signed = Installation(self._app, repository, credentials.installation)
        else:
            self._signed = PlainToken(credentials)
        self._client = Client(api_url, repository, self._signed, pause_s=pause_s, sleep=sleep)

    @property
    def repository(self) -> str:
        """`owner/name`."""
        return self._repository

    @property
    def clone_url(self) -> str:
        """Where git fetches from and pushes to; any user name or password in it is dropped."""
        if self._git_url is None:
            self._git_url = str(self._client.get("", "the repository")["clone_url"])
        parts = urlsplit(self._git_url)
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))

    @property
    def login(self) -> str:
        """The account that we write as: the token's, or the App's, `slug[bot]`."""
        if self._login is None:
            if self._app is None:
                self._login = str(self._client.get("/user", "the account behind the token")["login"])
            else:
                self._login = f"{self._app.get('/app', 'the App')['slug']}[bot]"
        return self._login

    @property
    def installation(self) -> int:
        """Of the App, for this repository; 0 for a token. Raises `ForgeError` where the App is not installed."""
        return self._signed.id if isinstance(self._signed, Installation) else 0

    def git_token(self) -> str | None:
        """A token for git over HTTPS, good for some minutes at least."""
        return self._signed.auth.token

    def _is_ours(self, login: str) -> bool:
        return login.casefold() == self.login.casefold()
