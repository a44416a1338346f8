"""The words of a verdict: findings, reports, configuration.

Positions count from 1, as editors and GitHub annotations do; columns count Unicode code points;
`end_column` is exclusive.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Level = Literal["error", "warning", "hint"]
SchemaMode = Literal["newest", "declared"] | int


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A piece of a file, from (line, column) up to, not including, (end_line, end_column)."""

    line: int = 1
    column: int = 1
    end_line: int = 1
    end_column: int = 1


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a rule says about one place."""

    rule: str
    level: Level
    path: str
    line: int
    column: int
    end_line: int
    end_column: int
    message: str
    help: str = ""
    fix: str | None = None  # what a mechanical fix would do, in words; None if a person must decide

    @property
    def span(self) -> Span:
        """The place as one value."""
        return Span(self.line, self.column, self.end_line, self.end_column)


@dataclass(frozen=True, slots=True)
class Report:
    """All findings, sorted by path, position and rule, and the number of files judged."""

    findings: tuple[Finding, ...] = ()
    files: int = 0

    @property
    def errors(self) -> int:
        """Findings of level error."""
        return sum(f.level == "error" for f in self.findings)

    @property
    def warnings(self) -> int:
        """Findings of level warning."""
        return sum(f.level == "warning" for f in self.findings)

    @property
    def ok(self) -> bool:
        """Whether nothing must be mended."""
        return self.errors == 0


@dataclass(frozen=True, slots=True)
class LintConfig:
    """What to judge by. `select` and `ignore` name rule ids or groups.

    `schema`: "newest" judges every leaf by the newest version (as the reference's CI does), "declared" by the
    version that each file declares, a number by that version.
    """

    select: tuple[str, ...] = ("default",)
    ignore: tuple[str, ...] = field(default=())
    schema: SchemaMode = "newest"
