"""The page of all rules, made from the rules: `python -m validators.output.rulebook > docs/reference/rules.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace

from validators.engine import lint
from validators.examples import Example
from validators.fixing import fix
from validators.model import Finding
from validators.output.explain import Explanation, beside_rules, explain
from validators.output.shown import fenced, unhidden
from validators.registry import RULES, Rule
from validators.rules import load_rules

_DIFF_LINES = 12
_INTRODUCTION = """\
# Rules

Made from the rules themselves by `python -m validators.output.rulebook`; do not edit. In a terminal, `seedbed rule ID`
prints one of them.

An **error** keeps a leaf out, a **warning** should be looked at, a **hint** is taste. What is marked `[*]` is mended by
`seedbed lint --fix`. Choose rules by id or group with `--select` and `--ignore`, or for a whole taxonomy in its
`.seedbed.yaml`. Group `compat` gives the verdicts of the reference linter (`instructlab-schema`); `default` is what
runs when nothing is chosen; `all` is every rule.

In the examples, `·` is a space at a line's end, `→` a tab, `␍` a carriage return; other signs without a shape of their
own are written as `\\u200b`. Each example is a piece of a complete leaf, and each is tested.
"""


def render() -> str:
    """The whole page, as Markdown with a heading, and so an anchor, for each rule id."""
    load_rules()
    rules = sorted(RULES.values(), key=lambda rule: rule.id)
    parts = [_INTRODUCTION, _groups(rules), _table(rules)]
    parts += [_section(rule) for rule in rules]
    parts += ["## Findings that come from no rule\n\nThey cannot be turned off.\n"]
    parts += [f"### {one.id}\n\n{one.summary} {one.reason}\n" for one in beside_rules()]
    return "\n".join(parts)


def _groups(rules: list[Rule]) -> str:
    """Every group with its rules."""
    groups = sorted({group for rule in rules for group in rule.groups} - {"compat", "default"})
    lines = ["## Groups\n"]
    for group in groups:
        members = [f"[{rule.id}](#{rule.id})" for rule in rules if group in rule.groups]
        lines.append(f"- **{group}**: {', '.join(members)}")
    return "\n".join(lines) + "\n"


def _table(rules: list[Rule]) -> str:
    """Every rule in one line."""
    lines = ["## All rules\n", "| rule | level | | what is right |", "|---|---|---|---|"]
    for rule in rules:
        mark = "`[*]`" if rule.fixes else ""
        lines.append(
            f"| [{rule.id}](#{rule.id}) | {rule.level} | {mark} | {rule.summary.replace('|', chr(92) + '|')} |"
        )
    return "\n".join(lines) + "\n"


def _section(rule: Rule) -> str:
    """One rule: what is right, why, an example, what the linter says of it, what a fix makes of it."""
    words = explain(rule)
    parts = [f"## {rule.id}", _properties(words), rule.summary, rule.reason]
    for title, shown in words.sides():
        parts.append(f"{title}:\n\n{fenced(shown, words.language)}")
        if title == "Wrong":
            parts += _says(rule)
    if rule.fixes and rule.example != Example():
        parts += _mends(rule)
    return "\n\n".join(filter(None, parts)) + "\n"


def _properties(words: Explanation) -> str:
    groups = ", ".join(f"`{group}`" for group in words.groups)
    return " · ".join(filter(None, (f"**{words.level}**", f"groups {groups}", "`[*]`" if words.fixes else "")))


def _says(rule: Rule) -> Iterator[str]:
    """What the linter says of the bad example."""
    finding = _finding(rule)
    if finding:
        yield f"> {unhidden(finding.message)}\n>\n> {unhidden(finding.help)}".removesuffix("\n>\n> ")


def _finding(rule: Rule) -> Finding | None:
    """The first finding of a rule in its bad example; one with a fix, if there is any."""
    case = rule.example.case("bad")
    report = lint(case.files, config=replace(rule.example.config, select=(rule.id,)), change=case.change)
    found = sorted(report.findings, key=lambda finding: finding.fix is None)
    return next((finding for finding in found if finding.rule == rule.id), None)


def _mends(rule: Rule) -> Iterator[str]:
    """What fixing the bad example changes."""
    case = rule.example.case("bad")
    done = fix(case.files, config=replace(rule.example.config, select=(rule.id,)), change=case.change)
    for applied in {(one.title, one.meaning): one for one in done.edits}.values():
        meaning = f", which changes the meaning: {applied.meaning}" if applied.meaning else ""
        yield f"`--fix` does this: {applied.title}{meaning}."
    for old, new in done.renamed.items():
        yield f"`{old}` becomes `{new}`."
    for path, data in done.files.items():
        before = case.files.get(path)
        if before is not None and before != data:
            yield fenced(difference(before, data), "diff")
        elif before is None and path not in done.renamed.values():
            yield f"`{path}` is new:\n\n{fenced(unhidden(data.decode('utf-8', 'replace')), 'text')}"


def difference(before: bytes, after: bytes) -> str:
    """The lines that differ, marked with - and +, with all that cannot be seen made visible; the first dozen."""
    from difflib import unified_diff

    old, new = (unhidden(data.decode("utf-8", "replace")).splitlines(keepends=True) for data in (before, after))
    lines = [line for line in unified_diff(old, new, n=0) if not line.startswith(("---", "+++", "@@"))]
    shown = [line if line.endswith("\n") else f"{line} (no line break)\n" for line in lines[:_DIFF_LINES]]
    if len(lines) > _DIFF_LINES:
        shown.append(f"  … and {len(lines) - _DIFF_LINES} more lines\n")
    return "".join(shown)


if __name__ == "__main__":
    sys.stdout.write(render())
