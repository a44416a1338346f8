"""What comment and check say of the documents that knowledge leaves name."""

from __future__ import annotations

from collections.abc import Iterator

from bot.pulls import DocumentsPart, LeafDocument, SeedPlace
from bot.render import texts
from bot.render.escape import code, prose, sentence

_NAMED = 5  # files by name


def blocks(part: DocumentsPart, *, leaves: int, places: int, chars: int) -> Iterator[str]:
    """Blocks of Markdown; leaves with something to mend come first.

    Shown are so many leaves at most, lines about examples of each, and characters of each text.
    """
    if not part.leaves:
        return
    yield f"#### {texts.DOCUMENTS}"
    for leaf in sorted(part.leaves, key=_fine)[:leaves]:
        yield from _leaf(leaf, places, chars)
    if len(part.leaves) > leaves:
        yield texts.DOCUMENTS_MORE.format(n=len(part.leaves) - leaves)


def _leaf(leaf: LeafDocument, places: int, chars: int) -> Iterator[str]:
    name = f"**{code(leaf.path)}**"
    source = texts.DOCUMENT_AT.format(repo=code(leaf.repo, limit=100), commit=code(leaf.commit[:12]))
    if leaf.reason:
        yield f"{texts.MARKS['look']} {name}: {texts.DOCUMENT_UNREAD.format(source=source)}"
        yield f"> {sentence(leaf.reason, limit=chars)}\n>\n> {texts.DOCUMENT_NEXT}"
        return
    lost = [seed for seed in leaf.seeds if not seed.found]
    mark = texts.MARKS["look" if lost or leaf.unread else "ok"]
    found = texts.CONTEXTS_FOUND.format(found=len(leaf.seeds) - len(lost), all=len(leaf.seeds))
    yield f"{mark} {name}: {texts.DOCUMENT_READ.format(source=source, files=_files(leaf, places))} {found}"
    if leaf.unread:
        unread = [f"- {code(path)}: {prose(why, limit=chars)}" for path, why in leaf.unread[: min(_NAMED, places)]]
        more = len(leaf.unread) - len(unread)
        yield "\n".join([texts.FILES_UNREAD, *unread, *([f"- {texts.FILES_MORE.format(n=more)}"] if more else [])])
    if lost and places:
        shown = [f"- {_lost(seed)}" for seed in lost[:places]]
        yield "\n".join([texts.CONTEXTS_LOST, *shown])
    if places and len(lost) < len(leaf.seeds):
        there = [f"- {_there(seed)}" for seed in leaf.seeds if seed.found][:places]
        yield f"<details><summary>{texts.CONTEXTS}</summary>"
        yield "\n".join(there)
        yield "</details>"


def _fine(leaf: LeafDocument) -> bool:
    return not leaf.reason and all(seed.found for seed in leaf.seeds)


def _files(leaf: LeafDocument, most: int) -> str:
    named = leaf.read[: max(1, min(_NAMED, most))]
    names = ", ".join(code(path, limit=80) for path in named)
    more = leaf.files - len(named)
    return f"{names} {texts.FILES_MORE.format(n=more)}" if more else names


def _there(seed: SeedPlace) -> str:
    text = texts.CONTEXT_FOUND if seed.similarity == 1.0 else texts.CONTEXT_LIKE
    return text.format(n=seed.example, file=code(seed.file), line=seed.line, alike=_percent(seed.similarity))


def _lost(seed: SeedPlace) -> str:
    if not seed.file:
        return texts.CONTEXT_NOWHERE.format(n=seed.example)
    return texts.CONTEXT_NEAR.format(
        n=seed.example, file=code(seed.file), line=seed.line, alike=_percent(seed.similarity)
    )


def _percent(similarity: float) -> str:
    return f"{100 * similarity:.0f} %"
