"""How an App proves who it is, with a JWT, and the tokens of its installations that it gets for one."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence

import jwt

from bot.localhub import installations
from bot.localhub.errors import HubError, invalid
from bot.localhub.hub import Hub
from bot.localhub.models import App, Grant, Installation, Repository

TOKEN_S = 3600
_LONGEST_JWT_S = 600
_SKEW_S = 60  # how far ahead an App's clock may run
_LEVELS = ("read", "write")
_UNREADABLE = "A JSON web token could not be decoded"
_EXPIRED = (
    "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion "
    "expires"
)
_TOO_LONG = "'Expiration time' claim ('exp') is too far in the future"
_ISSUED = "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued"


def app_of_jwt(hub: Hub, token: str) -> App:
    """The App that signed a JWT; raises 401 with GitHub's words, and 404 for an issuer that is no App."""
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except jwt.InvalidTokenError as error:
        raise HubError(401, _UNREADABLE) from error
    app = installations.app_of_issuer(hub.db, str(claims.get("iss", "")))
    if app is None:
        raise HubError(404, "Integration not found")
    try:
        jwt.decode(token, app.public_key, algorithms=["RS256"], options=_OWN_CHECKS)
    except jwt.InvalidTokenError as error:
        raise HubError(401, _UNREADABLE) from error
    _check_times(claims, hub.clock())
    return app


_OWN_CHECKS: jwt.types.Options = {  # by the hub's clock, below
    "verify_exp": False, "verify_iat": False, "verify_nbf": False, "verify_iss": False, "verify_sub": False,
    "verify_jti": False,
}  # fmt: skip


def _check_times(claims: Mapping[str, object], now: float) -> None:
    issued, expires = claims.get("iat"), claims.get("exp")
    if not isinstance(expires, int | float) or expires <= now:
        raise HubError(401, _EXPIRED)
    if expires > now + _LONGEST_JWT_S:
        raise HubError(401, _TOO_LONG)
    if not isinstance(issued, int) or issued > now + _SKEW_S:
        raise HubError(401, _ISSUED)


def issue(
    hub: Hub, row: Installation, *, permissions: Mapping[str, str] | None = None,
    names: Sequence[str] | None = None, ids: Sequence[int] | None = None,
) -> tuple[str, Grant]:  # fmt: skip
    """A new token of an installation, narrowed as wanted; raises 422 for more than the installation has."""
    granted: dict[str, str] = json.loads(row.permissions)
    wanted = granted if permissions is None else {"metadata": "read", **permissions}
    if any(not _within(level, granted.get(name)) for name, level in wanted.items()):
        raise HubError(422, "The permissions requested are not granted to this installation.")
    chosen = None
    if names is not None or ids is not None:
        chosen = json.dumps(_chosen(installations.repositories(hub.db, row), names or (), ids or ()))
    token = installations.TOKEN_PREFIX + secrets.token_urlsafe(27).replace("-", "a").replace("_", "b")
    allowed = Grant(
        installations.digest(token), row.id, json.dumps(wanted, sort_keys=True), chosen, hub.clock() + TOKEN_S
    )
    hub.db.run("DELETE FROM installation_tokens WHERE expires_at <= ?", hub.clock())
    hub.db.insert(
        "installation_tokens", sha256=allowed.sha256, installation_id=row.id, permissions=allowed.permissions,
        repositories=allowed.repositories, expires_at=allowed.expires_at,
    )  # fmt: skip
    return token, allowed


def _within(level: str, granted: str | None) -> bool:
    return granted in _LEVELS and level in _LEVELS and _LEVELS.index(level) <= _LEVELS.index(granted)


def _chosen(covered: Sequence[Repository], names: Sequence[str], ids: Sequence[int]) -> list[int]:
    by_name = {row.name.lower(): row.id for row in covered}
    known = set(by_name.values())
    if any(name.lower() not in by_name for name in names) or any(number not in known for number in ids):
        raise HubError(
            422, "There is at least one repository that does not exist or is not accessible to the parent installation."
        )
    found = sorted({by_name[name.lower()] for name in names} | set(ids))
    if not found:
        raise invalid("InstallationToken", "repositories", "name at least one repository, or leave the field out")
    return found
