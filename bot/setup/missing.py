"""Which credentials the settings hold, in words, and what is missing of them."""

from __future__ import annotations

from dataclasses import dataclass

from bot.settings import Settings, SettingsError

GUIDE = "docs/how-to/register-the-app.md"


@dataclass(frozen=True, slots=True)
class Missing:
    """A setting that is not there, and where to get it."""

    variable: str
    where: str


def credentials(settings: Settings) -> str:
    """Which forge is asked, and as whom. Names no secret."""
    place = f"{settings.repository} at {settings.forge_api_url}"
    if settings.app_id:
        found = str(settings.app_installation) if settings.app_installation else "asked of the forge"
        return f"{place} as the App {settings.app_id} (account {settings.forge_login}, installation {found})"
    if settings.forge_token.get_secret_value():
        return f"{place} with a plain token (account {settings.forge_login}); an App can do more, see {GUIDE}"
    return f"{place} without credentials"


def missing(settings: Settings) -> list[Missing]:
    """What `serve` and `worker` need and do not have."""
    found = [] if _has_secret(settings) else [_SECRET]
    if settings.app_id or settings.app_private_key.get_secret_value():
        return found + _of_app(settings)
    if settings.forge_token.get_secret_value():
        return found
    return [*found, *_NOTHING]


def _of_app(settings: Settings) -> list[Missing]:
    found = []
    if not settings.app_id:
        found.append(_APP_ID)
    try:
        settings.private_key()
    except SettingsError:
        found.append(_KEY)
    return found


def _has_secret(settings: Settings) -> bool:
    return any(secret.get_secret_value() for secret in settings.webhook_secrets)


_SECRET = Missing(
    "SEEDBED_WEBHOOK_SECRETS",
    "the secret that you gave to the forge (App settings → Webhook, or Settings → Webhooks); "
    "openssl rand -hex 32 makes one",
)
_APP_ID = Missing("SEEDBED_APP_ID", "App settings → About → App ID")
_KEY = Missing("SEEDBED_APP_PRIVATE_KEY", "App settings → Private keys → Generate: the .pem file's text, or its path")
_NOTHING = (
    Missing("SEEDBED_APP_ID and SEEDBED_APP_PRIVATE_KEY", f"`seedbed serve --setup` registers an App ({GUIDE})"),
    Missing("or SEEDBED_FORGE_TOKEN", "a fine-grained token, for a small set-up without check runs"),
)
