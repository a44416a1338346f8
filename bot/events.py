"""Which delivery starts which job. Payloads carry ids and hashes only: the job asks the forge for the rest."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from bot import commands
from bot.engine.port import JSON, Queue
from bot.render import texts
from bot.webhook import Delivery

BUTTONS = ("preview", "fix")
"""Identifiers of the buttons on our check runs; each is the command of that name."""

_EXTERNAL = re.compile(r"(?P<repository>[^#]+)#(?P<number>[1-9][0-9]{0,8})")
_SHA = re.compile(r"[0-9a-f]{40}")
_LOGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}(\[bot\])?")


@dataclass(frozen=True, slots=True)
class Work:
    """A job to enqueue; see `Enqueuer.enqueue` for `key` and `delay_s`."""

    job: str
    queue: Queue
    payload: JSON
    key: str = ""
    delay_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Here:
    """What routing needs to know of the place: our login, the branch that the model grows from, the wait of pushes."""

    login: str
    main_branch: str
    push_delay_s: float = 0.0


def route(delivery: Delivery, here: Here) -> Work | None:
    """The job for a delivery; None where there is nothing to do."""
    for event, actions, reader in _TABLE:
        if delivery.event == event and (not actions or delivery.action in actions):
            return reader(delivery.payload, here)
    return None


def external_id(repository: str, number: int) -> str:
    """What our check runs carry, since GitHub leaves `pull_requests` empty for forks."""
    return f"{repository}#{number}"


def _opened(payload: Mapping[str, Any], here: Here) -> Work | None:
    """Whoever sent it, we ourselves too: what `/fix` pushed is checked like any other commit."""
    number, sha = _number(payload, "pull_request", "number"), _get(payload, "pull_request", "head", "sha")
    if number is None or not _is_sha(sha):
        return None
    delay_s = here.push_delay_s if payload.get("action") == "synchronize" else 0.0
    return Work("lint", "lint", {"pull": number, "sha": sha}, str(number), delay_s)


def _edited(payload: Mapping[str, Any], here: Here) -> Work | None:
    """Another base means other changed files, and another configuration. Title and text change nothing for us."""
    number = _number(payload, "pull_request", "number")
    if number is None or not isinstance(_get(payload, "changes", "base"), dict):
        return None
    return _lint_again(number)


def _moved(payload: Mapping[str, Any], here: Here) -> Work | None:
    number = _number(payload, "pull_request", "number")
    return None if number is None else _triage(number)


def _people_moved(payload: Mapping[str, Any], here: Here) -> Work | None:
    """Labels, assignments and reviews of people; programs would answer each other for ever."""
    return None if _robot(payload, here) else _moved(payload, here)


def _comment(payload: Mapping[str, Any], here: Here) -> Work | None:
    number, comment = _number(payload, "issue", "number"), _number(payload, "comment", "id")
    body, author = _get(payload, "comment", "body"), _get(payload, "comment", "user", "login")
    on_pull = isinstance(_get(payload, "issue", "pull_request"), dict)
    if not on_pull or number is None or comment is None or not isinstance(body, str) or not _is_login(author):
        return None
    if _robot(payload, here, "comment", "user"):
        return None
    asked = [a.plain() for a in commands.parse(_storable(body), here.login)]
    return _command(number, comment, author, asked) if asked else None


def _push(payload: Mapping[str, Any], here: Here) -> Work | None:
    after = payload.get("after")
    if payload.get("ref") != f"refs/heads/{here.main_branch}" or not _is_sha(after) or not after.strip("0"):
        return None
    return Work("merge", "generate", {"sha": after})


def _rerun(payload: Mapping[str, Any], here: Here) -> Work | None:
    number, name, author = _our_check(payload), _get(payload, "check_run", "name"), _get(payload, "sender", "login")
    if number is None:
        return None
    if name == texts.LINT:
        return _lint_again(number)
    # A preview costs the teacher's time: it goes the way of the command.
    return _pressed(number, author, "preview") if name == texts.PREVIEW and _is_login(author) else None


def _button(payload: Mapping[str, Any], here: Here) -> Work | None:
    number, author = _our_check(payload), _get(payload, "sender", "login")
    button = _get(payload, "requested_action", "identifier")
    if number is None or not _is_login(author) or button not in BUTTONS:
        return None
    return _pressed(number, author, button)


def _rerun_all(payload: Mapping[str, Any], here: Here) -> Work | None:
    """A suite names a commit and, for forks, no pull request: the job looks for those with that head."""
    sha = _get(payload, "check_suite", "head_sha")
    return Work("reconcile", "lint", {"again": sha}) if _is_sha(sha) else None


def _pressed(number: int, author: str, button: str) -> Work | None:
    return _command(number, None, author, [a.plain() for a in commands.parse(f"/{button}", "")])


def _command(number: int, comment: int | None, author: str, asked: list[JSON]) -> Work:
    payload = {"pull": number, "comment": comment, "author": author, "asked": asked}
    return Work("command", "lint", payload, str(number))


def _lint_again(number: int) -> Work:
    return Work("lint", "lint", {"pull": number, "again": True}, str(number))


def _triage(number: int) -> Work:
    return Work("triage", "lint", {"pull": number}, str(number))


def _our_check(payload: Mapping[str, Any]) -> int | None:
    """The pull request of one of our check runs."""
    match = _EXTERNAL.fullmatch(str(_get(payload, "check_run", "external_id")))
    if match is None or match["repository"].lower() != str(_get(payload, "repository", "full_name")).lower():
        return None
    return int(match["number"])


def _robot(payload: Mapping[str, Any], here: Here, *author: str) -> bool:
    """Whether a program did this: the sender's account is one, or ours, or that of the `author` named by a path."""
    accounts = [payload.get("sender"), *([_get(payload, *author)] if author else [])]
    return any(
        _get(account, "type") == "Bot" or str(_get(account, "login")).lower() == here.login.lower()
        for account in accounts
    )


def _get(payload: Any, *path: str) -> Any:
    for key in path:
        payload = payload.get(key) if isinstance(payload, dict) else None
    return payload


def _number(payload: Any, *path: str) -> int | None:
    """A number as the forge counts pull requests and comments; `True` is none, and one of 1,000 digits neither."""
    found = _get(payload, *path)
    return found if type(found) is int and 0 < found < 2**53 else None


def _is_sha(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and _SHA.fullmatch(value) is not None


def _is_login(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and _LOGIN.fullmatch(value) is not None


def _storable(text: str) -> str:
    """Without lone surrogates and NUL, which JSON can spell and a database cannot keep."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "\ufffd")


_Reader = Callable[[Mapping[str, Any], Here], Work | None]
_TABLE: tuple[tuple[str, frozenset[str], _Reader], ...] = (
    ("pull_request", frozenset({"opened", "synchronize", "reopened", "ready_for_review"}), _opened),
    ("pull_request", frozenset({"edited"}), _edited),
    ("pull_request", frozenset({"closed", "converted_to_draft"}), _moved),
    ("pull_request", frozenset({"assigned", "unassigned", "labeled", "unlabeled"}), _people_moved),
    ("pull_request_review", frozenset({"submitted", "dismissed"}), _people_moved),
    ("issue_comment", frozenset({"created"}), _comment),
    ("push", frozenset(), _push),
    ("check_run", frozenset({"rerequested"}), _rerun),
    ("check_run", frozenset({"requested_action"}), _button),
    ("check_suite", frozenset({"rerequested"}), _rerun_all),
)
EVENTS = tuple(dict.fromkeys(event for event, _, _ in _TABLE))
"""What the forge is asked to send; GitHub sends `installation` events to every App besides."""
