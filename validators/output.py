"""Reports as text for people and as JSON for programs; strings out, nothing printed."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

from validators.model import Finding, Report
from validators.source import Source

JSON_VERSION = 1
"""Version of the JSON shape; it rises when a field changes or goes."""

_WIDTH = 100
_LEAD = 60


def render_json(report: Report) -> str:
    """The report as one JSON object, with a final line break. Docs: design, "Contracts"."""
    findings = [_as_json(finding) for finding in report.findings]
    summary = {"files": report.files, "errors": report.errors, "warnings": report.warnings}
    document = {"version": JSON_VERSION, "summary": summary, "findings": findings}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _as_json(finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "level": finding.level,
        "path": finding.path,
        "line": finding.line,
        "column": finding.column,
        "end_line": finding.end_line,
        "end_column": finding.end_column,
        "message": finding.message,
        "help": finding.help,
        "fixable": finding.fix is not None,
    }


def render_text(
    report: Report, files: Mapping[str, bytes], *, show_path: Callable[[str], str] = lambda path: path
) -> str:
    """The report for a terminal: each finding with its source line and a caret, then a summary line.

    `files` holds the contents that were judged; `show_path` turns a finding's path into what the reader can open.
    """
    sources: dict[str, Source] = {}
    blocks = []
    for finding in report.findings:
        if finding.path not in sources:
            text = files.get(finding.path, b"").decode("utf-8", "replace").removeprefix("\ufeff")
            sources[finding.path] = Source(text)
        blocks.append(_block(finding, sources[finding.path], show_path(finding.path)))
    return "".join(blocks) + _summary(report)


def _block(finding: Finding, source: Source, path: str) -> str:
    head = f"{path}:{finding.line}:{finding.column}: {finding.level} {finding.rule} {finding.message}"
    lines = [visible(head)]
    text = source.line(finding.line)
    if text.strip():
        lines += _excerpt(finding, text)
    if finding.help:
        lines.append(f"  help: {visible(finding.help)}")
    return "\n".join(lines) + "\n\n"


def _excerpt(finding: Finding, text: str) -> list[str]:
    """The source line, cut around the place, and carets below it."""
    first = max(0, finding.column - 1 - _LEAD)
    shown = visible(text[first : first + _WIDTH])
    start = finding.column - 1 - first
    end = finding.end_column - 1 - first if finding.end_line == finding.line else len(shown)
    count = max(1, _columns(shown[start : max(start, end)]))
    gutter = str(finding.line)
    blank = " " * len(gutter)
    return [
        f"  {gutter} | {shown}",
        f"  {blank} | {' ' * _columns(shown[:start])}{'^' * count}",
    ]


def visible(text: str) -> str:
    """Text that cannot steer a terminal or reorder a line: control and direction characters become U+FFFD."""
    return "".join(
        " " if c == "\t" else "\ufffd" if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") else c for c in text
    )


def _columns(text: str) -> int:
    """Terminal columns: wide East Asian characters take two, combining marks none."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _summary(report: Report) -> str:
    files = _count(report.files, "file")
    if not report.findings:
        return f"{files} checked, all good.\n"
    return f"{files} checked: {_count(report.errors, 'error')}, {_count(report.warnings, 'warning')}.\n"


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
