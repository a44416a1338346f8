"""What a rule says of itself, for the command line, the documentation and the formats that carry help texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from validators.model import Level
from validators.output.shown import fenced, indented, sides
from validators.registry import RULES, Rule
from validators.rules import load_rules

RULES_PAGE = "docs/reference/rules.md"
"""Where the rules stand in this project's repository. Outputs carry the help itself: a link would need an address."""

# Findings that no rule in the registry makes, so that none can be turned off.
_BESIDE_RULES: dict[str, tuple[Level, str, str]] = {
    "cannot-judge": (
        "error",
        "The linter can judge the change within its limits of time and memory.",
        "A file that costs more than any honest one is refused.",
    ),
    "internal-error": (
        "error",
        "The linter works.",
        "It failed on this file; the others were judged all the same. Please report it as a bug.",
    ),
    "unreadable": (
        "error",
        "Every file of a leaf is a plain file that can be read.",
        "The linter reads nothing through links, pipes or devices: they could lead out of the taxonomy.",
    ),
}


@dataclass(frozen=True, slots=True)
class Explanation:
    """A rule in words. `bad` and `good` show what breaks and what keeps it; empty where nothing can be shown."""

    id: str
    level: Level
    groups: tuple[str, ...]
    summary: str
    reason: str
    fixes: bool
    bad: str = ""
    good: str = ""
    language: Literal["yaml", "text"] = "yaml"

    @property
    def page(self) -> str:
        """Its place in the documentation, from the root of this project's repository."""
        return f"{RULES_PAGE}#{self.id}"

    def text(self) -> str:
        """Everything, for a terminal or a plain-text field."""
        parts = [self.summary, self.reason]
        parts += [f"{title}:\n\n{indented(shown)}" for title, shown in self.sides()]
        return "\n\n".join(filter(None, parts)) + "\n"

    def markdown(self) -> str:
        """Everything, as GitHub-flavoured Markdown without headings."""
        parts = [self.summary, self.reason]
        parts += [f"{title}:\n\n{fenced(shown, self.language)}" for title, shown in self.sides()]
        return "\n\n".join(filter(None, parts)) + "\n"

    def sides(self) -> list[tuple[str, str]]:
        """The sides of the example with their titles."""
        return [(title, shown) for title, shown in (("Wrong", self.bad), ("Right", self.good)) if shown]

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "id": self.id,
            "level": self.level,
            "groups": list(self.groups),
            "summary": self.summary,
            "reason": self.reason,
            "fixes": self.fixes,
            "bad": self.bad,
            "good": self.good,
            "page": self.page,
        }


def explanation(id: str) -> Explanation:
    """What rule `id` says of itself. An id that nobody declared gets an empty one."""
    load_rules()
    if id in RULES:
        return explain(RULES[id])
    level, summary, reason = _BESIDE_RULES.get(id, ("error", id, ""))
    return Explanation(id, level, (), summary, reason, fixes=False)


def beside_rules() -> list[Explanation]:
    """The findings that come from no rule."""
    return [explanation(id) for id in _BESIDE_RULES]


def explain(rule: Rule) -> Explanation:
    """A rule of the registry in words."""
    example = rule.example
    language: Literal["yaml", "text"] = "text" if example.attribution or not example.bad else "yaml"
    groups = tuple(sorted(rule.groups))
    return Explanation(
        rule.id, rule.level, groups, rule.summary, rule.reason, rule.fixes, *sides(example), language=language
    )
