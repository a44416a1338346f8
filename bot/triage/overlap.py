"""Which open pull requests change the same leaf: one empty blob in the store for each leaf of each."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from bot.pulls import PullState
from pipeline.store.port import Store


def others(store: Store, number: int, leaves: Iterable[str]) -> dict[str, list[int]]:
    """By leaf the numbers of other open pull requests that change it, as far as they were linted; leaves without are
    left out."""
    found = {leaf: [n for n in _numbers(store, leaf) if n != number] for leaf in leaves}
    return {leaf: numbers for leaf, numbers in found.items() if numbers}


def note(store: Store, before: PullState, now: PullState) -> None:
    """Bring the notes of a pull request from its state before to its state now; a closed one changes nothing more."""
    is_open = now.triage is None or now.triage.state not in ("merged", "closed")
    wanted = set(now.lint.leaves if now.lint else ()) if is_open else set()
    old = set(before.lint.leaves if before.lint else ()) | set(now.lint.leaves if now.lint else ())
    for leaf in sorted(old - wanted):
        store.delete(_key(leaf, now.number))
    for leaf in sorted(wanted):
        if not store.exists(_key(leaf, now.number)):
            store.write(_key(leaf, now.number), b"")


def _numbers(store: Store, leaf: str) -> list[int]:
    prefix = _key(leaf, 0).removesuffix("0")
    return sorted(int(key.removeprefix(prefix)) for key in store.keys(prefix))


def _key(leaf: str, number: int) -> str:
    return f"overlap/{hashlib.sha256(leaf.encode()).hexdigest()[:32]}/{number}"
