"""The page of all commands, made from the table: `python -m bot.commands.page > docs/reference/commands.md`."""

from __future__ import annotations

import sys

from bot.commands.parser import LIMIT
from bot.commands.table import COMMANDS, Command
from bot.render import reply, texts

_INTRODUCTION = f"""\
# Commands in comments

Made from the table of commands by `python -m bot.commands.page`; do not edit. In a comment, `/help` prints the list and
`/help COMMAND` one of them.

Write a command at the beginning of a line of a comment on a pull request, as `/command` or as `@name-of-the-bot
command`. A comment may hold several, one a line, {LIMIT} at most. Capital letters make no difference. What stands in
quotes, code, HTML, headings, links or tables is not read, nor is what you write by editing a comment. To write about a
command without giving it, put it in backticks.

An argument is given by its place or by its name: `/preview sleep 12` is `/preview leaf=sleep n=12`. Words with spaces
stand in double quotes. Square brackets mark what may be left out.

Seedbed answers by reactions: 👀 seen, 🚀 done, 😕 not done, and then a reply says why and what to do. It replies, too,
where the result does not show in the checks, the labels or its one comment on the pull request.

**Anyone** means whoever may comment. **Author** is who opened the pull request. **Maintainers** have at least *triage*
permission on the repository. What takes the teacher's time is for maintainers, and for an author of whom a pull request
was merged here before, some times a day (`SEEDBED_DAILY_PREVIEWS`), or whose commit a maintainer has trusted with
`/ok-to-test`. Where the forge does not say what a person may do, the answer is no.
"""


def render() -> str:
    """The whole page, with a heading, and so an anchor, for each command."""
    table = ["| command | who | what it does |", "|---|---|---|"]
    table += [f"| [`{c.usage}`](#{c.name}) | {reply.who(c)} | {c.summary} |" for c in COMMANDS]
    return "\n".join([_INTRODUCTION, *table, "", *(_section(command) for command in COMMANDS)])


def _section(command: Command) -> str:
    many = [texts.PAGE_MANY] if command.many else []
    return "\n\n".join([f"## {command.name}", reply.help_about(command), *many]) + "\n"


if __name__ == "__main__":
    sys.stdout.write(render())
