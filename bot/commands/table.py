"""The table of commands. Adding one is adding a row here and what it does in `bot/commanding/`."""

from __future__ import annotations

from dataclasses import dataclass

from bot.commands.arguments import FREE, Argument
from bot.permissions import Who


@dataclass(frozen=True, slots=True)
class Command:
    """One command. `who` may use it: anyone, the pull request's author, or people with triage permission.

    Who may more may also less. `teacher`: it takes the teacher's time, so `bot.trust` may let the author use it too.
    `many`: works in `/batch`. `closed`: works on a closed pull request. `more`: what `/help COMMAND` adds.
    """

    name: str
    summary: str
    who: Who
    example: str
    arguments: tuple[Argument, ...] = ()
    teacher: bool = False
    many: bool = False
    closed: bool = False
    more: str = ""

    @property
    def usage(self) -> str:
        """Such as `/preview [LEAF] [n=COUNT]`."""
        return " ".join([f"/{self.name}", *(argument.usage for argument in self.arguments)])

    @property
    def free_text(self) -> bool:
        """Whether the rest of the line is for the reader to understand, and not for us."""
        return any(argument.kind in FREE for argument in self.arguments)


_PUSHED = "Seedbed pushes a commit where the author allows maintainers to edit, and suggests changes otherwise."
_LEAF = Argument("leaf", "leaf", "one of the changed leaves; without it, all of them")

COMMANDS = (
    Command(
        "help",
        "list the commands, or tell more about one",
        "anyone",
        "/help preview",
        (Argument("command", "word", "the command to tell about"),),
        closed=True,
    ),
    Command("lint", "check the files of this pull request again", "anyone", "/lint", many=True),
    Command(
        "fix",
        "mend what can be mended without a person",
        "author",
        "/fix",
        many=True,
        more=_PUSHED,
    ),
    Command(
        "migrate",
        "bring the leaves of this pull request to the newest version of the format",
        "author",
        "/migrate",
        many=True,
        more=_PUSHED,
    ),
    Command(
        "preview",
        "let the teacher model make samples from the changed leaves and show them",
        "triage",
        "/preview sleep n=12",
        (_LEAF, Argument("n", "count", "how many samples to make of each leaf", named=True)),
        teacher=True,
        many=True,
    ),
    Command(
        "precheck",
        "ask the community's present model the seed questions, to see what it knows already",
        "triage",
        "/precheck",
        (_LEAF,),
        teacher=True,
        many=True,
    ),
    Command(
        "impact",
        "tune the present model on the changed leaves for a moment, and show what it learns and what suffers",
        "triage",
        "/impact sleep",
        (_LEAF,),
        teacher=True,
        many=True,
        more="It takes some minutes: as many samples are made as after a merge, which then finds them made.",
    ),
    Command(
        "explain",
        "say what a rule of the linter wants, and why",
        "anyone",
        "/explain trailing-spaces",
        (Argument("rule", "rule", "the rule's name, as the comment and the check show it", required=True),),
        closed=True,
    ),
    Command(
        "cancel",
        "stop the previews, prechecks, impact runs and fixes that are queued or running",
        "author",
        "/cancel",
        many=True,
    ),
    Command("retry", "run again what failed on this pull request", "author", "/retry", many=True),
    Command(
        "approve",
        "say that this commit is ready to merge",
        "triage",
        "/approve",
        many=True,
        more="It holds for the commit that is the head now; a push voids it. The files must pass the check first.",
    ),
    Command(
        "hold",
        "say that this pull request shall wait until `/unhold`; nobody is reminded meanwhile",
        "triage",
        "/hold waiting for the licence",
        (Argument("reason", "text", "why, in your words"),),
        many=True,
    ),
    Command("unhold", "end a hold", "triage", "/unhold", many=True),
    Command(
        "assign",
        "say who looks after this pull request: you, or the account that you name",
        "triage",
        "/assign @grace",
        (Argument("login", "login", "the account; without it, you"),),
        many=True,
    ),
    Command("status", "tell what runs, what waits, what failed, and who acts next", "anyone", "/status", closed=True),
    Command(
        "ok-to-test",
        "let the teacher read this commit of an author who is new here",
        "triage",
        "/ok-to-test",
        many=True,
        more="It holds for the commit that is the head now; a push voids it.",
    ),
    Command(
        "batch",
        "give one command to many pull requests",
        "triage",
        "/batch label:seedbed:needs-preview preview n=3",
        (
            Argument("pulls", "selector", "which: `label:NAME`, `state:NAME` or `#1,#2`", required=True),
            Argument("command", "command", "a command with its arguments, without the slash", required=True),
        ),
        closed=True,
        more="Each of the pull requests is treated as if the command stood there, at most 50 of them at a time.",
    ),
)
BY_NAME = {command.name: command for command in COMMANDS}
