"""`seedbed rule`: list the linter's rules, or explain one."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from typing import Any

from bot.cli.console import colored, write
from validators.output import visible
from validators.output.explain import Explanation, beside_rules, explain
from validators.registry import RULES
from validators.rules import load_rules

WRONG_USE = 2


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the subcommand."""
    p = subparsers.add_parser(
        "rule",
        help="list the linter's rules, or explain one",
        description="List the rules of the linter (all, or those of a group), or explain one: why it is there, what "
        "breaks it and what keeps it. [*] marks what `seedbed lint --fix` mends.",
        epilog="example: seedbed rule trailing-spaces    ·    seedbed rule compat",
    )
    p.add_argument("name", nargs="?", metavar="ID|GROUP", help="a rule, or a group such as compat (default: all rules)")
    p.add_argument("--json", action="store_true", help="print as JSON")
    p.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print; exit code 2 for a name that is neither a rule nor a group."""
    load_rules()
    every = [*(explain(rule) for rule in RULES.values()), *beside_rules()]
    name = args.name or "all"
    chosen = [rule for rule in every if name in (rule.id, *rule.groups)] or (every if name == "all" else [])
    if not chosen:
        print(f"seedbed rule: {_unknown(name, every)}", file=sys.stderr)
        return WRONG_USE
    chosen.sort(key=lambda rule: rule.id)
    if args.json:
        text = json.dumps({"version": 1, "rules": [rule.as_json() for rule in chosen]}, indent=2, ensure_ascii=False)
    elif chosen[0].id == name:
        text = _explained(chosen[0])
    else:
        text = _listed(chosen)
    write(f"{text}\n")
    return 0


def _unknown(name: str, every: Iterable[Explanation]) -> str:
    """No such rule, and the one that was probably meant."""
    from difflib import get_close_matches  # slow to load, and needed here alone

    rules = [*every]
    names = {"all", *(rule.id for rule in rules), *(group for rule in rules for group in rule.groups)}
    near = get_close_matches(name, sorted(names), 3, 0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else "`seedbed rule` lists them all"
    return f"no rule or group is named {name!r}; {hint}"


def _listed(rules: list[Explanation]) -> str:
    """One line a rule."""
    width = max(len(rule.id) for rule in rules)
    lines = [
        f"{rule.id:{width}}  {rule.level:7}  {'[*]' if rule.fixes else '   '}  {visible(rule.summary)}"
        for rule in rules
    ]
    return "\n".join([*lines, "", "`seedbed rule ID` explains one. [*]: `seedbed lint --fix` mends it."])


def _explained(rule: Explanation) -> str:
    """Everything about one rule."""
    groups = f", in the groups {', '.join(rule.groups)}" if rule.groups else ""
    parts = [f"{_bold(rule.id)}: {rule.level}{groups}", rule.text().rstrip("\n")]
    if rule.fixes:
        parts.append("`seedbed lint --fix` mends it; `seedbed lint --diff` shows first what that changes.")
    if rule.groups:
        parts.append(
            f"To leave it out: `--ignore {rule.id}`, or in the taxonomy's .seedbed.yaml:\n\n"
            f"    lint:\n      ignore: [{rule.id}]\n\n"
            f"To give it another level there:\n\n    lint:\n      levels: {{{rule.id}: {_other(rule.level)}}}"
        )
    else:
        parts.append("It cannot be turned off.")
    return "\n\n".join(parts)


def _other(level: str) -> str:
    return "error" if level != "error" else "warning"


def _bold(text: str) -> str:
    return f"\x1b[1m{text}\x1b[0m" if colored() else text
