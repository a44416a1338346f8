"""What `/fix` and `/migrate` say: the commit's message, and the answer in the conversation."""

from __future__ import annotations

from collections.abc import Sequence

from bot.forge.port import Suggestion
from bot.render import texts
from bot.render.checks import counted
from bot.render.escape import code, fence, plain, sentence
from bot.render.suggestions import all_suggested
from bot.sandbox import Mended

LISTED = 20
PATCH_CHARS = 30_000


def commit_message(mended: Mended, *, login: str, asker: str, migrate: bool) -> str:
    """Subject, what was done, on whose request, and our sign-off. Forges read references in messages too."""
    head = texts.MIGRATE_COMMIT if migrate else texts.FIX_COMMIT
    subject = head.format(what=_what(mended, migrate=migrate))
    done = [f"- {plain(path)}: {plain(what)}" for path, what in _done(mended)[:LISTED]]
    if len(_done(mended)) > LISTED:
        done.append(texts.FIX_MORE.format(n=len(_done(mended)) - LISTED))
    trailers = [texts.FIX_REQUEST.format(login=plain(asker)), texts.FIX_SIGNED.format(name=login)]
    return "\n".join([subject, "", *done, "", *trailers])


def pushed(mended: Mended, sha: str, *, asker: str, migrate: bool) -> str:
    """The answer after a commit."""
    what = _what(mended, migrate=migrate)
    was = f"{what} {'was' if what.startswith('1 ') else 'were'} {'carried over' if migrate else 'mended'}"
    head = texts.FIX_PUSHED.format(what=was, sha=sha[:7], login=code(asker, limit=40))
    return "\n\n".join([head, _list(mended), *_rest(mended)])


def suggested(mended: Mended, made: Sequence[Suggestion]) -> str:
    """The answer where we may not push: what stands on the lines, and the rest as a patch."""
    head = texts.FIX_SUGGESTED.format(what=counted(len(made), "change is", "changes are"))
    return "\n\n".join([head, *_patch(mended, made), *_rest(mended)])


def nothing(mended: Mended, *, migrate: bool) -> str:
    """The answer where nothing can be done by a machine."""
    return "\n\n".join([texts.MIGRATE_NOTHING if migrate else texts.FIX_NOTHING, *_rest(mended)])


def _patch(mended: Mended, made: Sequence[Suggestion]) -> list[str]:
    if all_suggested(mended, made):
        return []
    if len(mended.patch) > PATCH_CHARS:
        return [texts.FIX_PATCH_LONG]
    return [texts.FIX_PATCH, fence(mended.patch, language="diff")]


def _what(mended: Mended, *, migrate: bool) -> str:
    """Such as "3 things", "1 leaf"."""
    if migrate:
        return counted(len({path for path, _ in _done(mended)}), "leaf", "leaves")
    return counted(len(mended.done), "thing", "things")


def _done(mended: Mended) -> list[tuple[str, str]]:
    """(path, what was done), each once."""
    return list(dict.fromkeys((path, what) for path, _, what in mended.done))


def _list(mended: Mended) -> str:
    done = _done(mended)
    lines = [texts.FIX_DONE.format(path=code(path), what=sentence(what, limit=300)) for path, what in done[:LISTED]]
    lines += [texts.FIX_MORE.format(n=len(done) - LISTED)] if len(done) > LISTED else []
    return "\n".join(f"- {line}" for line in lines)


def _rest(mended: Mended) -> list[str]:
    """What a machine cannot do."""
    problems = [
        "- " + texts.FIX_PROBLEM.format(path=code(path), why=sentence(why, limit=300))
        for path, why in mended.problems[:LISTED]
    ]
    left = [texts.FIX_LEFT.format(n=counted(mended.left, "thing is left", "things are left"))] if mended.left else []
    return [*(["\n".join(problems)] if problems else []), *left]
