"""What a set of datasets holds, whose it is, and under which licences: what the dataset card says in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from pipeline.leafdata import LeafDataset
from pipeline.leafreport import without_details
from pipeline.samples import Sample
from validators.content import licenses

NOT_STATED = "not stated"


@dataclass(frozen=True, slots=True)
class LeafLine:
    """One leaf. `documents`: as `repo@commit:path`. `auc`: of its judge, None where none was calibrated."""

    path: str
    kind: str
    author: str
    pull: int | None
    commit: str
    licences: tuple[str, ...]
    documents: tuple[str, ...]
    kept: int
    choices: int
    rejected: int
    auc: float | None
    believed: bool
    notes: tuple[str, ...]


@dataclass(slots=True)
class Inventory:
    """Sums over all leaves. `licences`: leaves by licence. `reasons`: rejected rows by reason, details left out."""

    leaves: list[LeafLine] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    tasks: Counter[str] = field(default_factory=Counter)
    licences: dict[str, list[LeafLine]] = field(default_factory=dict)
    teachers: Counter[tuple[str, str]] = field(default_factory=Counter)
    flows: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)

    @property
    def kept(self) -> int:
        """Rows to train on."""
        return sum(leaf.kept for leaf in self.leaves)

    @property
    def rejected(self) -> int:
        """Rows that are no part of the training files."""
        return sum(leaf.rejected for leaf in self.leaves)

    @property
    def choices(self) -> int:
        """Held-out multiple-choice items."""
        return sum(leaf.choices for leaf in self.leaves)


def take_stock(datasets: Iterable[LeafDataset]) -> Inventory:
    """The inventory of `datasets`, leaves in their order. One without any row is left out: nothing of it is here."""
    found = Inventory()
    for dataset in datasets:
        samples = (*dataset.samples, *dataset.choices, *dataset.rejected)
        if not samples:
            continue
        line = _line(dataset, samples)
        found.leaves.append(line)
        found.kinds[dataset.kind] += line.kept
        found.tasks.update(sample.task for sample in dataset.samples)
        for licence in line.licences:
            found.licences.setdefault(licence, []).append(line)
        found.teachers.update((sample.teacher, sample.teacher_fingerprint) for sample in samples)
        found.flows.update(sample.flow for sample in samples)
        found.reasons.update(without_details(sample.reason) for sample in dataset.rejected if sample.reason)
    return found


def licences_in(text: str) -> tuple[str, ...]:
    """The licences that an attribution names, by SPDX identifier where it is clear which is meant."""
    named = [licenses.identifier(part) or " ".join(part.split()) for part in licenses.parts(text)]
    return tuple(dict.fromkeys(named)) or (NOT_STATED,)


def _line(dataset: LeafDataset, samples: tuple[Sample, ...]) -> LeafLine:
    first, calibration = samples[0], dataset.report.calibration
    return LeafLine(
        path=dataset.leaf,
        kind=dataset.kind,
        author=first.author,
        pull=first.pull,
        commit=first.commit,
        licences=licences_in(first.licence),
        documents=tuple(sorted({sample.document for sample in samples if sample.document})),
        kept=len(dataset.samples),
        choices=len(dataset.choices),
        rejected=len(dataset.rejected),
        auc=calibration.auc if calibration else None,
        believed=bool(calibration and calibration.believed),
        notes=dataset.notes,
    )
