"""Which build is the champion. Builds never change; three names point at them, and all three change at once."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from pipeline.files import append_durably, write_durably
from pipeline.gate import Verdict

BASE = "base"


class RegistryError(Exception):
    """A name cannot be read or moved. The message says why and what to do; the champion stays what it was."""


@dataclass(frozen=True, slots=True)
class Aliases:
    """Build ids by name; None where there is none: the pinned base then serves.

    `rejected`: builds that a person took back, with who and why; the same inputs are not promoted again.
    `generation` counts the moves, so that whoever serves the champion sees a change by one number.
    """

    champion: str | None = None
    previous: str | None = None
    candidate: str | None = None
    rejected: Mapping[str, str] = field(default_factory=dict)
    generation: int = field(default=0, compare=False)

    def for_ledger(self) -> bytes:
        """`champion.json`: what the ledger keeps, without what depends on this machine."""
        kept = {"champion": self.champion, "previous": self.previous, "rejected": dict(self.rejected)}
        return (json.dumps(kept, sort_keys=True, ensure_ascii=False, indent=1) + "\n").encode()


@dataclass(frozen=True, slots=True)
class Registry:
    """The names, kept in `folder/aliases.json`; every move is a line of `folder/log.jsonl`.

    Moves of several processes come one after another; readers never wait.
    """

    folder: Path

    def aliases(self) -> Aliases:
        """Where the names point now. Raises `RegistryError` where the file is damaged or lost."""
        path = self.folder / "aliases.json"
        try:
            return _aliases(json.loads(path.read_bytes()))
        except FileNotFoundError:
            last = self._logged()
            if last is None or last.generation < 2:  # a kill at the very first move leaves a line and no names
                return Aliases()
            raise RegistryError(f"{path} is missing, and log.jsonl beside it knows of {_REPAIR}") from None
        except (ValueError, TypeError) as error:
            raise RegistryError(f"{path} is damaged ({error}); log.jsonl beside it knows of {_REPAIR}") from error
        except OSError as error:
            raise RegistryError(f"{path} cannot be read: {error.strerror or error}") from error

    def nominate(self, build_id: str) -> Aliases:
        """Name a build the candidate."""
        with self._alone():
            return self._move("nominate", replace(self.aliases(), candidate=build_id))

    def promote(self, verdict: Verdict) -> Aliases:
        """Make the judged build the champion. Twice is once. Raises `RegistryError` where the gate did not promote
        it, where it was compared with another than the champion, and where a person took it back.
        """
        if verdict.decision != "PROMOTE":
            raise RegistryError(f"build {verdict.build_id} was not promoted by the gate: {' '.join(verdict.reasons)}")
        with self._alone():
            if (rejected := self.rejection(verdict.build_id)) is not None:
                raise RegistryError(rejected)
            return self._move("promote", self.foresee(verdict))

    def foresee(self, verdict: Verdict) -> Aliases:
        """The names after this verdict, for the ledger that is written before they move: a build that is held or was
        taken back moves none. Raises `RegistryError` where the champion is another than the one compared with.
        """
        now = self.aliases()
        if verdict.decision != "PROMOTE" or verdict.build_id in now.rejected or now.champion == verdict.build_id:
            return now
        if (now.champion or BASE) != verdict.against:
            raise RegistryError(
                f"build {verdict.build_id} was compared with {verdict.against}, and the champion is now "
                f"{now.champion or BASE}; build again to compare it with that one"
            )
        return replace(now, champion=verdict.build_id, previous=now.champion, candidate=None)

    def rejection(self, build_id: str) -> str | None:
        """Why a build is not promoted though the gate would, and what to do; None where nobody took it back."""
        why = self.aliases().rejected.get(build_id)
        if why is None:
            return None
        return (
            f"build {build_id} was {why}. The same inputs are not promoted again: change a leaf or the recipe, or put "
            f"it back with `seedbed rollback --to {build_id}`"
        )

    def rollback(self, to: str | None = None, *, who: str = "", why: str = "", at: str = "") -> Aliases:
        """Make the previous champion the champion again, or the build `to` ("base": the pinned base).

        The champion, and those between it and `to`, are rejected until their inputs change; `to` is so no more. Where
        `to` came after the champion and was taken back, that is undone and nothing is rejected.
        `who`, `why`, `at` (a time, as text) go into the log. Raises `RegistryError` where there is nothing to do.
        """
        with self._alone():
            now = self.aliases()
            after = self._rolled_back(now, to, _signed(who, why))
            return self._move("rollback", after, {"who": who, "why": why, "at": at, "from": now.champion or BASE})

    def preview_rollback(self, to: str | None = None) -> Aliases:
        """The names as `rollback` would leave them; changes nothing. Raises as it does."""
        return self._rolled_back(self.aliases(), to, _signed("", ""))

    def repair(self, *, who: str = "", at: str = "") -> Aliases:
        """Where the names cannot be read, write them anew as the last whole line of the log has them.

        Raises `RegistryError` where there is no such line.
        """
        with self._alone():
            with suppress(RegistryError):
                return self.aliases()
            last = self._logged()
            if last is None:
                raise RegistryError(
                    f"{self.folder / 'log.jsonl'} has no whole line; copy champion and previous from champion.json of "
                    "the branch seedbed/builds into aliases.json"
                )
            return self._write("repair", last, {"who": who, "at": at})

    def history(self) -> list[dict[str, Any]]:
        """Every move, oldest first; a line that was cut off is left out."""
        try:
            lines = (self.folder / "log.jsonl").read_bytes().splitlines()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise RegistryError(
                f"{self.folder / 'log.jsonl'} cannot be read: {error.strerror or error}; mend the disk"
            ) from error
        return [entry for line in lines if (entry := _entry(line)) is not None]

    def _logged(self) -> Aliases | None:
        for entry in reversed(self.history()):
            try:
                return _aliases({name: entry[name] for name in Aliases.__slots__ if name in entry})
            except (ValueError, TypeError):
                continue
        return None

    def _rolled_back(self, now: Aliases, to: str | None, signed: str) -> Aliases:
        if now.champion is None and to in (None, BASE):
            raise RegistryError("there is nothing to roll back: the pinned base model serves already")
        before = _before(self.history())
        target = now.previous if to is None else None if to == BASE else to
        if target is not None and target == now.champion:
            raise RegistryError(f"build {target} is the champion already")
        if to is not None and target is not None and target not in before:
            raise RegistryError(
                f"build {target} was never the champion, so it cannot be put back; the registry's log knows "
                f"{', '.join(before) or 'none'}"
            )
        forward = now.champion in _chain(target, before)  # put back what was taken down: nothing else goes
        taken = [] if forward or now.champion is None else [now.champion, *_between(now.champion, target, before)]
        rejected = {**now.rejected, **dict.fromkeys(taken, signed)}
        rejected.pop(target or "", None)
        previous = before.get(target) if target else None
        while previous in rejected:
            previous = before.get(previous)
        return replace(now, champion=target, previous=previous, rejected=rejected)

    def _move(self, action: str, names: Aliases, more: Mapping[str, str] | None = None) -> Aliases:
        return names if names == self.aliases() else self._write(action, names, more or {})

    def _write(self, action: str, names: Aliases, more: Mapping[str, str]) -> Aliases:
        names = replace(names, generation=names.generation + 1)
        entry = {"action": action, **{name: value for name, value in more.items() if value}, **asdict(names)}
        try:
            # The log first: a kill between the two leaves a line too many, never a move that nobody recorded.
            append_durably(self.folder / "log.jsonl", json.dumps(entry, sort_keys=True).encode())
            write_durably(self.folder / "aliases.json", json.dumps(asdict(names), sort_keys=True).encode())
        except OSError as error:
            raise RegistryError(
                f"the names in {self.folder} cannot be written ({error.strerror or error}); the champion is what it "
                "was. Free space or mend the disk, then run the same again"
            ) from error
        return names

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the lock of the names for the moment of a move; the system frees it when its holder dies."""
        import fcntl

        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = (self.folder / "registry.lock").open("ab")
        except OSError as error:
            raise RegistryError(f"{self.folder} cannot be written: {error.strerror or error}; mend that") from error
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


_REPAIR = "the names as they were: `seedbed rollback --repair` takes them from there"


def _aliases(kept: Any) -> Aliases:
    """Aliases as read; raises `TypeError` or `ValueError` for what they cannot be."""
    if not isinstance(kept, dict):
        raise TypeError("it holds no names")
    names = Aliases(**kept)
    texts: list[Any] = [value for value in (names.champion, names.previous, names.candidate) if value is not None]
    if not isinstance(names.rejected, dict) or not isinstance(names.generation, int):
        raise TypeError("rejected or generation is of the wrong kind")
    if not all(isinstance(text, str) and text for text in [*texts, *names.rejected, *names.rejected.values()]):
        raise TypeError("a name is no text")
    return names


def _entry(line: bytes) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None


def _before(moves: list[dict[str, Any]]) -> dict[str, str | None]:
    """Champions by the one that they replaced when they were last promoted, in the order of promotion."""
    return {
        str(move["champion"]): move.get("previous")
        for move in moves
        if move.get("action") == "promote" and move.get("champion")
    }


def _chain(build: str | None, before: Mapping[str, str | None]) -> list[str]:
    """The champions that came before a build, the latest first."""
    chain: list[str] = []
    at = before.get(build) if build else None
    while at is not None and at not in chain:
        chain.append(at)
        at = before.get(at)
    return chain


def _between(champion: str, target: str | None, before: Mapping[str, str | None]) -> list[str]:
    """The champions between the two, where `target` (None: the base) came before; none where it did not."""
    chain = _chain(champion, before)
    if target is None:
        return chain
    return chain[: chain.index(target)] if target in chain else []


def _signed(who: str, why: str) -> str:
    by = f" by {who}" if who else ""
    return f"rolled back{by}{f': {why}' if why else ''}"
