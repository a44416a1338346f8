"""What every endpoint needs: who asks, about which repository, and which page of a list."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, TypeVar

from fastapi import Depends, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from bot.localhub import app_access, installations
from bot.localhub.errors import HubError
from bot.localhub.git import Git
from bot.localhub.hub import Hub
from bot.localhub.models import Account, Level, Repository
from bot.localhub.shapes.core import View

Item = TypeVar("Item")


def hub_of(request: Request) -> Hub:
    """The hub that this application serves."""
    hub: Hub = request.app.state.hub
    return hub


def view_of(request: Request) -> View:
    """URLs start as the client's own request did: PyGithub follows no others."""
    return View(hub_of(request), str(request.base_url).rstrip("/"))


def token_of(request: Request) -> str | None:
    """The token or JWT of the Authorization header, whatever its scheme; None without one."""
    header = request.headers.get("authorization")
    if header is None:
        return None
    scheme, _, value = header.partition(" ")
    return basic_password(value)[1] if scheme.lower() == "basic" else value.strip()


async def within_grant(request: Request) -> None:
    """Raise 403 where the token is an installation's and does not allow the request."""
    token = token_of(request)
    if token is not None and token.startswith(installations.TOKEN_PREFIX):
        path = request.url.path.removeprefix("/api").removeprefix("/v3")
        await run_in_threadpool(app_access.check, hub_of(request), token, request.method, path)


def caller(request: Request) -> Account | None:
    """The account of the token; None without one. A wrong token is 401, never anonymous."""
    token = token_of(request)
    if token is None:
        return None
    account = hub_of(request).account_of_token(token)
    if account is None:
        raise HubError(401, "Bad credentials")
    return account


def basic_password(value: str) -> tuple[str, str]:
    """User and password of a Basic header; two empty strings when it is none."""
    try:
        user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return user, password


@dataclass(frozen=True)
class Context:
    """One request about one repository. The database is asked when a field is first needed: in the endpoint's thread.

    `who` finds out who asks, and raises 401 for a wrong token.
    """

    view: View
    full_name: str
    who: Callable[[], Account | None]

    @cached_property
    def account(self) -> Account | None:
        """Who asks; None for nobody."""
        return self.who()

    @cached_property
    def repository(self) -> Repository:
        """The repository; raises 404, and before that 401."""
        _ = self.account
        return self.hub.repository(self.full_name)

    @property
    def hub(self) -> Hub:
        """The hub."""
        return self.view.hub

    @property
    def git(self) -> Git:
        """Plumbing for the repository."""
        return self.hub.git(self.repository)

    def commit(self, ref: str) -> str:
        """The full sha of a commit, branch or tag; raises 422."""
        sha = self.git.resolve(ref)
        if sha is None:
            raise HubError(422, f"No commit found for SHA: {ref}")
        return sha

    def user(self) -> Account:
        """Who asks; raises 401 for nobody."""
        if self.account is None:
            raise HubError(401, "Requires authentication")
        return self.account

    def needs(self, level: Level) -> Account:
        """Who asks, if it has this permission; raises 401 or 403."""
        account = self.user()
        if not self.hub.allows(self.repository, account, level):
            raise HubError(403, f"Must have {level} permission to {self.repository.full_name}.")
        return account


async def context_of(request: Request, owner: str, repo: str) -> Context:
    """Reads `/repos/{owner}/{repo}` and the token."""
    return Context(view_of(request), f"{owner}/{repo}", lambda: caller(request))


async def seen_by(request: Request) -> View:
    """The same as `view_of`, for routes."""
    return view_of(request)


@dataclass(frozen=True, slots=True)
class Paging:
    """`page` and `per_page` of a request; adds GitHub's Link header to the response."""

    request: Request
    response: Response
    page: int
    size: int

    def cut(self, items: Sequence[Item]) -> list[Item]:
        """The wanted page of `items`."""
        last = max(1, -(-len(items) // self.size))
        numbers = {"prev": self.page - 1, "next": self.page + 1, "last": last, "first": 1}
        if self.page >= last:
            del numbers["next"], numbers["last"]
        if self.page <= 1:
            del numbers["prev"], numbers["first"]
        links = [f'<{self._url(number)}>; rel="{name}"' for name, number in numbers.items()]
        if links:
            self.response.headers["Link"] = ", ".join(links)
        return list(items[(self.page - 1) * self.size : self.page * self.size])

    def _url(self, page: int) -> str:
        return str(self.request.url.include_query_params(page=page))


async def paging_of(request: Request, response: Response, page: int = Query(1), per_page: int = Query(30)) -> Paging:
    """GitHub takes any number and bounds it itself."""
    return Paging(request, response, max(1, page), min(100, max(1, per_page)))


Where = Annotated[Context, Depends(context_of)]
Page = Annotated[Paging, Depends(paging_of)]
Caller = Annotated[Account | None, Depends(caller)]
Seen = Annotated[View, Depends(seen_by)]
