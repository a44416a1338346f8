"""Short answers to commands. What people typed comes in through the escape functions alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from bot.commands import BY_NAME, COMMANDS, Asked, Command
from bot.commands.arguments import Wrong
from bot.permissions import Who
from bot.render import texts
from bot.render.checks import counted
from bot.render.escape import code, prose
from bot.render.reason import reason
from validators.output.explain import Explanation

LIMIT = 60_000  # characters of one reply; the forge takes 65,536
_LEAVES = 8  # named in one answer


def help_text() -> str:
    """All commands, from the table that the parser uses."""
    lines = [texts.HELP_LINE.format(usage=c.usage, summary=c.summary, who=who(c)) for c in COMMANDS]
    return "\n".join([texts.HELP_HEAD, "", *lines, "", texts.HELP_FOOT.format(example=BY_NAME["help"].example)])


def help_about(command: Command) -> str:
    """Everything about one command."""
    arguments = [
        texts.HELP_ARGUMENT.format(name=a.name, needed=texts.HELP_NEEDED[a.required], about=a.about, wants=a.wants)
        for a in command.arguments
    ]
    head = texts.HELP_ONE.format(usage=command.usage, summary=command.summary, who=who(command))
    example = texts.HELP_EXAMPLE.format(example=command.example)
    return "\n\n".join(filter(None, [head, command.more, "\n".join(arguments), example]))


def who(command: Command) -> str:
    """Who may use a command, in words."""
    return texts.WHO_TEACHER if command.teacher else texts.WHO[command.who]


def unknown(asked: Asked) -> str:
    """One line with the nearest command."""
    nearest = asked.nearest or "help"
    return texts.UNKNOWN.format(said=_said(asked), nearest=f"/{nearest}")


def wrong(asked: Asked, fault: Wrong) -> str:
    """What is wrong with the arguments, in one line with the usage."""
    command = BY_NAME[asked.name]
    inner = asked.arguments.get("command")
    if command.name == "batch" and isinstance(inner, dict):
        command = BY_NAME[inner["name"]]
    argument = next((a for a in command.arguments if a.name == fault.argument), None)
    hint = texts.WRONG_HINT.format(key=fault.argument) if fault.fault == "key" and fault.argument else ""
    return texts.WRONG[fault.fault].format(
        said=_said(asked),
        argument=fault.argument,
        word=code(fault.word, limit=60),
        hint=hint,
        usage=command.usage,
        wants=argument.wants if argument else "",
        about=argument.about if argument else "",
    )


def denied(asked: Asked, needs: Who, reason: str) -> str:
    """Why not, and who may."""
    text = texts.DENIED_UNKNOWN if reason == "unknown" else texts.DENIED[needs]
    return text.format(said=_said(asked))


def no_teacher(asked: Asked, reason: str, daily: int) -> str:
    """Why the author does not get the teacher's time, and what happens next."""
    return texts.NO_TEACHER[reason].format(said=_said(asked), n=counted(daily, "preview", "previews"))


def failed(asked: Sequence[Asked], error: Exception) -> str:
    """A comment whose commands could not be carried out, for no fault of whoever typed them."""
    why = prose(reason(error, limit=500).rstrip("."))
    return texts.COMMAND_FAILED.format(said=", ".join(map(_said, asked)), reason=why)


def closed(asked: Asked) -> str:
    """The pull request takes no commands any more."""
    return texts.CLOSED_PULL.format(said=_said(asked))


def no_leaf(asked: Asked, there: Sequence[str]) -> str:
    """No such leaf; which there are."""
    names = ", ".join(code(leaf) for leaf in there[:_LEAVES]) + ("…" if len(there) > _LEAVES else "")
    told = texts.NO_LEAF_ALL.format(leaves=names) if there else texts.NO_LEAF_NONE
    return texts.NO_LEAF.format(said=_said(asked), there=told)


def no_command(asked: Asked, name: str, nearest: str) -> str:
    """`/help` about something else."""
    return texts.NO_COMMAND.format(said=_said(asked), name=code(name, limit=40), hint=_hint(f"/{nearest}", nearest))


def no_rule(asked: Asked, name: str, nearest: str) -> str:
    """`/explain` about something else."""
    return texts.NO_RULE.format(said=_said(asked), name=code(name, limit=64), hint=_hint(nearest, nearest))


def explained(rule: Explanation) -> str:
    """A rule in words; its example stands in fences."""
    parts = [texts.EXPLAIN_HEAD.format(rule=code(rule.id), level=rule.level), rule.markdown().rstrip("\n")]
    return "\n\n".join([*parts, texts.EXPLAIN_FIXES] if rule.fixes else parts)


def own(asked: Asked) -> str:
    """An approval by the author."""
    return texts.APPROVE_OWN.format(said=_said(asked))


def unchecked(asked: Asked, failed: bool) -> str:
    """An approval of what has no verdict."""
    text = texts.APPROVE_FAILED if failed else texts.APPROVE_UNCHECKED
    return text.format(said=_said(asked))


def faulty(asked: Asked, errors: int) -> str:
    """An approval of what has faults."""
    return texts.APPROVE_FAULTS.format(said=_said(asked), n=counted(errors, "thing", "things"))


def not_assignable(asked: Asked, login: str) -> str:
    """The forge does not take that account."""
    return texts.NOT_ASSIGNABLE.format(said=_said(asked), login=code(login, limit=40))


def no_pulls(asked: Asked, wanted: Mapping[str, Any], states: Sequence[str]) -> str:
    """A batch of none."""
    (kind, name) = next(iter(wanted.items()))
    listed = ", ".join(f"`{state}`" for state in states)
    return texts.BATCH_NONE[kind].format(said=_said(asked), name=code(str(name), limit=60), states=listed)


def batch(asked: Asked, rows: Sequence[tuple[int, bool, str]], more: int) -> str:
    """What came of a batch: number, whether it was refused, and what to say of it, for each pull request.

    The numbers are no references: a batch shall not show up in the history of fifty pull requests.
    """
    done = sum(not refused for _, refused, _ in rows)
    pulls = counted(len(rows), "pull request", "pull requests")
    lines = [texts.BATCH_HEAD.format(said=_said(asked), done=done, all=pulls), "", texts.BATCH_TABLE]
    for number, refused, text in rows:
        lines.append(texts.BATCH_ROW.format(number=number, mark=texts.BATCH_MARK[refused], text=_cell(text)))
    return "\n".join([*lines, "", texts.BATCH_MORE.format(n=more)] if more > 0 else lines)


def names(jobs: Sequence[str]) -> str:
    """Names of jobs, such as "`lint`, `preview` (2)"."""
    return ", ".join(code(name) + (f" ({n})" if n > 1 else "") for name, n in Counter(jobs).items())


def joined(parts: Sequence[str]) -> str:
    """The answers to one comment, as many as there is room for."""
    room, taken = LIMIT, list[str]()
    for part in filter(None, parts):
        if len(part) > room:
            taken.append(texts.REPLY_CUT)
            break
        taken.append(part)
        room -= len(part)
    return "\n\n".join(taken)


def _said(asked: Asked) -> str:
    return code(asked.said, limit=40)


def _hint(shown: str, nearest: str) -> str:
    return texts.HINT.format(nearest=code(shown)) if nearest else ""


def _cell(text: str) -> str:
    """Text of ours on one line, with what would end a table's cell escaped. Not `one_line`: that is for foreign text
    and would take out the spaces that keep mentions in it harmless."""
    return " ".join(text.split()).replace("\\|", "|").replace("|", "\\|")
