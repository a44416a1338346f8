"""The words of a verdict: findings, reports, configuration.

Positions count from 1, as editors and GitHub annotations do; columns count Unicode code points;
`end_column` is exclusive.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from validators.limits import LIMITS, Limits, TokenLimits

Level = Literal["error", "warning", "hint"]
SchemaMode = Literal["newest", "declared"] | int


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A piece of a file, from (line, column) up to, not including, (end_line, end_column)."""

    line: int = 1
    column: int = 1
    end_line: int = 1
    end_column: int = 1


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """Put `text` in the place of the characters from `start` up to, not including, `end`.

    Indexes count code points from 0 in the decoded file, without its byte order mark.
    """

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Fix:
    """A mechanical mend of the finding's own file, by editing its text or by moving it."""

    title: str
    """What it does, as an order: "delete the spaces"."""
    edits: tuple[Edit, ...] = ()
    rename: str = ""
    """The file's new path, if it moves."""
    meaning: str = ""
    """What it changes in the values that a YAML reader sees, in words; "" promises that it changes none."""
    creates: tuple[tuple[str, str], ...] = ()
    """Files that it adds, as pairs of path and text; one that is there already is left alone."""


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
    fix: Fix | None = None
    """The mechanical mend; None if a person must decide."""

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Finding:
        """A finding out of what `dataclasses.asdict` made of it, also after a journey as JSON."""
        fix = data.get("fix")
        if fix is not None:
            edits = tuple(Edit(**edit) for edit in fix["edits"])
            creates = tuple((path, text) for path, text in fix["creates"])
            fix = Fix(fix["title"], edits, fix["rename"], fix["meaning"], creates)
        return cls(**{**data, "fix": fix})

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
class Applied:
    """One fix that was carried out. `line` and `path` are those of the finding at that moment."""

    rule: str
    path: str
    line: int
    title: str
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class FixResult:
    """All files after the fixes, what was done in order, and what is left to say about the result."""

    files: dict[str, bytes]
    """Every file that was given, mended; a renamed file stands under its new path alone."""
    edits: tuple[Applied, ...]
    remaining: Report
    renamed: dict[str, str] = field(default_factory=dict)
    """Old path → new path."""


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit of the change, as far as rules look at it."""

    sha: str
    author_name: str
    author_email: str
    message: str


@dataclass(frozen=True, slots=True)
class Change:
    """What a git change says beside the contents of its files. All of it may be unknown."""

    modes: Mapping[str, str] = field(default_factory=dict)
    """Path → git mode: "100644", "100755" (executable), "120000" (symbolic link), "160000" (submodule)."""
    tree: frozenset[str] = frozenset()
    """Every path of the taxonomy after the change, those included whose contents are not at hand."""
    commits: tuple[Commit, ...] = ()


# Licences under which texts may come in: CONTRIBUTING of the InstructLab taxonomy (SPDX identifiers).
LICENSES = ("Apache-2.0", "CC-BY-4.0", "CC-BY-SA-4.0", "CC0-1.0", "CDLA-Permissive-2.0", "MIT")
HOSTS = ("codeberg.org", "github.com", "gitlab.com")


@dataclass(frozen=True, slots=True)
class LintConfig:
    """What to judge by. `select` and `ignore` name rule ids or groups; `levels` gives a rule another level.

    `schema`: "newest" judges every leaf by the newest version (as the reference's CI does), "declared" by the
    version that each file declares, a number by that version.
    """

    select: tuple[str, ...] = ("default",)
    ignore: tuple[str, ...] = ()
    schema: SchemaMode = "newest"
    levels: Mapping[str, Level] = field(default_factory=dict)
    author: str = ""
    """Login of whoever proposes the change, if known."""
    licenses: tuple[str, ...] = LICENSES
    hosts: tuple[str, ...] = HOSTS
    """Hosts from which a document may be fetched."""
    tokens: Callable[[str], int] | None = None
    """Counts a text's tokens as the configured teacher does; None: an estimate by characters."""
    token_limits: TokenLimits = field(default_factory=TokenLimits)
    limits: Limits = LIMITS
