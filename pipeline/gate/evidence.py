"""What the gate decides by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pipeline.evaluate.port import Item, Score
from pipeline.waivers import Waiver


class EvidenceError(ValueError):
    """The scores do not belong together, so nothing can be judged by them. The message says which and why."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Scores of the same `items` by the pinned `base`, by the `candidate`, and by the `champion` where there is one.

    `changed`: leaves that the champion has not learnt as they are, on which the benefit is looked for. `removed`:
    leaves that it has learnt and that are gone; a build that unlearns them needs no benefit. `again`: scores of the
    incumbent (champion, else base) by a second run with another batch size, for the noise floor. `chats`: what the
    candidate says to ordinary prompts. `failed`: check → why, from training and merging. `waivers`: those that hold on
    the build's day. `audit`: report the audit items, too. `look`: 1, or 2 where the same candidate was INCONCLUSIVE on
    fewer items.
    """

    build_id: str
    items: Sequence[Item]
    base: Sequence[Score]
    candidate: Sequence[Score]
    champion: Sequence[Score] | None = None
    champion_id: str | None = None
    changed: frozenset[str] = frozenset()
    again: Sequence[Score] = ()
    chats: Sequence[str] = ()
    tokenizer_same: bool = True
    failed: Mapping[str, str] = field(default_factory=dict)
    waivers: Sequence[Waiver] = ()
    audit: bool = False
    look: int = 1
    removed: frozenset[str] = frozenset()

    @property
    def incumbent(self) -> Sequence[Score]:
        """Scores of the model that is served now."""
        return self.base if self.champion is None else self.champion

    def asked(self) -> list[Item]:
        """The items that a verdict may know of: never those of `dev`, those of `audit` only where it is opened."""
        suites = {"heldout", "general"} | ({"audit"} if self.audit else set())
        return [item for item in self.items if item.suite in suites]
