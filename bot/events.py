"""Which delivery starts which job. Payloads carry ids and hashes only: the job asks the forge for the rest."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bot import commands
from bot.engine.port import JSON, Queue
from bot.render import texts
from bot.webhook import Delivery

_EXTERNAL = re.compile(r"(?P<repository>[^#]+)#(?P<number>[0-9]{1,9})")


@dataclass(frozen=True, slots=True)
class Work:
    """A job to enqueue."""

    job: str
    queue: Queue
    payload: JSON


@dataclass(frozen=True, slots=True)
class Here:
    """What routing needs to know of the place: our login and the branch that the model grows from."""

    login: str
    main_branch: str


def route(delivery: Delivery, here: Here) -> Work | None:
    """The job for a delivery; None where there is nothing to do."""
    for event, actions, reader in _TABLE:
        if delivery.event == event and (not actions or delivery.action in actions):
            return reader(delivery.payload, here)
    return None


def external_id(repository: str, number: int) -> str:
    """What our check runs carry, since GitHub leaves `pull_requests` empty for forks."""
    return f"{repository}#{number}"


def _pull(payload: Mapping[str, Any], here: Here) -> Work | None:
    number, sha = _get(payload, "pull_request", "number"), _get(payload, "pull_request", "head", "sha")
    if not isinstance(number, int) or not isinstance(sha, str):
        return None
    return Work("lint", "lint", {"pull": number, "sha": sha})


def _comment(payload: Mapping[str, Any], here: Here) -> Work | None:
    number, comment = _get(payload, "issue", "number"), _get(payload, "comment", "id")
    body, author = _get(payload, "comment", "body"), _get(payload, "comment", "user", "login")
    on_pull = isinstance(_get(payload, "issue", "pull_request"), dict)
    typed = isinstance(number, int) and isinstance(comment, int) and isinstance(body, str) and isinstance(author, str)
    robot = "Bot" in (_get(payload, "sender", "type"), _get(payload, "comment", "user", "type"))
    if not (on_pull and typed) or robot or str(author).lower() == here.login.lower():
        return None
    asked = [{"said": a.said, "name": a.name, "nearest": a.nearest} for a in commands.parse(str(body), here.login)]
    return (
        Work("command", "lint", {"pull": number, "comment": comment, "author": author, "asked": asked})
        if asked
        else None
    )


def _push(payload: Mapping[str, Any], here: Here) -> Work | None:
    after = payload.get("after")
    if payload.get("ref") != f"refs/heads/{here.main_branch}" or not isinstance(after, str) or not after.strip("0"):
        return None
    return Work("merge", "generate", {"sha": after})


def _rerun(payload: Mapping[str, Any], here: Here) -> Work | None:
    match = _EXTERNAL.fullmatch(str(_get(payload, "check_run", "external_id")))
    name, author = _get(payload, "check_run", "name"), _get(payload, "sender", "login")
    if match is None or match["repository"].lower() != str(_get(payload, "repository", "full_name")).lower():
        return None
    number = int(match["number"])
    if name == texts.LINT:
        return Work("lint", "lint", {"pull": number, "again": True})
    if name == texts.PREVIEW and isinstance(author, str):  # costs the teacher's time: goes the way of the command
        asked = [{"said": "/preview", "name": "preview", "nearest": ""}]
        return Work("command", "lint", {"pull": number, "comment": None, "author": author, "asked": asked})
    return None


def _get(payload: Any, *path: str) -> Any:
    for key in path:
        payload = payload.get(key) if isinstance(payload, dict) else None
    return payload


_Reader = Callable[[Mapping[str, Any], Here], Work | None]
_TABLE: tuple[tuple[str, frozenset[str], _Reader], ...] = (
    ("pull_request", frozenset({"opened", "synchronize", "reopened", "ready_for_review"}), _pull),
    ("issue_comment", frozenset({"created"}), _comment),
    ("push", frozenset(), _push),
    ("check_run", frozenset({"rerequested"}), _rerun),
)
