"""Puts the parts together: settings in, everything that jobs need out. The only place that names adapters."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bot.context import Context
from bot.engine.port import Enqueuer, Job, Schedule
from bot.jobs import (
    command,
    fix,
    impact,
    lint,
    merge,
    nightly,
    precheck,
    preview,
    prune,
    reconcile,
    redeliver,
    remind,
    stale,
    triage,
)
from bot.making import fetcher, teacher_of
from bot.settings import Settings, SettingsError
from bot.stores import store_of
from bot.teachers import TeacherDesk
from pipeline.evaluate.hosted import LikelihoodEvaluator
from pipeline.git import is_loopback
from pipeline.quality.embedding import packaged_embedder
from pipeline.recipe import RecipeError, load_recipe
from pipeline.responses import Responses
from pipeline.store.port import Store, StoreError
from pipeline.taxonomy import Access, Repository
from pipeline.train.hosted import trainer_for
from pipeline.train.port import Trainer

if TYPE_CHECKING:
    from bot.forge.github import GitHubForge


def open_store(settings: Settings) -> Store:
    """Datasets, states of pull requests, builds. Raises `SettingsError` where there is no driver for `store_url`."""
    try:
        return store_of(settings)
    except StoreError as error:
        raise SettingsError(f"store_url (SEEDBED_STORE_URL): {error}") from error


def open_forge(settings: Settings) -> GitHubForge:
    """The forge of the settings. Raises `SettingsError` without an App or a token, and for a key that cannot sign."""
    from bot.forge.github import PAUSE_S, AppCredentials, GitHubForge, KeyUnfit

    credentials: str | AppCredentials = settings.forge_token.get_secret_value()
    if settings.app_id:
        credentials = AppCredentials(settings.app_id, settings.private_key(), settings.app_installation)
    if not credentials:
        raise SettingsError(
            "There is neither an App nor a token, so the bot cannot write. `seedbed serve --setup` registers an App; "
            "else set SEEDBED_APP_ID and SEEDBED_APP_PRIVATE_KEY, or SEEDBED_FORGE_TOKEN."
        )
    # GitHub asks for a pause between writes; a server on this machine needs none.
    local = is_loopback(urlsplit(settings.forge_api_url).hostname or "")
    try:
        return GitHubForge(
            settings.repository,
            credentials,
            api_url=settings.forge_api_url,
            # A default that is not the token's account would find no comment of ours again: then the forge is asked.
            login=settings.forge_login if "forge_login" in settings.model_fields_set else None,
            hook_url=f"{settings.url}/webhook",
            pause_s=0 if local else PAUSE_S,
        )
    except KeyUnfit as error:
        raise SettingsError(str(error)) from error


def resolved(settings: Settings) -> Settings:
    """With what an App's forge knows better: our account's name, and the installation whose deliveries are ours.

    Asks the forge, once. Raises `ForgeError`, also where the App is not installed on the repository.
    """
    if not settings.app_id:
        return settings
    forge = open_forge(settings)
    return settings.model_copy(update={"forge_login": forge.login, "app_installation": forge.installation})


def open_context(settings: Settings, enqueuer: Enqueuer) -> Context:
    """Everything that jobs need. Opens files; loads no model and asks the forge nothing."""
    forge = open_forge(settings)
    state = settings.state_dir
    mirror = Repository(state / "mirror.git").init()
    one_fetch = threading.Lock()

    def fetch(ref: str) -> Repository:
        with one_fetch:
            mirror.fetch(forge.clone_url, [f"+{ref}:{ref}"], access=Access(token=forge.git_token()))
        return mirror

    responses = Responses(state / "responses.sqlite")
    desk = TeacherDesk(
        partial(teacher_of, settings),
        responses,
        idle_s=settings.teacher_idle_seconds,
    )
    return Context(
        settings=settings,
        forge=forge,
        enqueuer=enqueuer,
        teachers=desk,
        store=open_store(settings),
        embedder=packaged_embedder(),
        fetch=fetch,
        trainer=_trainer(settings),
        evaluator=LikelihoodEvaluator(),
        documents=fetcher(settings),
    )


def _trainer(settings: Settings) -> Trainer:
    """In one process or in many, as the recipe says. Raises `SettingsError` for a recipe that is none."""
    try:
        return trainer_for(load_recipe(settings.recipe))
    except RecipeError as error:
        raise SettingsError(f"The recipe cannot be used: {error}") from error


def jobs(context: Context) -> Mapping[str, Job]:
    """What `Engine.start` takes."""
    modules = {
        "lint": lint,
        "preview": preview,
        "precheck": precheck,
        "impact": impact,
        "fix": fix,
        "command": command,
        "merge": merge,
        "nightly": nightly,
        "reconcile": reconcile,
        "redeliver": redeliver,
        "stale": stale,
        "prune": prune,
        "triage": triage,
        "remind": remind,
    }
    return {name: partial(module.run, context) for name, module in modules.items()}


def schedules(settings: Settings) -> list[Schedule]:
    """What the clock asks for, besides what people and the forge do."""
    fixed = [
        Schedule("reconcile", "*/10 * * * *", "lint"),
        Schedule("redeliver", "5-59/10 * * * *", "lint"),
        Schedule("stale", "*/5 * * * *", "lint"),
        Schedule("remind", "0 9 * * *", "lint"),
        Schedule("prune", "40 3 * * *", "lint"),
    ]
    return [*fixed, *([Schedule("nightly", settings.nightly_at, "build")] if settings.nightly_at else [])]
