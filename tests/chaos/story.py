"""What people do in a chaos run: open, push, comment, merge, in an order that a seed decides."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bot.demo.person import Person
from tests.chaos.town import REPOSITORY, Town
from tests.integration.bot_bench import SEEDS

AUTHORS = ("ada", "ben", "cem", "dia")
MAINTAINER = "grace"


@dataclass
class Made:
    """What one pull request should end as.

    `heads`: every head that was pushed; `asked`: ids of comments with /help; `previews`: how many with /preview.
    """

    number: int
    branch: str
    author: str
    leaf: str
    good: bool
    heads: list[str] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)
    previews: int = 0
    merged: bool = False


@dataclass
class Story:
    """`made` by number. Every step goes over git and HTTP, as people's steps do."""

    town: Town
    dice: random.Random
    made: dict[int, Made] = field(default_factory=dict)

    def person(self, login: str) -> Person:
        """Somebody's account."""
        return Person(self.town.server.url, REPOSITORY, login, self.town.tokens[login])

    def clone(self, login: str) -> Path:
        """Somebody's clone, made when first needed."""
        folder = self.town.folder / "clones" / login
        if not folder.exists():
            folder.parent.mkdir(exist_ok=True)
            self.person(login).clone(folder)
        return folder

    def open(self, index: int) -> None:
        """A new pull request with a leaf of its own; a third of them have a fault."""
        author = AUTHORS[index % len(AUTHORS)]
        leaf = f"compositional_skills/animals/sleep_{index}"
        made = Made(0, f"{author}/leaf-{index}", author, leaf, good=self.dice.random() > 0.33)
        made.heads.append(self._push(made, f"Add leaf {index}"))
        made.number = self.person(author).open_pull(made.branch, f"Add leaf {index}", "Please look.")
        self.made[made.number] = made

    def push(self, made: Made) -> None:
        """Another commit: mends the leaf, or breaks it."""
        made.good = self.dice.random() > 0.2
        made.heads.append(self._push(made, f"Work {len(made.heads)}"))

    def ask(self, made: Made) -> None:
        """A comment with a command that is answered."""
        comment = self.person(made.author).rest("POST", f"/issues/{made.number}/comments", {"body": "/help lint"})
        made.asked.append(int(comment["id"]))

    def preview(self, made: Made) -> None:
        """The maintainer asks for samples."""
        self.person(MAINTAINER).comment(made.number, "/preview")
        made.previews += 1

    def merge(self, made: Made) -> None:
        """The maintainer merges."""
        self.person(MAINTAINER).merge(made.number)
        made.merged = True

    def steps(self, pulls: int) -> Iterator[str]:
        """Do one thing after another until all pull requests are there and half of the good ones are merged."""
        opened = 0
        while opened < pulls:
            live = [made for made in self.made.values() if not made.merged]
            roll = self.dice.random()
            if roll < 0.5 or not live:
                self.open(opened)
                opened += 1
                yield "open"
                continue
            made = self.dice.choice(live)
            if roll < 0.68:
                self.push(made)
                yield "push"
            elif roll < 0.80:
                self.ask(made)
                yield "ask"
            elif roll < 0.86:
                self.preview(made)
                yield "preview"
            elif made.good:
                self.merge(made)
                yield "merge"

    def _push(self, made: Made, message: str) -> str:
        files = {f"{made.leaf}/qna.yaml": qna(made), f"{made.leaf}/attribution.txt": ATTRIBUTION}
        return self.person(made.author).push(self.clone(made.author), made.branch, files, message)


ATTRIBUTION = b"Title of work: Sleep\nLicense of the work: CC0-1.0\nCreator names: Ada\n"


def qna(made: Made) -> bytes:
    """A leaf that differs by pull request and by push, so that no two are the same; faulty where `good` is False."""
    lines = ["version: 3", f"created_by: {made.author}", f"task_description: Say where an animal sleeps, {made.leaf}."]
    if not made.good:
        lines = lines[:2]
    lines.append("seed_examples:")
    for question, answer in SEEDS:
        lines += [f'  - question: "{question}"', f'    answer: "{answer} ({len(made.heads)})"']
    return ("\n".join(lines) + "\n").encode()
