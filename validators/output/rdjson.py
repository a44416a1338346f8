"""Reports in the Reviewdog Diagnostic Format, for reviewdog and what reads its format.

Source: github.com/reviewdog/reviewdog, proto/rdf/reviewdog.proto. Columns count bytes of UTF-8; ends are exclusive.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from validators.model import Finding, Fix, Report
from validators.output.sources import Text, Texts, edits_alone

_SEVERITIES = {"error": "ERROR", "warning": "WARNING", "hint": "INFO"}


def render(report: Report, files: Mapping[str, bytes]) -> str:
    """One `DiagnosticResult`."""
    texts = Texts(files)
    document = {
        "source": {"name": "seedbed"},
        "diagnostics": [_diagnostic(finding, texts[finding.path]) for finding in report.findings],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _diagnostic(finding: Finding, text: Text) -> dict[str, Any]:
    diagnostic: dict[str, Any] = {
        "message": "\n".join(filter(None, (finding.message, finding.help, _said(finding.fix)))),
        "location": {"path": finding.path, "range": _range(text, *text.indexes(finding.span))},
        "severity": _SEVERITIES[finding.level],
        "code": {"value": finding.rule},
    }
    if finding.fix and edits_alone(finding.fix):
        diagnostic["suggestions"] = [_suggestion(finding.fix, text)]
    return diagnostic


def _said(fix: Fix | None) -> str:
    """A word of warning where the suggestion changes a value."""
    return f"The suggestion changes the meaning: {fix.meaning}." if fix and fix.meaning and edits_alone(fix) else ""


def _suggestion(fix: Fix, text: Text) -> dict[str, Any]:
    """All edits as one replacement, since each suggestion can be taken without the others."""
    edits = sorted(fix.edits)
    start, end = edits[0].start, max(edit.end for edit in edits)
    parts, at = [], start
    for edit in edits:
        parts += [text.source.text[at : edit.start], edit.text]
        at = edit.end
    return {"range": _range(text, start, end), "text": "".join(parts)}


def _range(text: Text, start: int, end: int) -> dict[str, Any]:
    (line, column), (end_line, end_column) = text.byte_position(start), text.byte_position(end)
    return {"start": {"line": line, "column": column}, "end": {"line": end_line, "column": end_column}}
