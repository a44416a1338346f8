"""Reports for people: each finding with its place, its source line, a caret below it, and how to mend it."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

from validators.engine import SECRET
from validators.model import Finding, Report, Span
from validators.output.sources import Texts, masked
from validators.source import Source

_WIDTH = 100
_LEAD = 60
_LINES = 3
_LEVEL_COLORS = {"error": "1;31", "warning": "1;33", "hint": "1;36"}


def render_text(report: Report, files: Mapping[str, bytes], *, color: bool = False) -> str:
    """The report for a terminal, with a summary line; `[*]` marks what `--fix` mends.

    `files` holds the contents that were judged. With `color`, ANSI escapes; never anything else that steers a terminal.
    """
    texts, sources = Texts(files), dict[str, Source]()
    for path, spans in _secrets(report).items():
        sources[path] = masked(texts[path], spans)
    blocks = [_block(f, sources.get(f.path) or texts[f.path].source, _Paint(color)) for f in report.findings]
    return "".join(blocks) + _summary(report)


class _Paint:
    """Colours, or none."""

    def __init__(self, on: bool) -> None:
        self._on = on

    def __call__(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._on and text else text


def _secrets(report: Report) -> dict[str, list[Span]]:
    """The places that no excerpt may show, by path."""
    places: dict[str, list[Span]] = {}
    for finding in report.findings:
        if finding.rule == SECRET:
            places.setdefault(finding.path, []).append(finding.span)
    return places


def _block(finding: Finding, source: Source, paint: _Paint) -> str:
    level = _LEVEL_COLORS[finding.level]
    place = f"{paint(visible(finding.path), '1')}:{finding.line}:{finding.column}:"
    mark = " [*]" if finding.fix else ""
    head = f"{place} {paint(finding.level, level)} {finding.rule}{paint(mark, '36')} {visible(finding.message)}"
    lines = [head, *_excerpt(finding, source, paint)]
    if finding.help:
        lines.append(f"  {paint('help', '36')}: {visible(finding.help)}")
    if finding.fix:
        meaning = f" (changes the meaning: {visible(finding.fix.meaning)})" if finding.fix.meaning else ""
        lines.append(f"  {paint('--fix', '36')}: {visible(finding.fix.title)}{meaning}")
    return "\n".join(lines) + "\n\n"


def _excerpt(finding: Finding, source: Source, paint: _Paint) -> list[str]:
    """The first lines of the place, each cut around it, with carets below; nothing where there is no text."""
    first, last = finding.line, finding.end_line
    if last > first and finding.end_column == 1:
        last -= 1  # it ends behind a line break: the next line is not part of it
    if not source.line(first).strip():
        return []
    shown = range(first, min(last, first + _LINES - 1) + 1)
    gutter = len(str(shown[-1]))
    lines = []
    for number in shown:
        text = source.line(number)
        start = finding.column - 1 if number == first else len(text) - len(text.lstrip())
        end = finding.end_column - 1 if number == finding.end_line else len(text)
        line, carets = _cut(text, start, end)
        lines.append(f"  {paint(f'{number:>{gutter}} |', '34')} {line}".rstrip())
        if text.strip():
            lines.append(f"  {paint(' ' * gutter + ' |', '34')} {paint(carets, _LEVEL_COLORS[finding.level])}")
    if last > shown[-1]:
        lines.append(f"  {' ' * gutter} … and {_count(last - shown[-1], 'more line')}")
    return lines


def _cut(text: str, start: int, end: int) -> tuple[str, str]:
    """A piece of the line around its characters from `start` to `end`, and carets to stand below it."""
    first = max(0, start - _LEAD)
    shown = visible(text[first : first + _WIDTH])
    start, end = start - first, max(start, end) - first
    return shown, " " * _columns(shown[:start]) + "^" * max(1, _columns(shown[start:end]))


def visible(text: str) -> str:
    """Text that cannot steer a terminal or reorder a line: control and direction characters become U+FFFD."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        " " if c == "\t" else "\ufffd" if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") else c for c in text
    )


def _columns(text: str) -> int:
    """Terminal columns: wide East Asian characters take two, combining marks none."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _summary(report: Report) -> str:
    files = _count(report.files, "file")
    hints = len(report.findings) - report.errors - report.warnings
    also = f", {_count(hints, 'hint')}" if hints else ""
    if report.errors or report.warnings:
        counts = f"{files} checked: {_count(report.errors, 'error')}, {_count(report.warnings, 'warning')}{also}.\n"
    else:
        counts = f"{files} checked, all good{also}.\n"
    fixes = [finding.fix for finding in report.findings if finding.fix]
    if not fixes:
        return counts
    telling = sum(bool(fix.meaning) for fix in fixes)
    warning = f" ({telling} of them {'changes' if telling == 1 else 'change'} the meaning)" if telling else ""
    return f"{counts}[*] {len(fixes)} fixable with --fix{warning}.\n"


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
