"""A forge in memory: a small model of one repository, to script and to look into. The double that ships."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from bot.forge.memory.checks import Checks
from bot.forge.memory.conversation import Conversation
from bot.forge.memory.objects import Files
from bot.forge.port import NotFound, Sent

__all__ = ["MemoryForge"]


class MemoryForge(Checks, Conversation):
    """See `Forge`. Further methods play the other people: contributors, maintainers, git.

    `writes` has one line for each time that something was really written, so that a test can see that a repeated step
    left no trace. `sent` is the log of webhook deliveries, oldest first: a test puts attempts into it.
    """

    def __init__(
        self,
        repository: str = "seedbed/taxonomy",
        *,
        login: str = "seedbed[bot]",
        clone_url: str = "https://forge.invalid/seedbed/taxonomy.git",
        files: Files | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(repository, login, clone_url, clock)
        self.sent: list[Sent] = []
        self.commit("main", files or {})

    def deliveries(self, since: float) -> list[Sent]:
        """Attempts since then, newest first."""
        with self._lock:
            return [sent for sent in reversed(self.sent) if sent.at >= since]

    def redeliver(self, sent: Sent) -> None:
        """One more attempt, which arrives."""
        with self._lock:
            if sent not in self.sent:
                raise NotFound(f"{self.repository}: no delivery {sent.id}")
            self.sent.append(replace(sent, id=self._new_id(), ok=True, at=self._clock()))
            self.writes.append(f"redeliver {sent.guid}")
