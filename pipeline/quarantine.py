"""Quarantine: leaves that are left out of builds because one was seen to harm others.

An entry counts until its last day, or until the leaf's content changes, or until a person releases it. It lies in
`state/registry/quarantine.json` and in the ledger's `quarantine.json`, from which a lost file is read and a damaged one
can be restored.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from pipeline.blame import Blame
from pipeline.files import append_durably, write_durably
from pipeline.git import GitError
from pipeline.ledger import QUARANTINE, read_file
from pipeline.waivers import Waiver, waiver_of

LASTS = timedelta(days=30)
VERSION = 1


class QuarantineError(Exception):
    """The quarantine cannot be read or changed. The message says why and what to do; no entry is forgotten."""


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A leaf that is left out. `leaf_key`: its content then; `build`: the one it blocked; `victims`: what it harmed.

    `effect`, `low`, `high`: nats per reference token that it added on them, with the bounds of the interval; None
    where it was not measured. `expires`: the last day.
    """

    leaf: str
    leaf_key: str
    build: str
    victims: tuple[str, ...]
    effect: float | None
    low: float | None
    high: float | None
    expires: date


@dataclass(frozen=True, slots=True)
class Ended:
    """An entry that counts no more, and why in plain words."""

    entry: Quarantined
    why: str


def sentence(blame: Blame, keys: Mapping[str, str], *, build: str, today: date) -> tuple[Quarantined, ...]:
    """The entries that follow from a blame. `keys`: leaf → leaf_key as it was built; `build`: the blocked one.

    Raises `KeyError` where a culprit has no key.
    """
    return tuple(
        Quarantined(
            culprit.leaf,
            keys[culprit.leaf],
            build,
            culprit.victims,
            culprit.effect.mean if culprit.effect else None,
            culprit.effect.low if culprit.effect else None,
            culprit.effect.high if culprit.effect else None,
            today + LASTS,
        )
        for culprit in blame.culprits
    )


def sift(
    entries: Iterable[Quarantined], keys: Mapping[str, str], today: date, waivers: Sequence[Waiver] = ()
) -> tuple[tuple[Quarantined, ...], tuple[Ended, ...]]:
    """Entries that still count, and those that ended. `keys`: leaf → leaf_key of the leaves as they are now.

    A leaf that is not among them keeps its entry: it may come back as it was. A waiver suspends an entry and does not
    end it, so the entry is in neither list while the waiver lasts.
    """
    live: list[Quarantined] = []
    ended: list[Ended] = []
    for entry in entries:
        if today > entry.expires:
            ended.append(Ended(entry, f"its quarantine ended on {entry.expires}"))
        elif entry.leaf in keys and keys[entry.leaf] != entry.leaf_key:
            ended.append(Ended(entry, "its content changed"))
        elif waiver_of(waivers, entry.leaf) is None:
            live.append(entry)
    return tuple(live), tuple(ended)


@dataclass(frozen=True, slots=True)
class Quarantine:
    """The entries, kept in `folder/quarantine.json`; every change is a line of `folder/quarantine.log.jsonl`.

    `ledger`: the repository whose ledger tells the entries where the file was lost; None for none.
    """

    folder: Path
    ledger: Path | None = None

    @property
    def path(self) -> Path:
        """The file."""
        return self.folder / "quarantine.json"

    def entries(self) -> tuple[Quarantined, ...]:
        """All entries, sorted by leaf, as last written. Raises `QuarantineError` where the file is damaged."""
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return self._in_ledger()
        except OSError as error:
            raise QuarantineError(f"{self.path} cannot be read: {error.strerror or error}; mend the disk") from error
        try:
            return parse(data)
        except ValueError as error:
            raise QuarantineError(
                f"{self.path} is damaged ({error}), so which leaves to leave out is not known. "
                "`seedbed quarantine restore` takes the entries from the ledger"
            ) from error

    def add(self, new: Iterable[Quarantined]) -> tuple[Quarantined, ...]:
        """Put leaves in; a leaf that is there gets the new entry. Twice is once. Returns all entries."""
        added = {entry.leaf: entry for entry in new}
        with self._alone():
            before = self.entries()
            kept = {entry.leaf: entry for entry in before} | added
            return self._write("add", before, kept.values(), sorted(added))

    def end(self, ended: Iterable[Ended]) -> tuple[Quarantined, ...]:
        """Take out what ended. Twice is once; an entry that was renewed meanwhile stays. Returns all entries."""
        reasons = {one.entry: one.why for one in ended}
        with self._alone():
            before = self.entries()
            gone = [entry for entry in before if entry in reasons]
            why = ". ".join(dict.fromkeys(reasons[entry] for entry in gone))
            kept = [entry for entry in before if entry not in reasons]
            return self._write("end", before, kept, [entry.leaf for entry in gone], why=why)

    def release(self, leaf: str, *, who: str, why: str, at: str = "") -> Quarantined:
        """Take a leaf out by hand; `who` and `why` go into the log. Raises `QuarantineError` where it is not in."""
        if not why.strip():
            raise QuarantineError("a release needs a reason; say why the leaf may come back")
        with self._alone():
            before = self.entries()
            found = next((entry for entry in before if entry.leaf == leaf), None)
            if found is None:
                inside = ", ".join(entry.leaf for entry in before) or "none"
                raise QuarantineError(f"{leaf} is not in quarantine; in it: {inside}")
            kept = [entry for entry in before if entry.leaf != leaf]
            self._write("release", before, kept, [leaf], who=who, why=why, at=at)
            return found

    def restore(self) -> tuple[Quarantined, ...]:
        """Write the file anew from the ledger; a damaged one is moved aside. Returns all entries."""
        with self._alone():
            found = self._in_ledger()
            if self.path.exists():
                try:
                    return parse(self.path.read_bytes())
                except ValueError:
                    self.path.replace(self._aside())
            return self._write("restore", None, found, [entry.leaf for entry in found])

    def _in_ledger(self) -> tuple[Quarantined, ...]:
        if self.ledger is None or not self.ledger.is_dir():
            return ()
        try:
            data = read_file(self.ledger, QUARANTINE)
            return () if data is None else parse(data)
        except GitError as error:
            raise QuarantineError(f"the ledger in {self.ledger} cannot be read: {error}") from error
        except ValueError as error:
            raise QuarantineError(
                f"{QUARANTINE} at the tip of the ledger is damaged ({error}); put a sound one from an earlier commit "
                f"of the branch seedbed/builds into {self.path}"
            ) from error

    def _aside(self) -> Path:
        number = 1
        while (aside := self.path.with_name(f"{self.path.name}.damaged-{number}")).exists():
            number += 1
        return aside

    def _write(
        self,
        action: str,
        before: tuple[Quarantined, ...] | None,
        after: Iterable[Quarantined],
        leaves: Sequence[str],
        **more: str,
    ) -> tuple[Quarantined, ...]:
        kept = tuple(sorted(after, key=lambda entry: entry.leaf))
        if kept == before:
            return kept
        line = {"action": action, "leaves": list(leaves), **{name: text for name, text in more.items() if text}}
        try:
            append_durably(self.folder / "quarantine.log.jsonl", json.dumps(line, sort_keys=True).encode())
            write_durably(self.path, to_json(kept))
        except OSError as error:
            raise QuarantineError(
                f"{self.path} cannot be written ({error.strerror or error}); the entries are what they were. Free "
                "space or mend the disk, then run the same again"
            ) from error
        return kept

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the lock of the file for the moment of a change; the system frees it when its holder dies."""
        import fcntl

        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = (self.folder / "quarantine.lock").open("ab")
        except OSError as error:
            raise QuarantineError(f"{self.folder} cannot be written: {error.strerror or error}; mend that") from error
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def to_json(entries: Iterable[Quarantined]) -> bytes:
    """Canonical JSON, the same for the state and the ledger: the same entries are the same bytes."""
    rows = [asdict(entry) | {"expires": entry.expires.isoformat()} for entry in sorted(entries, key=lambda e: e.leaf)]
    kept = {"version": VERSION, "entries": rows}
    return (json.dumps(kept, sort_keys=True, ensure_ascii=False, indent=1) + "\n").encode()


def parse(data: bytes) -> tuple[Quarantined, ...]:
    """What `to_json` wrote. Raises `ValueError` that says what is wrong, also where only one entry is."""
    kept = json.loads(data)
    if not isinstance(kept, dict) or kept.get("version") != VERSION or not isinstance(kept.get("entries"), list):
        raise ValueError(f"it is no quarantine of version {VERSION}")
    found = tuple(_entry(row) for row in kept["entries"])
    if len({entry.leaf for entry in found}) < len(found):
        raise ValueError("a leaf stands twice in it")
    return found


def _entry(row: Any) -> Quarantined:
    names = {field.name for field in fields(Quarantined)}
    if not isinstance(row, dict) or set(row) != names:
        raise ValueError(f"an entry must have the keys {', '.join(sorted(names))}")
    texts = [row["leaf"], row["leaf_key"], row["build"], *(row["victims"] if isinstance(row["victims"], list) else [0])]
    if not all(isinstance(text, str) and text for text in texts):
        raise ValueError(f"the entry of {row['leaf']!r} holds something else than texts")
    for name in ("effect", "low", "high"):
        number = row[name]
        if number is not None and (isinstance(number, bool) or not isinstance(number, (int, float))):
            raise ValueError(f"`{name}` of {row['leaf']} is no number")
        if number is not None and not math.isfinite(number):
            raise ValueError(f"`{name}` of {row['leaf']} is not finite")
    try:
        expires = date.fromisoformat(row["expires"])
    except TypeError:
        raise ValueError(f"`expires` of {row['leaf']} is no date") from None
    return Quarantined(**{**row, "victims": tuple(row["victims"]), "expires": expires})
