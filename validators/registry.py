"""Rules by id and group, and the checks that speak for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from validators.examples import Example
from validators.leaffile import LeafFile, load
from validators.model import Change, Finding, Fix, Level, LintConfig, Span

Needs = Literal["file", "text", "mapping", "change"]
"""What a check must have: any file at all, a file that could be decoded, a tree with a mapping at its root, or
the change as a whole."""


class UnknownRule(ValueError):
    """A selection names something that is neither a rule nor a group."""


@dataclass(frozen=True, slots=True)
class ChangeView:
    """What a check of the whole change sees. `changed` is what was asked for, `judged` the leaf files in it; sorted."""

    files: Mapping[str, bytes]
    changed: tuple[str, ...]
    judged: tuple[str, ...]
    config: LintConfig
    change: Change

    def leaf(self, path: str) -> LeafFile:
        """One of the judged files, read for this call: most checks need the paths alone."""
        return load(path, self.files, self.config, self.change)

    def tree(self) -> frozenset[str]:
        """Every path of the taxonomy that is known of."""
        return self.change.tree | self.files.keys()


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that can be wrong. `groups` are the names by which it is selected beside its id."""

    id: str
    groups: frozenset[str]
    level: Level
    summary: str
    """What is right, in one sentence."""
    reason: str = ""
    """Why it matters."""
    example: Example = field(default_factory=Example)
    fixes: bool = False
    """Whether the rule can mend what it finds, in part or always."""

    def at(
        self, leaf: LeafFile, span: Span, message: str, help: str = "", *, fix: Fix | None = None, path: str = ""
    ) -> Finding:
        """A finding of this rule at `span` of the leaf's file (or of `path`)."""
        return self.on(path or leaf.path, span, message, help, fix=fix)

    def on(self, path: str, span: Span, message: str, help: str = "", *, fix: Fix | None = None) -> Finding:
        """A finding of this rule at `span` of the file at `path`."""
        place = (span.line, span.column, span.end_line, span.end_column)
        return Finding(self.id, self.level, path, *place, message, help, fix)


@dataclass(frozen=True, slots=True)
class Check:
    """A function that finds what one or several rules are about."""

    rules: tuple[Rule, ...]
    needs: Needs
    run: Callable[[Any], Iterable[Finding]]


RULES: dict[str, Rule] = {}
CHECKS: list[Check] = []
_View = TypeVar("_View", LeafFile, ChangeView)


def declare(
    id: str,
    level: Level,
    summary: str,
    *groups: str,
    reason: str = "",
    example: Example | None = None,
    fixes: bool = False,
) -> Rule:
    """Put a rule into the registry. Rules in `compat` belong to `default` too. Raises ValueError for an id in use."""
    names = frozenset(groups) | ({"default"} if "compat" in groups else frozenset())
    if id in RULES:
        raise ValueError(f"rule {id} is declared twice")
    RULES[id] = Rule(id, names, level, summary, reason, example or Example(), fixes)
    return RULES[id]


def check(
    needs: Needs, *rules: Rule
) -> Callable[[Callable[[_View], Iterator[Finding]]], Callable[[_View], Iterator[Finding]]]:
    """Register a generator of findings for `rules`; it runs when one of them is selected.

    A check that needs "change" gets a ChangeView once a call, every other a LeafFile for each file.
    """

    def register(function: Callable[[_View], Iterator[Finding]]) -> Callable[[_View], Iterator[Finding]]:
        CHECKS.append(Check(rules, needs, function))
        return function

    return register


def selected(config: LintConfig) -> frozenset[str]:
    """Ids of the rules that `config` asks for. Raises UnknownRule, also for a level of a rule that is not there."""
    chosen = frozenset().union(*(_named(name) for name in config.select))
    for name in config.levels:
        if name not in RULES:
            raise UnknownRule(f"no rule is named {name!r}, so it can have no level")
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
