"""What linter and fixer promise for any bytes; used by the fuzzer and by the property tests."""

from __future__ import annotations

from dataclasses import replace

from validators import Finding, LintConfig, fix, lint
from validators.source import Source

CONFIG = LintConfig(select=("all",))
_COMPAT = LintConfig(select=("compat",))


def broken_promise(path: str, data: bytes) -> str:
    """The first promise that does not hold for a leaf with these bytes, or ""."""
    files = {path: data, path.rpartition("/")[0] + "/attribution.txt": b"Creator names: somebody\n"}
    report = lint(files, config=CONFIG)
    crashed = [finding.message for finding in report.findings if finding.rule == "internal-error"]
    if crashed:
        return f"the linter crashed: {crashed[0]}"
    misplaced = [finding for finding in report.findings if not _inside(finding, files)]
    if misplaced:
        return f"a finding lies outside of its file: {misplaced[0]}"
    done = fix(files, config=CONFIG)
    again = fix(done.files, config=CONFIG)
    if again.files != done.files:
        return f"fixing twice changes something the second time: {again.edits[:3]}"
    if lint(files, config=_COMPAT).ok and not lint(done.files, config=_COMPAT).ok:
        return f"a leaf that passed fails after the fix: {done.edits[:3]}"
    declared = replace(_COMPAT, schema="declared")
    if lint(files, config=declared).ok and not fix(files, config=declared).remaining.ok:
        return "a leaf that passed by its own version fails after the fix"
    return ""


def _inside(finding: Finding, files: dict[str, bytes]) -> bool:
    text = files.get(finding.path, b"").decode("utf-8", "replace").removeprefix("\ufeff")
    source = Source(text)
    start, end = (finding.line, finding.column), (finding.end_line, finding.end_column)
    if not (1 <= finding.line <= source.line_count and 1 <= finding.end_line <= source.line_count and start <= end):
        return False
    return all(1 <= column <= len(source.line(line)) + 1 for line, column in (start, end))
