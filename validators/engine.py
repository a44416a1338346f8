"""Judges files: loads each leaf, runs the selected checks, sorts what they say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from validators.leaffile import LeafFile, load
from validators.limits import LIMITS
from validators.model import Finding, LintConfig, Report
from validators.paths import ATTRIBUTION_FILE, LEAF_FILE, beside, is_judged
from validators.registry import CHECKS, Check, selected
from validators.rules import load_rules

_DEFAULT = LintConfig()


def lint(files: Mapping[str, bytes], *, changed: Iterable[str] | None = None, config: LintConfig = _DEFAULT) -> Report:
    """Judge leaf files.

    `files` maps POSIX paths to contents and must hold at least the files to judge and their `attribution.txt`.
    `changed` names what to judge; None judges every leaf file and every stray YAML file of the taxonomy's trees.
    A changed `attribution.txt` judges the leaf beside it; a path that is not in `files` was deleted and is skipped.
    A fault in one file, even a crash of ours, never keeps the others from being judged.

    Group `compat` gives the reference linter's verdicts, with one exception for safety's sake: it too refuses
    a document with aliases, anchors, merge keys, tags (but `!!str`), more than 32 levels, 20 000 values or 256 KiB.

    Raises UnknownRule (a ValueError) when `config` names no rule or group. Time is linear in the bytes judged.
    """
    load_rules()
    chosen = selected(config)
    paths = _to_judge(files, changed)
    found = [finding for path in paths for finding in _judge(path, files, config, chosen)]
    found.sort(key=lambda f: (f.path, f.line, f.column, f.rule, f.message))
    return Report(tuple(found), len(paths))


def judge(path: str, files: Mapping[str, bytes], config: LintConfig) -> tuple[LeafFile, list[Finding]]:
    """One leaf file, loaded, and what the selected rules say of it."""
    load_rules()
    leaf = load(path, files, config.schema)
    return leaf, list(_findings(leaf, selected(config)))


def _to_judge(files: Mapping[str, bytes], changed: Iterable[str] | None) -> list[str]:
    """The leaf files to judge, sorted, each once."""
    wanted: set[str] = set()
    for path in files if changed is None else changed:
        if path.rpartition("/")[2] == ATTRIBUTION_FILE:
            wanted.add(beside(path, LEAF_FILE))
        elif is_judged(path):
            wanted.add(path)
    return sorted(path for path in wanted if path in files)


def _judge(path: str, files: Mapping[str, bytes], config: LintConfig, chosen: frozenset[str]) -> list[Finding]:
    try:
        return list(_findings(load(path, files, config.schema), chosen))
    except Exception as error:  # the boundary: one file's crash is that file's finding
        message = f"the linter failed on this file ({type(error).__name__}); it was not judged"
        return [Finding("internal-error", "error", path, 1, 1, 1, 1, message, "Please report this as a bug.")]


def _findings(leaf: LeafFile, chosen: frozenset[str]) -> Iterator[Finding]:
    """What the selected checks say, at most LIMITS.findings_per_rule for each rule."""
    counts: Counter[str] = Counter()
    last: dict[str, Finding] = {}
    for check in CHECKS:
        if not _applies(check, leaf, chosen):
            continue
        for finding in check.run(leaf):
            if finding.rule not in chosen:
                continue
            counts[finding.rule] += 1
            last[finding.rule] = finding
            if counts[finding.rule] <= LIMITS.findings_per_rule:
                yield finding
    for rule, count in counts.items():
        if count > LIMITS.findings_per_rule:
            yield _rest(last[rule], count - LIMITS.findings_per_rule)


def _applies(check: Check, leaf: LeafFile, chosen: frozenset[str]) -> bool:
    if not any(rule.id in chosen for rule in check.rules):
        return False
    if check.needs == "mapping":
        return leaf.mapping is not None
    return check.needs == "file" or bool(leaf.source.text)


def _rest(last: Finding, count: int) -> Finding:
    place = (last.line, last.column, last.end_line, last.end_column)
    message = f"{count} more of these, up to this line"
    return Finding(last.rule, last.level, last.path, *place, message, "Mend the ones above first.")
