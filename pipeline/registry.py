"""Which build is the champion. Builds never change; three names point at them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pipeline.files import write_durably
from pipeline.gate import Verdict


class RegistryError(Exception):
    """A name cannot be moved. The message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Aliases:
    """Build ids by name; None where there is none: the pinned base then serves."""

    champion: str | None = None
    previous: str | None = None
    candidate: str | None = None


@dataclass(frozen=True, slots=True)
class Registry:
    """The names, kept in `folder/aliases.json`; every move is a line of `folder/log.jsonl`."""

    folder: Path

    def aliases(self) -> Aliases:
        """Where the names point now."""
        try:
            return Aliases(**json.loads((self.folder / "aliases.json").read_bytes()))
        except FileNotFoundError:
            return Aliases()
        except (ValueError, TypeError) as error:
            raise RegistryError(
                f"{self.folder / 'aliases.json'} is damaged ({error}); the last line of log.jsonl beside it holds the "
                "names as they were"
            ) from error

    def nominate(self, build_id: str) -> Aliases:
        """Name a build the candidate."""
        return self._move("nominate", replace(self.aliases(), candidate=build_id))

    def promote(self, verdict: Verdict) -> Aliases:
        """Make the judged build the champion. Twice is once. Raises `RegistryError` without a PROMOTE verdict."""
        if verdict.decision != "PROMOTE":
            raise RegistryError(f"build {verdict.build_id} was not promoted by the gate: {' '.join(verdict.reasons)}")
        now = self.aliases()
        if now.champion == verdict.build_id:
            return now
        if (now.champion or "base") != verdict.against:
            raise RegistryError(
                f"build {verdict.build_id} was compared with {verdict.against}, and the champion is now "
                f"{now.champion or 'base'}; build again to compare it with that one"
            )
        return self._move("promote", Aliases(champion=verdict.build_id, previous=now.champion, candidate=None))

    def rollback(self) -> Aliases:
        """Make the previous champion the champion again; without one, the pinned base serves."""
        now = self.aliases()
        if now.champion is None:
            raise RegistryError("there is nothing to roll back: the pinned base model serves already")
        return self._move("rollback", Aliases(champion=now.previous, previous=None, candidate=now.candidate))

    def _move(self, action: str, names: Aliases) -> Aliases:
        if names == self.aliases():
            return names
        entry: Mapping[str, object] = {"action": action, **asdict(names)}
        self.folder.mkdir(parents=True, exist_ok=True)
        # The log first: a kill between the two leaves a line too many, never a move that nobody recorded.
        with (self.folder / "log.jsonl").open("ab") as log:
            log.write((json.dumps(entry, sort_keys=True) + "\n").encode())
            log.flush()
            os.fsync(log.fileno())
        write_durably(self.folder / "aliases.json", json.dumps(asdict(names), sort_keys=True).encode())
        return names
