"""Reports as GitHub workflow commands, which a runner turns into annotations.

Source: "Workflow commands for GitHub Actions", docs.github.com; escapes as in actions/toolkit, core/src/command.ts.
"""

from __future__ import annotations

from collections.abc import Mapping

from validators.model import Finding, Report
from validators.output.text import visible

_COMMANDS = {"error": "error", "warning": "warning", "hint": "notice"}
_DATA = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A", ":": "%3A", ",": "%2C"})


def render(report: Report, files: Mapping[str, bytes]) -> str:
    """One command for each finding, errors first: GitHub shows ten of each level for a step."""
    order = list(_COMMANDS)
    findings = sorted(report.findings, key=lambda finding: order.index(finding.level))
    return "".join(f"{_command(finding)}\n" for finding in findings)


def _command(finding: Finding) -> str:
    properties: dict[str, object] = {"file": finding.path, "line": finding.line, "endLine": finding.end_line}
    if finding.line == finding.end_line:  # a runner refuses columns of a place that spans lines
        # The end column is inclusive here.
        properties |= {"col": finding.column, "endColumn": max(finding.column, finding.end_column - 1)}
    properties["title"] = finding.rule
    listed = ",".join(f"{name}={str(value).translate(_PROPERTY)}" for name, value in properties.items())
    return f"::{_COMMANDS[finding.level]} {listed}::{_message(finding).translate(_DATA)}"


def _message(finding: Finding) -> str:
    """What is wrong, with its place: a step's log shows the message alone."""
    lines = [f"{finding.path}:{finding.line}:{finding.column}: {finding.message}"]
    if finding.help:
        lines.append(finding.help)
    if finding.fix:
        meaning = f" (changes the meaning: {finding.fix.meaning})" if finding.fix.meaning else ""
        lines.append(f"`seedbed lint --fix` can: {finding.fix.title}{meaning}")
    return "\n".join(map(visible, lines))
