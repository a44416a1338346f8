"""What an impact run measured, in the store by its key; and the newest of each leaf, by the leaf's key."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pipeline.evaluate.port import Item, Suite
from pipeline.gate import ALL_GENERAL, ALL_LEAVES, Row
from pipeline.gate.lead import Lead
from pipeline.statistics import Interval
from pipeline.store.port import Store
from pipeline.victims import led_items, victim_items

VERSION = 2


@dataclass(frozen=True, slots=True)
class ItemChange:
    """One question: nats per reference token after minus before, and what its margin `lost`, where it has choices.

    Above zero it got worse.
    """

    id: str
    suite: Suite
    group: str
    change: float
    lost: float | None = None


@dataclass(frozen=True, slots=True)
class Contrasted:
    """A held-out question with the greedy answer before and after."""

    leaf: str
    question: str
    before: str
    after: str
    change: float


@dataclass(frozen=True, slots=True)
class ImpactReport:
    """What the leaves alone did to a model.

    `leaves`: (path, leaf key). `against`: digest of the model that was tuned. `adapter`: SHA-256 of what tuning gave.
    `trained`: rows of leaves in the mixture; `anchors`: rows of the base's own answers beside them. `rows`: the table
    as the gate has it: own leaves, leaves of others, kinds of general questions, and the last two as a whole.
    `answers`: of own leaves. `changes`: of every question. `leads`: of kinds of general questions, those that are lost
    by the gate's measure.
    """

    key: str
    leaves: tuple[tuple[str, str], ...]
    against: str
    adapter: str
    trained: int
    anchors: int
    steps: int
    rows: tuple[Row, ...]
    answers: tuple[Contrasted, ...]
    changes: tuple[ItemChange, ...]
    leads: tuple[Lead, ...]

    @property
    def own(self) -> tuple[Row, ...]:
        """Rows of the leaves that were learnt."""
        paths = {path for path, _ in self.leaves}
        return tuple(row for row in self.rows if row.suite == "heldout" and row.group in paths)

    @property
    def others(self) -> tuple[Row, ...]:
        """Rows of leaves that were watched."""
        paths = {*(path for path, _ in self.leaves), ALL_LEAVES}
        return tuple(row for row in self.rows if row.suite == "heldout" and row.group not in paths)

    @property
    def together(self) -> Row | None:
        """All leaves that were watched, as one."""
        return next((row for row in self.rows if row.group == ALL_LEAVES), self.others[0] if self.others else None)

    @property
    def general(self) -> Row | None:
        """The general suite as a whole."""
        return next((row for row in self.rows if row.group == ALL_GENERAL), None)

    @property
    def kinds(self) -> tuple[Row, ...]:
        """Kinds of general questions."""
        return tuple(row for row in self.rows if row.suite == "general" and row.group != ALL_GENERAL)

    def harm(self, victims: Collection[str] = ("general",)) -> float | None:
        """Mean rise in nats on what a verdict names as harmed, or mean loss of margin where that is what it names; None
        where none of it was asked. Above zero is harm."""
        items = [Item(one.id, one.suite, one.group, "", "") for one in self.changes]
        hurt, led = ({item.id for item in of(items, victims)} for of in (victim_items, led_items))
        asked = [one.lost if one.id in led else one.change for one in self.changes if one.id in hurt]
        changes = [change for change in asked if change is not None]
        return round(math.fsum(changes) / len(changes), 6) if changes else None

    def to_json(self) -> bytes:
        """Canonical JSON: the same report is the same bytes."""
        return (json.dumps({"version": VERSION, **asdict(self)}, sort_keys=True, ensure_ascii=False) + "\n").encode()


def report_from(data: Mapping[str, Any]) -> ImpactReport:
    """Read back what `to_json` wrote (parsed). Raises `ValueError`, `KeyError` or `TypeError` where it did not."""
    if data["version"] != VERSION:
        raise ValueError(f"an impact report of version {data['version']}")
    fields = {name: value for name, value in data.items() if name != "version"}
    fields["leaves"] = tuple((path, key) for path, key in data["leaves"])
    fields["rows"] = tuple(Row(**{**row, "change": Interval(**row["change"])}) for row in data["rows"])
    fields["answers"] = tuple(Contrasted(**one) for one in data["answers"])
    fields["changes"] = tuple(ItemChange(**one) for one in data["changes"])
    fields["leads"] = tuple(Lead(**one) for one in data["leads"])
    return ImpactReport(**fields)


def load_report(store: Store, key: str) -> ImpactReport | None:
    """The report of that key; None where there is none that can be read. Raises `StoreError`."""
    try:
        return report_from(json.loads(store.read(_name(key))))
    except (KeyError, ValueError, TypeError):
        return None  # of another version: it is measured again


def save_report(store: Store, report: ImpactReport) -> None:
    """Keep it; where it is of one leaf alone, blame finds it by the leaf's key. Raises `StoreError`."""
    store.write(_name(report.key), report.to_json())
    if len(report.leaves) == 1:
        store.write(_pointer(report.leaves[0][1]), json.dumps({"report": report.key}).encode())


def known_harm(store: Store, leaves: Mapping[str, str], victims: Collection[str]) -> dict[str, float]:
    """What single leaves are known to add on the victims: for `find_culprits`. `leaves`: path → leaf key.

    Leaves that were never measured alone, or not on these victims, are not in it. Raises `StoreError`.
    """
    found: dict[str, float] = {}
    for path, key in leaves.items():
        report = _newest(store, key)
        harm = report.harm(victims) if report else None
        if harm is not None:
            found[path] = harm
    return found


def _newest(store: Store, leaf_key: str) -> ImpactReport | None:
    try:
        return load_report(store, str(json.loads(store.read(_pointer(leaf_key)))["report"]))
    except (KeyError, ValueError, TypeError):
        return None


def _name(key: str) -> str:
    return f"impact/{key}.json"


def _pointer(leaf_key: str) -> str:
    return f"impact/leaves/{leaf_key}.json"
