"""One way to ask GitHub, so that every request keeps the same rules, whatever it is about.

Reads run side by side and are repeated over a short outage; those that repeat are conditional. Writes go one at a time
with the pause that GitHub asks for, and are never repeated where they may have been made. A rate limit is reported at
once, and nobody asks again before it is over. PyGithub does the HTTP, a client for each thread: it is not thread-safe.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, Protocol, TypeVar
from urllib.parse import urlencode

import requests
from github import Auth, Github
from github.Requester import Requester

from bot.forge.github.answers import Unsettled, graphql_refusal, refusal
from bot.forge.github.pages import Page, Pages
from bot.forge.port import ForgeError, NotFound, RateLimited, Unreachable

T = TypeVar("T")

GITHUB: Final = "https://api.github.com"
TIMEOUT_S: Final = 30
PAUSE_S: Final = 1.0
"""Between writes: https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api"""
OUTAGE_S: Final = (0.2, 0.4, 0.8)
"""Pauses before a read is repeated."""
FRESH_S: Final = (0.25, 0.5, 1.0)
"""Pauses before what was just made elsewhere is asked for again: GitHub may not find it at first."""
UNSETTLED_S: Final = 0.5
LOCKS: Final = 64
PER_PAGE: Final = 100
"""Items of a page; GitHub gives no more."""

_NEXT = re.compile(r'<([^>]+)>;\s*rel="next"')


class Credentials(Protocol):
    """What requests are signed with."""

    @property
    def auth(self) -> Auth.Auth:
        """For PyGithub, which asks it for a token at each request."""
        ...

    def refused(self) -> bool:
        """The server took our token for a wrong one (401). Whether there is now another to try."""
        ...


class Client:
    """Requests to the API at `url`. Paths that do not begin with a slash are of the `repository`.

    `pause_s`: seconds between writes. `sleep` can be replaced, so that tests need not wait.
    """

    def __init__(
        self,
        url: str,
        repository: str,
        credentials: Credentials,
        *,
        pause_s: float = PAUSE_S,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.url = url
        self.sleep = sleep
        self._repository = repository
        self._credentials = credentials
        self._pause_s = pause_s
        self._threads = threading.local()
        self._pages = Pages()
        self._writing = threading.Lock()
        self._next_write = 0.0
        self._limited_until = 0.0
        self._locks = [threading.RLock() for _ in range(LOCKS)]

    def get(self, path: str, what: str, *, fresh: bool = False, **parameters: str | int) -> Any:
        """JSON at a path. Raises what the port names; `what` says in its message what was asked for.

        `fresh`: it may have been made a moment ago, so that GitHub does not find it at first.
        """
        return json.loads(self._page(path, what, parameters, fresh=fresh).text)

    def listed(
        self, path: str, what: str, *, key: str = "", fresh: bool = False, **parameters: str | int
    ) -> Iterator[Any]:
        """Items of a list over all its pages, asked for as they are needed; `key`: where the list is in an object."""
        page = self._page(path, what, {"per_page": PER_PAGE, **parameters}, fresh=fresh)
        while True:
            data = json.loads(page.text)
            items = data[key] if key else data
            if not page.next and len(items) >= PER_PAGE:
                self._pages.drop(page.address)  # one more item changes nothing here, and this would stay the last
            yield from items
            if not page.next:
                return
            page = self._page(page.next, what, {})

    def write(self, verb: str, path: str, what: str, body: object = None, *, fresh: bool = False) -> Any:
        """Send JSON and give the answer's. Raises `Unsettled` where it is open whether it was done."""
        return self._again(lambda: self._write(verb, path, what, body), NotFound, FRESH_S if fresh else ())

    def mutate(self, name: str, input: Mapping[str, object], fields: str, what: str) -> None:
        """A mutation of the GraphQL API, which holds the little that REST lacks."""
        kind = f"{name[0].upper()}{name[1:]}Input!"
        query = f"mutation Mutation($input: {kind}) {{ {name}(input: $input) {{ {fields} }} }}"
        data = self._write("POST", self._requester.graphql_url, what, {"query": query, "variables": {"input": input}})
        for error in data.get("errors") or ():
            raise graphql_refusal(self._asked(what), error)

    def download(self, path: str, what: str, accept: str, read: Callable[[requests.Response], T]) -> T:
        """What `read` makes of an answer that comes as a stream: PyGithub would load all of it."""
        return self._again(lambda: self._download(path, what, accept, read), Unreachable, OUTAGE_S)

    def settle(self, key: object, ensure: Callable[[], T]) -> T:
        """Look and write while no other thread does with the same key; once more where an answer was lost on the way.

        Keys share a bounded number of locks: nothing else is to be settled meanwhile.
        """
        with self._locks[hash(key) % LOCKS]:
            try:
                return ensure()
            except Unsettled:
                self.sleep(UNSETTLED_S)
                return ensure()

    def _page(self, path: str, what: str, parameters: Mapping[str, str | int], *, fresh: bool = False) -> Page:
        address = f"{self._path(path)}?{urlencode(parameters)}" if parameters else self._path(path)

        def read() -> Page:
            return self._again(lambda: self._read(address, what), Unreachable, OUTAGE_S)

        return self._again(read, NotFound, FRESH_S if fresh else ())

    def _read(self, address: str, what: str) -> Page:
        known = self._pages.get(address)
        headers = {"If-None-Match": known.etag} if known else {}
        status, answer, text = self._send("GET", address, what, headers=headers)
        if status == 304 and known:
            return known
        following = _NEXT.search(answer.get("link", ""))
        page = Page(address, answer.get("etag", ""), self._json(text, what), following[1] if following else "")
        self._pages.put(page)
        return page

    def _write(self, verb: str, path: str, what: str, body: object) -> Any:
        with self._writing:
            self.sleep(max(self._next_write - time.monotonic(), 0.0))
            try:
                _, _, text = self._send(verb, self._path(path), what, body)
                return json.loads(self._json(text, what)) if text else None
            except Unreachable as error:
                raise Unsettled(str(error)) from error
            finally:
                self._next_write = time.monotonic() + self._pause_s

    def _send(
        self, verb: str, path: str, what: str, body: object = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Mapping[str, str], str]:
        """One request, or two where a token had run out; refusals raise."""
        with self._reaching(what):
            status, answer, text = self._requester.requestJson(verb, path, headers=headers, input=body)
            if status == 401 and self._credentials.refused():
                status, answer, text = self._requester.requestJson(verb, path, headers=headers, input=body)
        if status >= 300 and status != 304:  # PyGithub follows what it may; a repository that moved takes no writes
            raise self._refusal(what, status, answer, text)
        return status, answer, text

    def _download(
        self, path: str, what: str, accept: str, read: Callable[[requests.Response], T], *, again: bool = True
    ) -> T:
        """One request, or two where a token had run out."""
        headers = {"Accept": accept}
        self._credentials.auth.authentication(headers)
        url = f"{self.url}{self._path(path)}"
        with (
            self._reaching(what),
            self._session.get(url, headers=headers, stream=True, timeout=TIMEOUT_S) as response,
        ):
            if response.status_code == 200:
                return read(response)
            if not (again and response.status_code == 401 and self._credentials.refused()):
                answer = {name.lower(): value for name, value in response.headers.items()}
                raise self._refusal(what, response.status_code, answer, response.text)
        return self._download(path, what, accept, read, again=False)

    def _again(self, ask: Callable[[], T], error: type[ForgeError], pauses: tuple[float, ...]) -> T:
        """Ask once more after each pause, as long as it ends with that error."""
        for pause in pauses:
            try:
                return ask()
            except error:
                self.sleep(pause)
        return ask()

    @contextmanager
    def _reaching(self, what: str) -> Iterator[None]:
        """No request while a rate limit holds; what `requests` raises becomes the port's error."""
        left = self._limited_until - time.monotonic()
        if left > 0:
            raise RateLimited(f"{self._asked(what)} was not asked: its rate limit holds for {left:.0f} s more", left)
        try:
            yield
        except requests.RequestException as error:
            raise Unreachable(f"{self._asked(what)} cannot be reached: {error}") from error

    def _refusal(self, what: str, status: int, headers: Mapping[str, str], text: str) -> ForgeError:
        error = refusal(self._asked(what), status, headers, text)
        if isinstance(error, RateLimited):
            self._limited_until = time.monotonic() + (error.after_s or 0.0)
        return error

    def _json(self, text: str, what: str) -> str:
        if not text.lstrip().startswith(("{", "[")):
            raise Unreachable(f"{self._asked(what)} answered no JSON: {text[:200]!r}")
        return text

    def _asked(self, what: str) -> str:
        return f"{self._repository}: {what}: {self.url}"

    def _path(self, path: str) -> str:
        if path.startswith(("/", "http://", "https://")):
            return path
        return f"/repos/{self._repository}/{path}".rstrip("/")

    @property
    def _requester(self) -> Requester:
        if not hasattr(self._threads, "requester"):
            self._threads.requester = Github(
                base_url=self.url,
                auth=self._credentials.auth,
                timeout=TIMEOUT_S,
                user_agent="seedbed",
                retry=None,
                seconds_between_requests=None,
                seconds_between_writes=None,
            ).requester
        requester: Requester = self._threads.requester
        return requester

    @property
    def _session(self) -> requests.Session:
        if not hasattr(self._threads, "session"):
            self._threads.session = requests.Session()
            self._threads.session.auth = Requester.noopAuth  # else a .netrc would replace the token
        session: requests.Session = self._threads.session
        return session
