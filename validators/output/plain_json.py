"""Reports as JSON, the project's own shape. Docs: design, "Contracts"."""

from __future__ import annotations

import json
from typing import Any

from validators.model import Finding, Report

JSON_VERSION = 1
"""Version of the JSON shape; it rises when a field changes or goes."""


def render_json(report: Report) -> str:
    """The report as one JSON object, with a final line break."""
    findings = [_as_json(finding) for finding in report.findings]
    summary = {"files": report.files, "errors": report.errors, "warnings": report.warnings}
    document = {"version": JSON_VERSION, "summary": summary, "findings": findings}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _as_json(finding: Finding) -> dict[str, Any]:
    fix = finding.fix
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
        "fixable": fix is not None,
        "fix": {"title": fix.title, "meaning": fix.meaning} if fix else None,
    }
