"""The tables of the page on triage: `python -m bot.triage.page` writes them into docs/explanation/triage.md."""

from __future__ import annotations

from pathlib import Path

from bot.render import texts
from bot.triage.checklist import POINTS
from bot.triage.moves import ACTIVE, MOVES, OPEN
from bot.triage.states import KNOWLEDGE, SKILL, STATES

PAGE = Path("docs") / "explanation" / "triage.md"
_WAITS = {"author": "the author", "triager": "a maintainer", "seedbed": "Seedbed", "nobody": "nobody"}


def states_table() -> str:
    """State, label, whom it waits for."""
    rows = [f"| {s.name} | {_label(s.label.name) if s.label else ''} | {_WAITS[s.waits]} | {s.next} |" for s in STATES]
    return "\n".join(["| state | label | waits for | what the comment says |", "|---|---|---|---|", *rows])


def moves_table() -> str:
    """Event, from, to."""
    rows = [f"| {move.event} | {_names(move.before)} | {_names(move.after)} |" for move in MOVES]
    return "\n".join(["| event | from | to |", "|---|---|---|", *rows])


def checklist_table() -> str:
    """Point, the rules that speak about it."""
    by_name = {point.name: point for point in POINTS}
    rows = []
    for name, (title, fine) in texts.POINTS.items():
        rules = by_name[name].rules if name in by_name else ()
        links = ", ".join(f"[{rule}](../reference/rules.md#{rule})" for rule in rules)
        rows.append(f"| {title} | {fine} | {links} |")
    return "\n".join(["| point | ✅ means | rules |", "|---|---|---|", *rows])


def labels_line() -> str:
    """The labels of kinds."""
    return " ".join(f"{_label(label.name)}: {label.description.lower()}." for label in (KNOWLEDGE, SKILL))


def with_tables(page: str) -> str:
    """The page with each of its tables as the code has it. The rest is written by hand."""
    made = {"states": states_table(), "moves": moves_table(), "checklist": checklist_table(), "kinds": labels_line()}
    for name, table in made.items():
        start, _, rest = page.partition(f"<!-- {name} -->")
        _, end, rest = rest.partition("<!-- end -->")
        page = f"{start}<!-- {name} -->\n\n{table}\n\n{end}{rest}"
    return page


def _names(states: tuple[str, ...]) -> str:
    """In the shortest words: a long list is said by what is not in it."""
    apart = [name for name in OPEN if name not in states]
    if len(states) <= len(ACTIVE) // 2 or not set(states) <= {*OPEN}:
        return ", ".join(states)
    return f"any open state but {', '.join(apart)}" if apart else "any open state"


def _label(name: str) -> str:
    return f"`{name}`"


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text("utf-8")), "utf-8")
