"""Which licences a model carries, and whether its operator accepts them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.provenance.record import BuildRecord, ProvenanceError
from validators.content import attribution, licenses
from validators.model import LICENSES

NOT_STATED = "not stated"
_OR = re.compile(r"\s(?:or|OR)\s")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]*[A-Za-z0-9+]")


@dataclass(frozen=True, slots=True)
class Work:
    """A work that a leaf builds on, as its attribution names it; "" and () where it says nothing."""

    title: str
    link: str
    revision: str
    licences: tuple[str, ...]
    creators: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """`allowed`: SPDX identifiers. What is in the public domain is welcome wherever CC0-1.0 is."""

    allowed: tuple[str, ...] = LICENSES

    def accepts(self, stated: str) -> bool:
        """Whether a leaf may come in under what it states; of "A or B" one is enough, of "A and B" each counts."""
        named = [self._accepts_one(part) for part in licenses.parts(stated)]
        return any(named) if _OR.search(stated) else all(named)

    def _accepts_one(self, stated: str) -> bool:
        meant = licenses.identifier(stated, self.allowed)
        return meant in self.allowed or (meant == licenses.PUBLIC_DOMAIN and "CC0-1.0" in self.allowed)


def works(text: str) -> tuple[Work, ...]:
    """The works of an attribution text."""
    read = attribution.parse(text)
    found = []
    for work in read.works:
        values = {name: [value.text for value in work.values(name)] for name in attribution.NAMES}
        first = {name: (some or [""])[0] for name, some in values.items()}
        found.append(
            Work(first["title"], first["link"], first["revision"], tuple(values["license"]), tuple(values["creator"]))
        )
    return tuple(found)


def stated_licences(text: str) -> tuple[str, ...]:
    """What an attribution states, in its own words; where no field does, SPDX identifiers in its running text."""
    fields = [licence for work in works(text) for licence in work.licences]
    found = fields or [word for word in _WORD.findall(text) if word in licenses.KNOWN]
    return tuple(dict.fromkeys(found)) or (NOT_STATED,)


def identifiers(stated: str) -> tuple[str, ...]:
    """The SPDX identifiers that a statement names; its own words where they name none."""
    return tuple(licenses.identifier(part) or " ".join(part.split()) for part in licenses.parts(stated))


def roll_up(record: BuildRecord) -> dict[str, list[str]]:
    """Leaves by licence, both sorted."""
    found: dict[str, set[str]] = {}
    for leaf in record.leaves:
        for stated in stated_licences(leaf["attribution"]):
            for licence in identifiers(stated):
                found.setdefault(licence, set()).add(leaf["path"])
    return {licence: sorted(leaves) for licence, leaves in sorted(found.items())}


def problems(record: BuildRecord, policy: Policy) -> list[str]:
    """One line for each leaf whose licence is unknown or not accepted, with what to do."""
    found = []
    for leaf in record.leaves:
        for stated in stated_licences(leaf["attribution"]):
            if not policy.accepts(stated):
                known = all(licenses.identifier(part) for part in licenses.parts(stated))
                what = "is under" if known else "states no licence that is known:"
                found.append(f"leaf {leaf['path']} {what} {' '.join(stated.split())[:100]}")
    return found


def check(record: BuildRecord, policy: Policy) -> None:
    """Raises `ProvenanceError` that names each leaf which the policy does not accept."""
    found = problems(record, policy)
    if found:
        raise ProvenanceError(
            f"the model may not be published: {'; '.join(found)}. Accepted are {_listed(policy.allowed)} (setting "
            "licences_allowed). Correct the leaf's attribution.txt, or remove the leaf and build again"
        )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)
