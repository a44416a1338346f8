"""Mends what a machine can mend, by editing text, and believes no edit that it has not checked.

Rounds: lint, take the fixes that do not touch each other, apply, lint again, until nothing is left to do. A fix is
dropped if it claims to keep all values and does not, if the file gets more errors, or if it stops being YAML.
"""

from __future__ import annotations

import sys
from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from validators.engine import lint, lint_leaves, to_judge
from validators.model import Applied, Change, Edit, Finding, Fix, FixResult, LintConfig
from validators.paths import is_judged
from validators.source import Source
from validators.yamltree import YamlError, parse

_DEFAULT = LintConfig()
_NO_CHANGE = Change()
_ROUNDS = 30
_CHECKED = 1_000_000
"""Characters that are linted again and again, for one file and round, to find the fixes that break their promise."""
_FEWEST_CHECKS = 12
_BOM = b"\xef\xbb\xbf"


def fix(
    files: Mapping[str, bytes],
    *,
    changed: Iterable[str] | None = None,
    config: LintConfig = _DEFAULT,
    change: Change = _NO_CHANGE,
) -> FixResult:
    """Mend the files that `lint` with the same arguments would judge.

    Comments, order and style stay. What changes a value says so in its `Applied.meaning`. A file that had no error
    has none afterwards, and fixing the result again changes nothing. Raises UnknownRule.
    """
    # The cap on findings is for readers; what it hides would be left unmended.
    everything = replace(config, limits=replace(config.limits, findings_per_rule=sys.maxsize))
    mending = _Mending(dict(files), everything, change)
    asked = set(files if changed is None else changed)
    todo = asked
    for _ in range(_ROUNDS):
        report = lint(mending.files, changed=todo, config=everything, change=change)
        todo = mending.round(report.findings)
        asked |= {mending.renamed.get(path, path) for path in todo}
        if not todo:
            break
    asked = {mending.renamed.get(path, path) for path in asked}
    remaining = lint(mending.files, changed=asked, config=config, change=change)
    return FixResult(mending.files, tuple(mending.applied), remaining, mending.renamed)


def apply(text: str, edits: Iterable[Edit]) -> str:
    """`text` with edits that do not overlap carried out."""
    parts, at = [], 0
    for edit in sorted(edits):
        parts += [text[at : edit.start], edit.text]
        at = edit.end
    return "".join([*parts, text[at:]])


@dataclass(slots=True)
class _Mending:
    """The files as they are by now, and what was done to them."""

    files: dict[str, bytes]
    config: LintConfig
    change: Change
    applied: list[Applied] = field(default_factory=list)
    renamed: dict[str, str] = field(default_factory=dict)

    def round(self, findings: Iterable[Finding]) -> set[str]:
        """Carry out one round of fixes; the paths that changed, under their new names."""
        by_path: dict[str, list[Finding]] = {}
        for finding in findings:
            by_path.setdefault(finding.path, []).append(finding)
        done: set[str] = set()
        for path, found in by_path.items():
            done.update(self._create(found))
            if path in self.files and self._edit(path, found):
                done.add(path)
            if new := self._rename(path, found):
                done.add(new)
        return done

    def _create(self, found: list[Finding]) -> list[str]:
        """Add the files that fixes bring, where nothing lies yet; their paths."""
        created = []
        for rule, fix in [(finding.rule, finding.fix) for finding in found if finding.fix]:
            for path, text in fix.creates:
                if path not in self.files and path not in self.change.tree:
                    self.files[path] = text.encode("utf-8")
                    self.applied.append(Applied(rule, path, 1, fix.title, fix.meaning))
                    created.append(path)
        return created

    def _edit(self, path: str, found: list[Finding]) -> bool:
        data = self.files[path]
        try:
            text = data.removeprefix(_BOM).decode("utf-8")
        except UnicodeDecodeError:
            return False
        chosen = _disjoint(_most_urgent(found))
        if not chosen:
            return False
        before = self._state(path, text, found)
        checks = max(_FEWEST_CHECKS, _CHECKED // max(1, len(text)))
        kept = _largest(chosen, _Patient(lambda some: self._holds(path, text, some, before), checks))
        if not kept:
            return False
        new = apply(text, (edit for _, fix in kept for edit in fix.edits))
        self.files[path] = (_BOM if data.startswith(_BOM) else b"") + new.encode("utf-8")
        self.applied += [Applied(f.rule, path, f.line, fix.title, fix.meaning) for f, fix in kept]
        return True

    def _holds(self, path: str, text: str, some: list[tuple[Finding, Fix]], before: _State) -> bool:
        """Whether the file with these fixes is what they promise, and no worse than before."""
        new = apply(text, (edit for _, fix in some for edit in fix.edits))
        if new == text:
            return False
        files = {**self.files, path: new.encode("utf-8")}
        found = lint_leaves(files, to_judge(files, [path]), self.config, self.change)
        after = self._state(path, new, [finding for finding in found if finding.path == path])
        if after.broken and not before.broken:
            return False
        if before.broken and after.broken:
            return after.errors < before.errors or after.first > before.first
        if before.broken:
            return True  # it can be read now; what it says may well be wrong still
        silent = all(not fix.meaning for _, fix in some)
        return after.errors <= before.errors and not (silent and after.value != before.value)

    def _state(self, path: str, text: str, found: list[Finding]) -> _State:
        errors = sum(finding.level == "error" for finding in found)
        if not is_judged(path):
            return _State(False, None, errors)
        try:
            root = parse(Source(text), self.config.limits)
        except YamlError as error:
            faults = sum(finding.rule.startswith("yaml-") for finding in found)
            return _State(True, None, faults, error.problem.start)
        return _State(False, root.value if root else None, errors)

    def _rename(self, path: str, found: list[Finding]) -> str:
        """Move a file whose name is wrong, unless something lies at its new place; the new path or ""."""
        for finding in found:
            new = finding.fix.rename if finding.fix else ""
            if new and new not in self.files and new not in self.change.tree and path in self.files:
                self.files[new] = self.files.pop(path)
                self.renamed[path] = new
                self.applied.append(Applied(finding.rule, path, finding.line, finding.fix.title if finding.fix else ""))
                return new
        return ""


@dataclass(frozen=True, slots=True)
class _State:
    """A file as a fix must not spoil it."""

    broken: bool
    value: object
    errors: int
    """Of broken YAML, those alone that break it: the others come to light as more can be read."""
    first: int = 0
    """Where YAML readers stop."""


def _most_urgent(found: list[Finding]) -> list[tuple[Finding, Fix]]:
    """The fixes with edits, by place. While the YAML is broken, only those that mend it: the rest is guesswork."""
    fixes = [(finding, finding.fix) for finding in found if finding.fix and finding.fix.edits]
    if any(finding.rule.startswith("yaml-") for finding in found if finding.level == "error"):
        fixes = [(finding, fix) for finding, fix in fixes if finding.rule.startswith("yaml-")]
    silent_first = sorted(fixes, key=lambda pair: (bool(pair[1].meaning), min(pair[1].edits)))
    if silent_first and not silent_first[0][1].meaning:
        return [pair for pair in silent_first if not pair[1].meaning]
    return silent_first


def _disjoint(fixes: list[tuple[Finding, Fix]]) -> list[tuple[Finding, Fix]]:
    """As many of the fixes, first come first served, as do not touch each other's places."""
    taken: list[tuple[Finding, Fix]] = []
    places: list[tuple[int, int]] = []  # sorted; they do not touch
    for finding, fix in fixes:
        if not any(_touches(edit, places) for edit in fix.edits):
            taken.append((finding, fix))
            for edit in fix.edits:
                insort(places, (edit.start, edit.end))
    return taken


def _touches(edit: Edit, places: list[tuple[int, int]]) -> bool:
    at = bisect_left(places, (edit.start, edit.start))
    return any(start <= edit.end and edit.start <= end for start, end in places[max(0, at - 1) : at + 1])


class _Patient:
    """A test that says yes or no so many times, and after that no: a hostile file must not keep the fixer busy."""

    def __init__(self, holds: Callable[[list[tuple[Finding, Fix]]], bool], times: int) -> None:
        self._holds = holds
        self._times = times

    def __call__(self, fixes: list[tuple[Finding, Fix]]) -> bool:
        self._times -= 1
        return self._times >= 0 and self._holds(fixes)


def _largest(
    fixes: list[tuple[Finding, Fix]], holds: Callable[[list[tuple[Finding, Fix]]], bool]
) -> list[tuple[Finding, Fix]]:
    """The fixes without those that break their promise, found by halving."""
    if not fixes or holds(fixes):
        return fixes
    if len(fixes) == 1:
        return []
    middle = len(fixes) // 2
    first = _largest(fixes[:middle], holds)
    second = _largest(fixes[middle:], holds)
    both = first + second
    return both if not (first and second) or holds(both) else first
