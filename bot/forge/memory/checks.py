"""Check runs in memory."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

from bot.forge.limits import fitted
from bot.forge.memory.pulls import Pulls
from bot.forge.port import Check, Conclusion


class Checks(Pulls):
    """`checks` holds our check runs in order of creation."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.checks: list[Check] = []

    def ensure_check(self, check: Check) -> None:
        """Make the check run so; see `Forge`. Other buttons alone are no reason to write: GitHub does not show them."""
        wanted = fitted(check)
        with self._lock:
            self._commit_of(wanted.head_sha)
            found = self.check_run(wanted.name, wanted.head_sha, wanted.external_id)
            if found is not None and replace(found, actions=wanted.actions) == wanted:
                return
            if found is None:
                self.checks.append(wanted)
            else:
                self.checks[self.checks.index(found)] = wanted
            self.writes.append(f"check {wanted.name} {wanted.head_sha} {wanted.conclusion or 'in_progress'}")

    def check_run(self, name: str, head_sha: str, external_id: str) -> Check | None:
        """Our check run as it stands, with its annotations."""
        with self._lock:
            for check in self.checks:
                if (check.name, check.head_sha, check.external_id) == (name, head_sha, external_id):
                    return check
            return None

    def check(self, name: str, head_sha: str, external_id: str) -> Conclusion | Literal["in_progress"] | None:
        """State of our check run; None where there is none."""
        with self._lock:
            self._commit_of(head_sha)
            found = self.check_run(name, head_sha, external_id)
        return None if found is None else found.conclusion or "in_progress"
