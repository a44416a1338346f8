"""`/fix` and `/migrate`: mend what a machine can, as a commit where the author lets us push, else as suggestions."""

from __future__ import annotations

import logging
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Literal

from pydantic import TypeAdapter

from bot import replies, sandbox
from bot.configuration import configuration
from bot.context import Context
from bot.engine.port import JSON, Steps
from bot.forge.port import Forbidden, ForgeError, NotFound, Suggestion
from bot.reading import read_pull
from bot.render import mend, texts
from bot.render.escape import prose
from bot.render.reason import reason
from bot.render.suggestions import review, suggestions
from bot.retry import TryAgain
from bot.sandbox import Mended, Stopped

log = logging.getLogger(__name__)
_MENDED = TypeAdapter(Mended)


def run(context: Context, steps: Steps, payload: JSON) -> JSON:
    """Payload: {"pull", "sha": head that was looked at, "author": who asks, "comment" (None: a button), "migrate"}.

    The commit starts a lint by itself, by its webhook.
    """
    try:
        made = steps.run("mend", lambda: _mend(context, payload))
        return steps.run("answer", lambda: _answer(context, steps, payload, made))
    except Exception as error:
        _give_up(context, steps, payload, error)
        raise


def _mend(context: Context, payload: Mapping[str, Any]) -> dict[str, Any]:
    """{"refused": an answer, "head"} or {"mended", "suggestions", "push": whether we may}."""
    number, sha, migrate = int(payload["pull"]), str(payload["sha"]), bool(payload.get("migrate"))
    pull = context.forge.pull(number)
    if pull.state != "open":
        return {"refused": texts.FIX_CLOSED, "head": pull.head_sha}
    if pull.head_sha != sha:
        return {"refused": _moved(payload), "head": pull.head_sha}
    read = read_pull(context.forge, number, sha)
    by = configuration(context.forge, context.settings, pull.base_sha, pull.author)
    how: Literal["mend", "migrate"] = "migrate" if migrate else "mend"
    try:
        mended = sandbox.mend(read.files, read.changed, config=by.config, change=read.change, how=how)
    except Stopped as stop:
        return {"refused": texts.FIX_STOPPED.format(reason=prose(str(stop))), "head": sha}
    made = suggestions(mended, read.lines)
    wanted = [asdict(one) for one in made]
    return {"refused": "", "mended": _plain(mended), "suggestions": wanted, "push": pull.editable}


def _answer(context: Context, steps: Steps, payload: Mapping[str, Any], made: Mapping[str, Any]) -> dict[str, Any]:
    """Commit or suggest, and say so. The head is the forge's to compare: a commit on an older one is refused."""
    if made["refused"]:
        return _reply(context, steps, payload, made["refused"], about=made["head"])
    mended, migrate, sha = _whole(made["mended"]), bool(payload.get("migrate")), str(payload["sha"])
    if not mended.files and not mended.gone:
        return _reply(context, steps, payload, mend.nothing(mended, migrate=migrate), about=sha)
    if made["push"]:
        try:
            commit = _commit(context, payload, mended)
        except _Moved as moved:
            return _reply(context, steps, payload, _moved(payload), about=moved.head)
        except Forbidden as error:  # its author may have taken the permission back, or the branch is protected
            log.info("no push to #%s, so it is suggested: %s", payload["pull"], error)
        else:
            text = mend.pushed(mended, commit, asker=payload["author"], migrate=migrate)
            return _reply(context, steps, payload, text, about=commit) | {"commit": commit}
    wanted = [Suggestion(**one) for one in made["suggestions"]]
    if wanted:
        marker, body = review(sha, wanted)
        context.forge.ensure_review(int(payload["pull"]), sha, marker, body, wanted)
    text = mend.suggested(mended, wanted)
    return _reply(context, steps, payload, text, about=sha) | {"suggested": len(wanted)}


class _Moved(Exception):
    """The head branch went on to `head` without us."""

    def __init__(self, head: str) -> None:
        super().__init__(head)
        self.head = head


def _moved(payload: Mapping[str, Any]) -> str:
    return texts.FIX_MOVED.format(command="/migrate" if payload.get("migrate") else "/fix")


def _commit(context: Context, payload: Mapping[str, Any], mended: Mended) -> str:
    """The commit's sha. Raises `Forbidden` and `_Moved`."""
    number, parent = int(payload["pull"]), str(payload["sha"])
    login, asker, migrate = context.forge.login, str(payload["author"]), bool(payload.get("migrate"))
    message = mend.commit_message(mended, login=login, asker=asker, migrate=migrate)
    files: dict[str, bytes | None] = {**dict.fromkeys(mended.gone), **mended.files}
    try:
        return context.forge.commit_files(number, parent, files, message)
    except (TryAgain, Forbidden, NotFound):
        raise
    except ForgeError as error:
        head = context.forge.pull(number).head_sha
        if head != parent:
            raise _Moved(head) from error
        raise


def _reply(context: Context, steps: Steps, payload: Mapping[str, Any], text: str, *, about: str) -> dict[str, Any]:
    """One answer for each request, found again by its marker when this step runs twice. `about`: the head it is for."""
    number, marker = int(payload["pull"]), texts.FIX_MARK.format(ask=payload.get("comment") or steps.job_id)
    comment = context.forge.ensure_comment(number, marker, f"{marker}\n{text}")
    replies.remember(context, number, comment, about)
    return {"pull": number, "comment": comment}


def _give_up(context: Context, steps: Steps, payload: Mapping[str, Any], error: Exception) -> None:
    why = prose(reason(error, limit=500))
    try:
        _reply(context, steps, payload, texts.FIX_FAILED.format(reason=why), about=str(payload["sha"]))
    except Exception as silent:  # must not hide the first one
        error.add_note(f"and the pull request could not be told: {silent}")


def _plain(mended: Mended) -> dict[str, Any]:
    """As JSON takes it."""
    return asdict(mended) | {"files": {path: b64encode(data).decode() for path, data in mended.files.items()}}


def _whole(plain: Mapping[str, Any]) -> Mended:
    files = {path: b64decode(data) for path, data in plain["files"].items()}
    return _MENDED.validate_python({**plain, "files": files})
