"""Rules by id and group, and the checks that speak for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from validators.leaffile import LeafFile
from validators.model import Finding, Level, LintConfig, Span

Needs = Literal["file", "text", "mapping"]
"""What a check must have: any file at all, a file that could be decoded, or a tree with a mapping at its root."""


class UnknownRule(ValueError):
    """A selection names something that is neither a rule nor a group."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that can be wrong. `groups` are the names by which it is selected beside its id."""

    id: str
    groups: frozenset[str]
    level: Level
    summary: str

    def at(
        self, leaf: LeafFile, span: Span, message: str, help: str = "", *, fix: str | None = None, path: str = ""
    ) -> Finding:
        """A finding of this rule at `span` of the leaf's file (or of `path`)."""
        place = (span.line, span.column, span.end_line, span.end_column)
        return Finding(self.id, self.level, path or leaf.path, *place, message, help, fix)


@dataclass(frozen=True, slots=True)
class Check:
    """A function that finds what one or several rules are about."""

    rules: tuple[Rule, ...]
    needs: Needs
    run: Callable[[LeafFile], Iterable[Finding]]


RULES: dict[str, Rule] = {}
CHECKS: list[Check] = []


def declare(id: str, level: Level, summary: str, *groups: str) -> Rule:
    """Put a rule into the registry. Rules in `compat` belong to `default` too."""
    names = frozenset(groups) | ({"default"} if "compat" in groups else frozenset())
    if id in RULES:
        raise ValueError(f"rule {id} is declared twice")
    RULES[id] = Rule(id, names, level, summary)
    return RULES[id]


def check(
    needs: Needs, *rules: Rule
) -> Callable[[Callable[[LeafFile], Iterator[Finding]]], Callable[[LeafFile], Iterator[Finding]]]:
    """Register a generator of findings for `rules`; it runs when one of them is selected."""

    def register(function: Callable[[LeafFile], Iterator[Finding]]) -> Callable[[LeafFile], Iterator[Finding]]:
        CHECKS.append(Check(rules, needs, function))
        return function

    return register


def selected(config: LintConfig) -> frozenset[str]:
    """Ids of the rules that `config` asks for. Raises UnknownRule."""
    chosen = frozenset().union(*(_named(name) for name in config.select))
    return chosen - frozenset().union(*(_named(name) for name in config.ignore))


def _named(name: str) -> frozenset[str]:
    """The rules behind a rule id or a group."""
    if name in RULES:
        return frozenset((name,))
    found = frozenset(rule.id for rule in RULES.values() if name in rule.groups or name == "all")
    if not found:
        groups = sorted({group for rule in RULES.values() for group in rule.groups} | {"all"})
        raise UnknownRule(f"no rule or group is named {name!r}; groups are {', '.join(groups)}")
    return found
