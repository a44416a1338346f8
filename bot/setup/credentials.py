"""The code that the forge sends back for a registered App, exchanged for its credentials, and those kept."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import requests

from bot.settings import APP_FILE

TIMEOUT_S = 30
BY_HAND = (
    "Create a private key and a webhook secret in the App's settings at the forge, and set them by hand "
    "(docs/how-to/register-the-app.md)."
)
_CODE = re.compile(r"[A-Za-z0-9_-]{1,200}")


class SetupError(Exception):
    """The App could not be registered. The message says what happened and what to do."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What an App signs with, and what its deliveries are signed with. `page`: its own, from where it is installed."""

    app_id: str
    slug: str
    page: str
    private_key: str = field(repr=False)
    webhook_secret: str = field(repr=False)


def exchange(api_url: str, code: str) -> Credentials:
    """Credentials for the code; the forge gives them once, within an hour. Raises `SetupError`."""
    if not _CODE.fullmatch(code):
        raise SetupError("The forge's answer holds no code. Open the /setup address again and register the App anew.")
    try:
        response = requests.post(
            f"{api_url}/app-manifests/{code}/conversions",
            headers={"Accept": "application/vnd.github+json"},
            timeout=TIMEOUT_S,
        )
        if response.status_code != 201:
            raise SetupError(
                f"{api_url} answered {response.status_code} to the code of the new App. A code works once and for an "
                "hour: delete the App there, and open the /setup address again."
            )
        return _read(response.json())
    except (requests.RequestException, KeyError, TypeError, ValueError) as error:
        raise SetupError(
            f"{api_url} gave no credentials for the new App ({type(error).__name__}). {BY_HAND}"
        ) from error


def keep(credentials: Credentials, state_dir: Path) -> Path:
    """Write them where `load` finds them, for the owner's eyes only. Never replaces a file: two Apps would mix."""
    path = state_dir / APP_FILE
    values = {
        "app_id": credentials.app_id,
        "app_private_key": credentials.private_key,
        "forge_login": f"{credentials.slug}[bot]",
        "webhook_secrets": credentials.webhook_secret,
    }
    lines = ["# Written by `seedbed serve --setup`. Secret: keep it out of backups that others read."]
    lines += [f"{name} = {json.dumps(value)}" for name, value in values.items()]  # JSON strings are TOML strings
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise SetupError(f"The App is registered, but {path} cannot be written: {error.strerror}. {BY_HAND}") from error
    return path


def _read(answer: dict[str, object]) -> Credentials:
    if not isinstance(answer["pem"], str) or not isinstance(answer["webhook_secret"], str):
        raise ValueError("no key or no secret")
    if urlsplit(str(answer["html_url"])).scheme not in ("http", "https"):
        raise ValueError("no page")
    return Credentials(
        app_id=str(answer["id"]),
        slug=str(answer["slug"]),
        page=str(answer["html_url"]),
        private_key=answer["pem"],
        webhook_secret=answer["webhook_secret"],
    )
