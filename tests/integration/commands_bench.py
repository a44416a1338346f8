"""A bench for comments: the command job is real, and what it enqueues is written down and not run."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

from bot import pulls
from bot.commands import parse
from bot.engine.port import JSON, Steps
from bot.forge.port import ForgeError, NotFound, Permission, Unreachable
from bot.jobs import command
from bot.pulls import LintPart, PullState
from bot.render import texts
from tests.integration.bot_bench import GOOD, LEAF, Bench, Forge

OTHERS = ("lint", "preview", "precheck", "impact", "fix", "triage")


class MoodyForge(Forge):
    """Does not answer `permission` about those in `silent`, nor `has_merged`; has no comment of those in `gone`."""

    silent: frozenset[str] = frozenset()
    gone: frozenset[int] = frozenset()

    def permission(self, login: str) -> Permission:
        if login in self.silent:
            raise Unreachable(f"permission of {login}: 502")
        return super().permission(login)

    def has_merged(self, login: str) -> bool:
        if "merged" in self.silent:
            raise ForgeError("search: 422")
        return super().has_merged(login)

    def react(self, comment_id: int, reaction: Any) -> None:
        if comment_id in self.gone:
            raise NotFound(f"no comment {comment_id}")
        super().react(comment_id, reaction)


@dataclass
class Comments(Bench):
    """`did` holds (job, payload) of what was started."""

    forge: MoodyForge = field(default_factory=lambda: MoodyForge(files={"README.md": b"A taxonomy.\n"}))
    did: list[tuple[str, JSON]] = field(default_factory=list)
    failing: set[str] = field(default_factory=set)

    def pull(self, *, author: str = "ada", errors: int | None = 0, **part: Any) -> int:
        """A pull request with one leaf; `errors` of its check, None: not checked."""
        number = self.forge.add_pull(GOOD, author=author)
        if errors is not None:
            sha = self.forge.pull(number).head_sha
            lint = LintPart(sha, files=2, errors=errors, **{"leaves": (LEAF,), "preview": "ask", **part})
            self.context.publish(number, lint)
        return number

    def say(self, number: int, by: str, body: str) -> int:
        """Comment, and run what the comment asks for; the comment's id."""
        comment = self.forge.comment_as(by, number, body)
        self.ask(number, by, body, comment)
        return comment

    def ask(self, number: int, by: str, body: str, comment: int | None, *, id: str = "") -> None:
        asked = [one.plain() for one in parse(body, self.forge.login)]
        payload = {"pull": number, "comment": comment, "author": by, "asked": asked}
        id = id or f"gh-{comment}"
        assert self.engine.enqueue("command", payload, id=id, queue="lint", key=str(number))
        self.run()
        status = self.engine.status(id)
        assert status is not None
        assert status.state == "done", status.error

    def run(self) -> None:
        jobs = {name: partial(self._note, name) for name in OTHERS}
        self.engine.drain({"command": partial(command.run, self.context), **jobs})

    def _note(self, name: str, steps: Steps, payload: JSON) -> JSON:
        if name in self.failing:
            raise RuntimeError("the disk is full @everyone")
        self.did.append((name, payload))
        return None

    def reactions(self, comment: int) -> set[str]:
        return {reaction for id, reaction in self.forge.reactions if id == comment}

    def refused(self, comment: int) -> bool:
        """😕 and no 🚀, or the other way round."""
        assert self.reactions(comment) in ({"eyes", "rocket"}, {"eyes", "confused"})
        return "confused" in self.reactions(comment)

    def replies(self, number: int) -> list[str]:
        """Our replies without their markers, oldest first."""
        mine = [c.body for c in self.forge.comments(number) if c.author == self.forge.login]
        return [body.partition("\n")[2] for body in mine if texts.MARKER not in body]

    def state(self, number: int) -> PullState:
        return pulls.load(self.store, number)

    def head(self, number: int) -> str:
        return self.forge.pull(number).head_sha
