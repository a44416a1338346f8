"""What a preview finds out about the documents that knowledge leaves name: can they be read, and do they say what the
examples say?

It asks other hosts, so it belongs to the preview, which a stranger's pull request gets when a maintainer says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bot import pulls
from bot.context import Context
from bot.engine.port import Steps
from bot.jobs.watch import Unwanted
from bot.pulls import DocumentsPart, LeafDocument, SeedPlace
from pipeline.documents import Document, FetchDocument, Unreachable
from pipeline.places import Places
from validators import DocumentRef, Leaf, Seed

NAMED_FILES = 20  # of one leaf, in the stored state
SHOWN_CHARS = 500  # of each text in the stored state


def tell(context: Context, steps: Steps, pin: Mapping[str, Any], leaves: Sequence[Leaf]) -> None:
    """Publish what was found out about the documents of `leaves`; what is known of other leaves at this head stays.

    Raises `Unwanted` where the job was cancelled.
    """
    found: dict[str, LeafDocument] = {}
    for leaf in leaves:
        if steps.cancelled():
            raise Unwanted(f"job {steps.job_id} was cancelled")
        if leaf.document is not None:
            found[leaf.path] = looked_up(leaf, leaf.document, context.documents)
    known = at_head(context, pin)
    if found:
        both = {leaf.path: leaf for leaf in known.leaves} | found
        context.publish(pin["pull"], DocumentsPart(pin["sha"], tuple(both[path] for path in sorted(both))))


def at_head(context: Context, pin: Mapping[str, Any]) -> DocumentsPart:
    """What is known of the documents at the head that the job is about."""
    stored = pulls.load(context.store, pin["pull"]).documents
    return stored if stored is not None and stored.sha == pin["sha"] else DocumentsPart(pin["sha"])


def looked_up(leaf: Leaf, ref: DocumentRef, fetch: FetchDocument) -> LeafDocument:
    """Fetch the document of one leaf, and look for the context of each example in it."""
    document = fetch(ref)
    if isinstance(document, Unreachable):
        return LeafDocument(leaf.path, ref.repo, ref.commit, reason=document.reason[:SHOWN_CHARS])
    return LeafDocument(
        leaf.path,
        ref.repo,
        ref.commit,
        read=tuple(file.path[:SHOWN_CHARS] for file in document.files[:NAMED_FILES]),
        files=len(document.files),
        unread=tuple((path[:SHOWN_CHARS], why[:SHOWN_CHARS]) for path, why in document.unread[:NAMED_FILES]),
        seeds=_places(leaf.seeds, document),
    )


def _places(seeds: Sequence[Seed], document: Document) -> tuple[SeedPlace, ...]:
    places = Places(document)
    found = []
    for seed in seeds:
        place = places.find(seed.context)
        example = seed.index + 1
        if place is None:
            found.append(SeedPlace(example))
        else:
            file = place.file[:SHOWN_CHARS]
            found.append(SeedPlace(example, file, place.line, round(place.similarity, 3), place.found))
    return tuple(found)
