"""Puts the parts together: settings in, everything that jobs need out. The only place that names adapters."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import partial
from urllib.parse import urlsplit

from bot.context import Context
from bot.engine.port import Enqueuer, Job
from bot.forge.port import Forge
from bot.jobs import command, lint, merge, nightly, preview
from bot.settings import Settings, SettingsError
from bot.teachers import TeacherDesk
from pipeline import documents
from pipeline.evaluate.hosted import LikelihoodEvaluator
from pipeline.git import is_loopback
from pipeline.responses import Responses
from pipeline.store.files import FileStore
from pipeline.store.port import Store
from pipeline.taxonomy import Access, Repository
from pipeline.teacher.choose import open_teacher
from pipeline.train.hosted import LoraTrainer


def open_store(settings: Settings) -> Store:
    """Datasets, states of pull requests, builds."""
    return FileStore(settings.state_dir / "store")


def open_forge(settings: Settings) -> Forge:
    """The forge of the settings. Raises `SettingsError` without a token."""
    from bot.forge.github import GitHubForge

    token = settings.forge_token.get_secret_value()
    if not token:
        raise SettingsError("No token is set, so the bot cannot write. Set SEEDBED_FORGE_TOKEN.")
    # GitHub asks for a pause between writes; a server on this machine needs none.
    pause_s = 0.0 if is_loopback(urlsplit(settings.forge_api_url).hostname or "") else None
    return GitHubForge(
        settings.repository, token=token, api_url=settings.forge_api_url, login=settings.forge_login, pause_s=pause_s
    )


def open_context(settings: Settings, enqueuer: Enqueuer) -> Context:
    """Everything that jobs need. Opens files; loads no model and asks the forge nothing."""
    forge = open_forge(settings)
    state = settings.state_dir
    mirror = Repository(state / "mirror.git").init()
    token = settings.forge_token.get_secret_value() or None

    one_fetch = threading.Lock()

    def fetch(ref: str) -> Repository:
        with one_fetch:
            mirror.fetch(forge.clone_url, [f"+{ref}:{ref}"], access=Access(token=token))
        return mirror

    reach = documents.Reach(frozenset(settings.document_hosts), loopback=settings.document_loopback)
    desk = TeacherDesk(
        lambda: open_teacher(settings.teacher_model, settings.teacher_engine), idle_s=settings.teacher_idle_seconds
    )
    return Context(
        settings=settings,
        forge=forge,
        enqueuer=enqueuer,
        teachers=desk,
        store=open_store(settings),
        responses=Responses(state / "responses.sqlite"),
        fetch=fetch,
        trainer=LoraTrainer(),
        evaluator=LikelihoodEvaluator(),
        documents=partial(documents.fetch, cache=state / "documents", reach=reach),
    )


def jobs(context: Context) -> Mapping[str, Job]:
    """What `Engine.start` takes."""
    modules = {"lint": lint, "preview": preview, "command": command, "merge": merge, "nightly": nightly}
    return {name: partial(module.run, context) for name, module in modules.items()}
