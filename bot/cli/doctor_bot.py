"""The doctor's look at a bot: its settings, its App or token, and whether the forge's webhooks arrive."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bot.cli.doctor import Line
from bot.forge.port import ForgeError
from bot.settings import Settings, SettingsError, load
from bot.setup.missing import credentials, missing
from bot.wiring import open_forge

if TYPE_CHECKING:
    from bot.forge.github import GitHubForge

HOUR_S = 3600.0


def examine(file: Path | None) -> Iterator[Line]:
    """From what costs nothing to what asks the forge; stops at what makes the rest pointless. Writes nothing."""
    try:
        settings = load(file)
    except SettingsError as error:
        step = "set them in the environment or seedbed.toml (docs/reference/settings.md); `seedbed demo` sets its own"
        yield Line("problem" if file else "note", "settings", " ".join(str(error).split()), step)
        return
    yield Line("ok", "settings", credentials(settings))
    lacks = missing(settings)
    for lack in lacks:
        yield Line("problem", "settings", f"{lack.variable} is not set", lack.where)
    if not any("APP" in lack.variable or "TOKEN" in lack.variable for lack in lacks):
        yield from _forge(settings)


def _forge(settings: Settings) -> Iterator[Line]:
    what = "App" if settings.app_id else "token"
    try:
        forge = open_forge(settings)  # signs with the key, so that a wrong one shows here
        if settings.app_id:
            yield Line("ok", "App", f"{forge.login} answers")
            yield Line("ok", "installation", f"{forge.installation} covers {settings.repository}")
            forge.git_token()
            yield Line("ok", "permissions", "a token with all that is needed was given")
        head = forge.branch_head(settings.main_branch)
        yield Line("ok", "repository", f"{settings.repository} can be read; {settings.main_branch} is at {head[:7]}")
        yield _webhooks(forge)
    except (ForgeError, SettingsError) as error:
        yield Line("problem", what, str(error), "see docs/how-to/register-the-app.md")


def _webhooks(forge: GitHubForge) -> Line:
    """The deliveries of the last hour, as the forge saw them."""
    try:
        sent = forge.deliveries(time.time() - HOUR_S)
    except ForgeError as error:
        return Line("note", "webhooks", f"the forge does not show its log: {error}")
    lost = sum(not one.ok for one in sent)
    if not sent:
        return Line("note", "webhooks", "none in the last hour, or no log is open to these credentials")
    if lost:
        step = "look at the log of `seedbed serve`, and at the deliveries in the App's settings"
        return Line("problem" if lost == len(sent) else "note", "webhooks", f"{lost} of {len(sent)} were lost", step)
    return Line("ok", "webhooks", f"{len(sent)} in the last hour, and all arrived")
