"""Reports as SARIF 2.1.0 (OASIS), for code scanning and other dashboards.

Source: "Static Analysis Results Interchange Format (SARIF) Version 2.1.0 Plus Errata 01", docs.oasis-open.org/sarif.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import quote

from validators.model import Edit, Finding, Fix, Report
from validators.output.explain import Explanation, explanation
from validators.output.sources import Text, Texts, edits_alone

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {"error": "error", "warning": "warning", "hint": "note"}


def render(report: Report, files: Mapping[str, bytes]) -> str:
    """One run with the rules that found something. Columns are code points; paths are as in the findings."""
    texts = Texts(files)
    ids = sorted({finding.rule for finding in report.findings})
    seen: Counter[str] = Counter()
    run = {
        "tool": {"driver": {"name": "seedbed", "rules": [_rule(explanation(id)) for id in ids]}},
        "columnKind": "unicodeCodePoints",
        "newlineSequences": ["\r\n", "\n", "\r"],
        "results": [_result(finding, texts[finding.path], ids, seen) for finding in report.findings],
    }
    document = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _rule(rule: Explanation) -> dict[str, Any]:
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.summary},
        "fullDescription": {"text": f"{rule.summary} {rule.reason}".strip()},
        "help": {"text": rule.text(), "markdown": rule.markdown()},
        "defaultConfiguration": {"level": _LEVELS[rule.level]},
        "properties": {"tags": list(rule.groups)},
    }


def _result(finding: Finding, text: Text, ids: list[str], seen: Counter[str]) -> dict[str, Any]:
    place = {
        "artifactLocation": {"uri": quote(finding.path)},
        "region": {
            "startLine": finding.line,
            "startColumn": finding.column,
            "endLine": finding.end_line,
            "endColumn": finding.end_column,
        },
    }
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": ids.index(finding.rule),
        "level": _LEVELS[finding.level],
        "message": {"text": _plain(f"{finding.message}. {finding.help}".strip())},
        "locations": [{"physicalLocation": place}],
        "partialFingerprints": {"seedbedLine/v1": _fingerprint(finding, text, seen)},
    }
    if finding.fix and edits_alone(finding.fix):
        result["fixes"] = [_fix(finding, finding.fix, text)]
    return result


def _fix(finding: Finding, fix: Fix, text: Text) -> dict[str, Any]:
    meaning = f" (changes the meaning: {fix.meaning})" if fix.meaning else ""
    return {
        "description": {"text": _plain(fix.title + meaning)},
        "artifactChanges": [
            {
                "artifactLocation": {"uri": quote(finding.path)},
                "replacements": [_replacement(edit, text) for edit in sorted(fix.edits)],
            }
        ],
    }


def _replacement(edit: Edit, text: Text) -> dict[str, Any]:
    """An edit by offset, and by line and column too where these can say it: no column lies inside a line break."""
    region = {"charOffset": edit.start, "charLength": edit.end - edit.start}
    (line, column), (end_line, end_column) = (text.source.position(i) for i in (edit.start, edit.end))
    if (text.index(line, column), text.index(end_line, end_column)) == (edit.start, edit.end):
        region |= {"startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column}
    return {"deletedRegion": region, "insertedContent": {"text": edit.text}}


def _fingerprint(finding: Finding, text: Text, seen: Counter[str]) -> str:
    """The same for the same fault as long as its line stays the same, wherever the line moves to."""
    key = "\0".join((finding.rule, finding.path, text.source.line(finding.line).strip()))
    seen[key] += 1
    return f"{sha256(key.encode('utf-8', 'replace')).hexdigest()[:32]}:{seen[key]}"


def _plain(text: str) -> str:
    """A plain-text message (§3.11): braces are doubled, and nothing in it is a link."""
    return text.replace("{", "{{").replace("}", "}}").replace("](", "] (")
