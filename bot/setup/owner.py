"""Whose the App must be: the account that owns the repository, for a private App can be installed there alone."""

from __future__ import annotations

import logging
from urllib.parse import quote

import requests

log = logging.getLogger(__name__)
TIMEOUT_S = 10


def addresses(api_url: str, forge_url: str, owner: str) -> dict[str, str]:
    """Where the form that registers an App goes, by what to call the owner; both ways where the forge does not say."""
    organization = {f"the organization {owner}": f"{forge_url}/organizations/{quote(owner)}/settings/apps/new"}
    person = {"my own account": f"{forge_url}/settings/apps/new"}
    match _kind(api_url, owner):
        case "Organization":
            return organization
        case "User":
            return person
        case _:
            return organization | person


def _kind(api_url: str, owner: str) -> str:
    """What kind of account it is, as everybody may know; "" where the forge does not answer."""
    try:
        answer = requests.get(f"{api_url}/users/{quote(owner)}", timeout=TIMEOUT_S)
        found = answer.json().get("type") if answer.ok else None
    except (requests.RequestException, ValueError, AttributeError) as error:
        log.warning("the forge does not say what kind of account %s is: %s", owner, type(error).__name__)
        return ""
    return found if isinstance(found, str) else ""
