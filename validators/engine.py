"""Judges files: loads each leaf, runs the selected checks, sorts what they say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache

from validators.content.secretscan import masked
from validators.leaffile import LeafFile, load
from validators.model import Change, Finding, LintConfig, Report
from validators.paths import ATTRIBUTION_FILE, LEAF_FILE, beside, is_judged
from validators.registry import CHECKS, ChangeView, Check, selected
from validators.rules import load_rules

_DEFAULT = LintConfig()
SECRET = "leaked-secret"  # noqa: S105  (the id of a rule)
"""The rule after whose findings nothing of the file is quoted in clear."""
_NO_CHANGE = Change()


def lint(
    files: Mapping[str, bytes],
    *,
    changed: Iterable[str] | None = None,
    config: LintConfig = _DEFAULT,
    change: Change = _NO_CHANGE,
) -> Report:
    """Judge leaf files.

    `files` maps POSIX paths to contents and must hold at least the files to judge and their `attribution.txt`.
    `changed` names what to judge; None judges every leaf file and every stray YAML file of the taxonomy's trees.
    A changed `attribution.txt` judges the leaf beside it; a path that is not in `files` was deleted and is skipped.
    `change` tells what contents do not: file modes, the other paths of the taxonomy, the commits.
    A fault in one file, even a crash of ours, never keeps the others from being judged.

    Group `compat` gives the reference linter's verdicts, with one exception for safety's sake: it too refuses
    a document with aliases, anchors, merge keys, tags (but `!!str`), more than 32 levels, 20 000 values or 256 KiB.

    Raises UnknownRule (a ValueError) when `config` names no rule or group. Time is linear in the bytes judged.
    """
    load_rules()
    chosen = selected(config)
    asked = tuple(sorted(set(files if changed is None else changed)))
    judged = to_judge(files, asked)
    found = [finding for path in judged for finding in _judge(path, files, config, change, chosen)]
    found += _of_change(ChangeView(files, asked, tuple(judged), config, change), chosen)
    return in_order(found, len(judged))


def lint_leaves(
    files: Mapping[str, bytes], paths: Iterable[str], config: LintConfig, change: Change = _NO_CHANGE
) -> list[Finding]:
    """What is to say of each leaf file alone. With `lint_change` it is `lint` in parts that may run side by side.

    `paths` are some of `to_judge`. Raises UnknownRule.
    """
    load_rules()
    chosen = selected(config)
    return [finding for path in paths for finding in _judge(path, files, config, change, chosen)]


def lint_change(
    files: Mapping[str, bytes], changed: Iterable[str], config: LintConfig, change: Change = _NO_CHANGE
) -> list[Finding]:
    """What is to say of the change as a whole. Raises UnknownRule."""
    load_rules()
    chosen = selected(config)
    asked = tuple(sorted(set(changed)))
    return _of_change(ChangeView(files, asked, tuple(to_judge(files, asked)), config, change), chosen)


def in_order(findings: Iterable[Finding], files: int) -> Report:
    """The report on so many files, with its findings in the order that they always have."""
    return Report(tuple(sorted(findings, key=lambda f: (f.path, f.line, f.column, f.rule, f.message))), files)


def judge(path: str, files: Mapping[str, bytes], config: LintConfig) -> tuple[LeafFile, list[Finding]]:
    """One leaf file, loaded, and what the selected rules say of it."""
    load_rules()
    leaf = load(path, files, config)
    return leaf, list(_findings(leaf, selected(config)))


def to_judge(files: Mapping[str, bytes], asked: Iterable[str]) -> list[str]:
    """The leaf files to judge where the paths `asked` changed, sorted, each once."""
    wanted: set[str] = set()
    for path in asked:
        if path.rpartition("/")[2] == ATTRIBUTION_FILE:
            wanted.add(beside(path, LEAF_FILE))
        elif is_judged(path):
            wanted.add(path)
    return sorted(path for path in wanted if path in files)


def _judge(
    path: str, files: Mapping[str, bytes], config: LintConfig, change: Change, chosen: frozenset[str]
) -> list[Finding]:
    try:
        found = list(_findings(load(path, files, config, change), chosen))
        return [_discreet(finding) for finding in found] if any(f.rule == SECRET for f in found) else found
    except Exception as error:  # the boundary: one file's crash is that file's finding
        return [_crashed(path, error, "this file; it was not judged")]


def _of_change(view: ChangeView, chosen: frozenset[str]) -> list[Finding]:
    """What the checks say that look at the change as a whole."""
    found: list[Finding] = []
    for check in CHECKS:
        if check.needs == "change" and any(rule.id in chosen for rule in check.rules):
            try:
                found += _limited(check.run(view), chosen, view.config)
            except Exception as error:
                found.append(_crashed(view.changed[0] if view.changed else "", error, "the change as a whole"))
    return found


def _discreet(finding: Finding) -> Finding:
    """The finding without a secret in its words, which end up in logs and comments that everybody reads."""
    fix = finding.fix and replace(finding.fix, title=masked(finding.fix.title), meaning=masked(finding.fix.meaning))
    return replace(finding, message=masked(finding.message), help=masked(finding.help), fix=fix)


def _crashed(path: str, error: Exception, what: str) -> Finding:
    message = f"the linter failed on {what} ({type(error).__name__})"
    return Finding("internal-error", "error", path, 1, 1, 1, 1, message, "Please report this as a bug.")


def _findings(leaf: LeafFile, chosen: frozenset[str]) -> Iterator[Finding]:
    """What the selected checks say of one leaf."""
    text, mapping = bool(leaf.source.text), leaf.mapping is not None
    for check in _leaf_checks(chosen):
        if check.needs == "file" or (mapping if check.needs == "mapping" else text):
            yield from _limited(check.run(leaf), chosen, leaf.config)


@lru_cache(maxsize=8)
def _leaf_checks(chosen: frozenset[str]) -> tuple[Check, ...]:
    """The checks of single leaves that have a rule to speak for."""
    return tuple(c for c in CHECKS if c.needs != "change" and any(rule.id in chosen for rule in c.rules))


def _limited(findings: Iterable[Finding], chosen: frozenset[str], config: LintConfig) -> Iterator[Finding]:
    """Findings of the selected rules at their configured level, at most limits.findings_per_rule for each rule."""
    counts: dict[str, int] = {}
    last: dict[str, Finding] = {}
    for finding in findings:
        if finding.rule not in chosen:
            continue
        if finding.rule in config.levels:
            finding = replace(finding, level=config.levels[finding.rule])
        counts[finding.rule] = counts.get(finding.rule, 0) + 1
        last[finding.rule] = finding
        if counts[finding.rule] <= config.limits.findings_per_rule:
            yield finding
    for rule, count in counts.items():
        if count > config.limits.findings_per_rule:
            yield _rest(last[rule], count - config.limits.findings_per_rule)


def _rest(last: Finding, count: int) -> Finding:
    place = (last.line, last.column, last.end_line, last.end_column)
    message = f"{count} more of these, up to this line"
    return Finding(last.rule, last.level, last.path, *place, message, "Mend the ones above first.")
