"""Who you are in the browser: on loopback you pick one of the hub's people; a signed cookie remembers it."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from urllib.parse import urlsplit

from fastapi import Request

from bot.localhub.api.context import hub_of
from bot.localhub.errors import HubError
from bot.localhub.hub import Hub
from bot.localhub.models import Account

COOKIE = "localhub_session"


def _sign(hub: Hub, purpose: str, value: str) -> str:
    return hmac.new(hub.secret, f"{purpose}:{value}".encode(), hashlib.sha256).hexdigest()


def cookie_for(hub: Hub, account: Account) -> str:
    """The value of the cookie of an account."""
    return f"{account.login}.{_sign(hub, 'session', account.login)}"


def signed_in(request: Request) -> Account | None:
    """The account of the cookie, if it is one that the hub signed."""
    hub = hub_of(request)
    login, _, signature = request.cookies.get(COOKIE, "").rpartition(".")
    if not login or not hmac.compare_digest(signature.encode(), _sign(hub, "session", login).encode()):
        return None
    return hub.account(login)


def csrf_token(request: Request) -> str:
    """What every form carries; another site cannot know it."""
    return _sign(hub_of(request), "csrf", request.cookies.get(COOKIE, ""))


def people(hub: Hub) -> list[Account]:
    """Whom one can sign in as."""
    return [account for account in hub.accounts() if account.kind == "User"]


def is_local(request: Request) -> bool:
    """Whether the browser runs on this machine."""
    try:
        return request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False


def check_form(request: Request, token: str) -> None:
    """Raise 403 unless the form came from our own page."""
    origin = request.headers.get("origin")
    if origin not in (None, "null") and urlsplit(str(origin)).netloc != request.url.netloc:
        raise HubError(403, "This form was sent from another site.")
    if not hmac.compare_digest(token.encode(), csrf_token(request).encode()):
        raise HubError(403, "This form is out of date. Go back, reload the page and send it again.")


def author_of(request: Request, token: str) -> Account:
    """Who sends this form; raises 403 for nobody, and for a form that is not ours."""
    check_form(request, token)
    account = signed_in(request)
    if account is None:
        raise HubError(403, "Choose at the top of the page who you are.")
    return account
