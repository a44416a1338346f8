"""The forge sends each webhook once. Read its log, and ask again for what never arrived.

An event has several attempts under one GUID; it arrived if one of them did. The job that it started has the GUID as its
id, so an event that did arrive after all starts nothing twice.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field

from pydantic import TypeAdapter, ValidationError

from bot.context import Context
from bot.engine.port import JSON, Steps
from bot.forge.port import Forge, NotFound, Sent
from pipeline.store.port import Store

log = logging.getLogger(__name__)
WINDOW_S = 3 * 86_400  # GitHub keeps its log, and redelivers, for three days
OVERLAP_S = 600.0  # an attempt may appear in the log a little late
ATTEMPTS = 3
_KEY = "redeliver.json"


@dataclass(frozen=True, slots=True)
class Cursor:
    """All before `since` (seconds since 1970) is settled. `asked`: how often we asked again, by GUID."""

    since: float = 0.0
    asked: dict[str, int] = field(default_factory=dict)


_JSON = TypeAdapter(Cursor)


def run(context: Context, steps: Steps, payload: JSON) -> JSON:
    """The payload is not read. Returns the GUIDs that were asked for again."""
    found = steps.run("redeliver", lambda: redeliver(context.forge, context.store, context.clock()))
    return {"redelivered": found}


def redeliver(forge: Forge, store: Store, now: float) -> list[str]:
    """Ask again for what failed since the cursor, each event a few times: one that fails for its own sake would fail
    for ever. Returns GUIDs. Raises `ForgeError`."""
    cursor = _read(store)
    lost = missing(forge.deliveries(max(cursor.since, now - WINDOW_S)))
    asked = {sent.guid: cursor.asked.get(sent.guid, 0) for sent in lost}
    wanted = [sent for sent in lost if asked[sent.guid] < ATTEMPTS]
    for sent in wanted:
        asked[sent.guid] += 1
        _write(store, Cursor(cursor.since, asked))  # first: a kill must not make it ask for ever
        ask_again(forge, sent)
    open_ones = [sent.at for sent in lost if asked[sent.guid] < ATTEMPTS]
    _write(store, Cursor(min([now - OVERLAP_S, *open_ones]), asked))
    return [sent.guid for sent in wanted]


def ask_again(forge: Forge, sent: Sent) -> None:
    """One more attempt; a delivery that the forge has forgotten meanwhile is left to `reconcile`."""
    log.info("delivery %s (%s) did not arrive; asking for it again", sent.guid, sent.event)
    try:
        forge.redeliver(sent)
    except NotFound as error:
        log.warning("%s", error)


def missing(log_entries: Iterable[Sent]) -> list[Sent]:
    """The newest attempt of each event that never arrived, oldest event first. The log knows only what was tried."""
    newest: dict[str, Sent] = {}
    arrived: set[str] = set()
    for sent in sorted(log_entries, key=lambda sent: (sent.at, sent.id)):
        newest[sent.guid] = sent
        if sent.ok:
            arrived.add(sent.guid)
    return [sent for guid, sent in newest.items() if guid not in arrived]


def _read(store: Store) -> Cursor:
    try:
        return _JSON.validate_json(store.read(_KEY))
    except (KeyError, ValidationError):
        return Cursor()  # the first time: the whole window


def _write(store: Store, cursor: Cursor) -> None:
    store.write(_KEY, _JSON.dump_json(cursor))
