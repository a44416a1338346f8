"""Judges a taxonomy that was read, on all cores where that is faster."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bot.cli.lint_files import Taxonomy
from validators.engine import in_order, lint, lint_change, lint_leaves, to_judge
from validators.model import Applied, Change, Finding, LintConfig, Report
from validators.rules import load_rules

_MANY = 200
"""From so many leaves on, starting processes costs less than it gains."""
_PARTS = 4
"""Portions for each process: leaves differ, and none should wait for the slowest."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What is to say of one taxonomy, and what was done to it."""

    root: Path
    report: Report
    files: dict[str, bytes]
    """The contents as they are now."""
    applied: tuple[Applied, ...] = ()
    refused: tuple[str, ...] = ()
    """Files that could not be mended, and why."""


def judge(taxonomy: Taxonomy, config: LintConfig) -> Judged:
    """What the selected rules say. Raises UnknownRule."""
    paths = to_judge(taxonomy.files, taxonomy.changed)
    if len(paths) > _MANY and (cores := _cores()) > 1:
        report = in_order(_side_by_side(taxonomy, config, paths, cores), len(paths))
    else:
        report = lint(taxonomy.files, changed=taxonomy.changed, config=config, change=taxonomy.change())
    return Judged(taxonomy.root, with_unread(taxonomy, report), taxonomy.files)


def _cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _side_by_side(taxonomy: Taxonomy, config: LintConfig, paths: list[str], cores: int) -> list[Finding]:
    """All findings, the leaves judged by one process for each core. The order is left open."""
    import multiprocessing  # slow to load, and needed for large taxonomies alone

    global _JOB
    change = taxonomy.change()
    load_rules()  # before the fork, so that no process does it again
    _JOB = _Job(taxonomy.files, config, change)
    parts = [paths[first :: cores * _PARTS] for first in range(cores * _PARTS)]
    with multiprocessing.get_context("fork").Pool(cores, _ignore_interrupt) as pool:
        found = pool.map_async(_judge_part, parts, chunksize=1)
        whole = lint_change(taxonomy.files, taxonomy.changed, config, change)
        return [*whole, *(finding for part in found.get() for finding in part)]


@dataclass(frozen=True, slots=True)
class _Job:
    """What every process needs; each has it from the fork."""

    files: Mapping[str, bytes]
    config: LintConfig
    change: Change


_JOB = _Job({}, LintConfig(), Change())


def _judge_part(paths: list[str]) -> list[Finding]:
    return lint_leaves(_JOB.files, paths, _JOB.config, _JOB.change)


def _ignore_interrupt() -> None:
    """Ctrl-C is the parent's affair; it ends its pool."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def with_unread(taxonomy: Taxonomy, report: Report) -> Report:
    """The report with what could not be read, as far as no rule has spoken of it."""
    told = {finding.path for finding in report.findings}
    more = [finding for path, finding in taxonomy.unread.items() if path not in told]
    findings = sorted((*report.findings, *more), key=lambda finding: finding.path)
    return Report(tuple(findings), report.files + len(taxonomy.unread))
