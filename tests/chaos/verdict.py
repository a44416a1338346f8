"""What must hold when the dust has settled (design §5.1): read from the forge and the store, never from the bot."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from bot.render import texts
from pipeline.store.files import FileStore
from tests.chaos.story import MAINTAINER, Made, Story
from tests.chaos.town import REPOSITORY


def faults(story: Story, bot: str) -> list[str]:
    """Every promise that was broken, in words; empty is what we want."""
    found: list[str] = []
    for made in story.made.values():
        found += _checks(story, made)
        found += _comments(story, made, bot)
    return found + list(_datasets(story))


def _get(story: Story, path: str) -> Any:
    return story.person(MAINTAINER).rest("GET", path)


def _checks(story: Story, made: Made) -> Iterator[str]:
    """One completed lint check for each head, no check left open, and the last one says what is so."""
    for sha in made.heads:
        runs = _get(story, f"/commits/{sha}/check-runs?filter=all&per_page=100")["check_runs"]
        ours = [run for run in runs if run["external_id"] == f"{REPOSITORY}#{made.number}"]
        for name, count in Counter(run["name"] for run in ours).items():
            # A finished run cannot be opened again: who asks twice for samples gets two runs.
            if count > (made.previews if name == texts.PREVIEW else 1):
                yield f"#{made.number} {sha[:7]}: {count} check runs {name}"
        open_ones = [run["name"] for run in ours if run["status"] != "completed"]
        if open_ones:
            yield f"#{made.number} {sha[:7]}: {open_ones} left open"
        lint = [run for run in ours if run["name"] == texts.LINT]
        if not lint:
            yield f"#{made.number} {sha[:7]}: no lint check (head {made.heads.index(sha) + 1} of {len(made.heads)})"
        elif sha == made.heads[-1] and not made.merged:
            wanted = "success" if made.good else "failure"
            if lint[0]["conclusion"] != wanted:
                yield f"#{made.number} {sha[:7]}: {lint[0]['conclusion']} instead of {wanted}"


def _comments(story: Story, made: Made, bot: str) -> Iterator[str]:
    """One sticky comment, true of the head; one answer to each question."""
    comments = _get(story, f"/issues/{made.number}/comments?per_page=100")
    ours = [c["body"] for c in comments if c["user"]["login"] == bot]
    sticky = [body for body in ours if body.startswith(texts.MARKER)]
    if len(sticky) != 1:
        yield f"#{made.number}: {len(sticky)} sticky comments"
    elif not made.merged and f"`{made.heads[-1][:7]}`" not in sticky[0].splitlines()[-1]:
        yield f"#{made.number}: the comment does not speak of the head {made.heads[-1][:7]}"
    for comment in made.asked:
        answers = sum(body.startswith(texts.REPLY.format(comment=comment)) for body in ours)
        if answers != 1:
            yield f"#{made.number}: {answers} answers to comment {comment}"
    twice = [body[:60] for body, count in Counter(ours).items() if count > 1]
    if twice:
        yield f"#{made.number}: written twice: {twice}"


def _datasets(story: Story) -> Iterator[str]:
    """Every merged leaf has its dataset, and the pull request was told."""
    store = FileStore(story.town.folder / "state" / "store")
    latest = json.loads(store.read("merges/latest.json"))
    made = {leaf["path"]: leaf["key"] for leaf in latest["leaves"]}
    for one in story.made.values():
        if one.merged and not (one.leaf in made and store.exists(f"leaves/{made[one.leaf]}/manifest.json")):
            yield f"#{one.number}: merged, and {one.leaf} has no dataset"
