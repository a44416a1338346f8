"""A whole small world for scenarios, after rust-lang/bors: people act on a real localhub, the bot answers as written.

Real: localhub over HTTP, git, webhooks with signatures, the web process's application under uvicorn, PyGithub, the
linter's limited process. Doubles that ship with the product and pass their seam's contract suite: engine and store in
memory, scripted teacher and evaluator.

`World.said` gives what the bot wrote on a pull request since it was last asked, with addresses and shas made steady, to
compare with an inline snapshot. Whatever the bot writes and nobody asks for fails the scenario at its end.
"""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import uvicorn

from bot.app import create_app
from bot.context import Context
from bot.demo.person import Person
from bot.engine.memory import MemoryEngine
from bot.localhub import Hub, Server, checks, runs, serve
from bot.localhub.faults import DeliveryFaults
from bot.localhub.models import Level
from bot.settings import Settings
from bot.teachers import TeacherDesk
from bot.wiring import jobs, open_context
from pipeline.documents import offline
from pipeline.evaluate.scripted import ScriptedEvaluator
from pipeline.responses import Responses
from pipeline.store.memory import MemoryStore
from pipeline.teacher.scripted import ScriptedTeacher
from pipeline.train.scripted import ScriptedTrainer
from tests.integration.bot_bench import script

REPOSITORY = "club/taxonomy"
BOT = "seedbed[bot]"
SECRET = "a-secret-that-only-forge-and-bot-know"
PEOPLE: Mapping[str, Level] = {"carol": "admin", "tom": "triage", "ada": "read", "eve": "read"}
TODAY = 1_790_000_000.0
Files = Mapping[str, bytes | None]


@dataclass
class Actor:
    """A person with an account, a clone and a keyboard."""

    world: World
    person: Person

    @property
    def login(self) -> str:
        return self.person.login

    def push(self, branch: str, files: Files, message: str = "Work on a leaf") -> str:
        """Commit and push to a branch of their own; returns the sha."""
        return self.person.push(self._clone(), f"{self.login}/{branch}", files, message)

    def open(self, files: Files, *, branch: str = "leaf", title: str = "Add a leaf", body: str = "Please look.") -> int:
        """Push a branch and open a pull request; returns its number."""
        self.push(branch, files)
        return self.person.open_pull(f"{self.login}/{branch}", title, body)

    def open_from_fork(self, files: Files, *, maintainer_can_modify: bool, title: str = "Add a leaf") -> int:
        """Fork the repository, push there, open a pull request; returns its number."""
        self.person.rest("POST", "/forks", {})
        fork = replace(self.person, repository=f"{self.login}/{REPOSITORY.partition('/')[2]}")
        folder = self.world.folder / "clones" / f"{self.login}-fork"
        folder.parent.mkdir(exist_ok=True)
        fork.clone(folder)
        fork.push(folder, "leaf", files, "Work on a leaf")
        body = {"title": title, "head": f"{self.login}:leaf", "base": "main", "body": "Please look."}
        made = self.person.rest("POST", "/pulls", {**body, "maintainer_can_modify": maintainer_can_modify})
        return int(made["number"])

    def comment(self, pull: int, body: str) -> int:
        """Write a comment; returns its id."""
        made = self.person.rest("POST", f"/issues/{pull}/comments", {"body": body})
        return int(made["id"])

    def review(self, pull: int, event: str, body: str = "") -> None:
        """Submit a review: APPROVE, REQUEST_CHANGES or COMMENT."""
        self.person.rest("POST", f"/pulls/{pull}/reviews", {"event": event, "body": body})

    def merge(self, pull: int) -> str:
        """Merge; returns the merge commit."""
        return self.person.merge(pull)

    def close(self, pull: int) -> None:
        """Close without merging."""
        self.person.rest("PATCH", f"/pulls/{pull}", {"state": "closed"})

    def _clone(self) -> Path:
        folder = self.world.folder / "clones" / self.login
        if not folder.exists():
            folder.parent.mkdir(exist_ok=True)
            self.person.clone(folder)
        self.person.git(folder, "fetch", "-q", "origin")
        return folder


@dataclass
class World:
    """Carol administers, Tom triages, Ada and Eve contribute; `seedbed[bot]` is the bot."""

    folder: Path
    server: Server
    context: Context
    engine: MemoryEngine
    tokens: Mapping[str, str]
    now: list[float]
    heard: dict[int, str] = field(default_factory=dict)  # comment id → its body when it was last asked for

    @property
    def hub(self) -> Hub:
        return self.server.hub

    def actor(self, login: str) -> Actor:
        return Actor(self, Person(self.server.url, REPOSITORY, login, self.tokens[login]))

    @property
    def ada(self) -> Actor:
        return self.actor("ada")

    @property
    def eve(self) -> Actor:
        return self.actor("eve")

    @property
    def carol(self) -> Actor:
        return self.actor("carol")

    @property
    def tom(self) -> Actor:
        return self.actor("tom")

    def settle(self) -> None:
        """Until every webhook has arrived and every job has ended."""
        while True:
            assert self.hub.deliveries.wait_idle(30), "webhooks are still waiting"
            before = self.hub.db.value("SELECT count(*) FROM deliveries")
            self.engine.drain(jobs(self.context))
            assert self.hub.deliveries.wait_idle(30), "webhooks are still waiting"
            if before == self.hub.db.value("SELECT count(*) FROM deliveries") and not self.engine.jobs(
                states=("queued", "running")
            ):
                return

    def said(self, pull: int) -> str:
        """What the bot wrote or changed on a pull request since it was last asked; reviews come with their lines."""
        fresh = [one for one in self._written(pull) if self.heard.get(one[0]) != one[1]]
        self.heard.update(fresh)
        return "\n\n=====\n\n".join(self.steady(body) for _, body in fresh)

    def unheard(self) -> list[str]:
        """What the bot wrote and nobody asked for."""
        numbers = [int(p["number"]) for p in self.carol.person.rest("GET", "/pulls?state=all&per_page=100")]
        return [f"#{number}: {text}" for number in numbers if (text := self.said(number))]

    def _written(self, pull: int) -> list[tuple[int, str]]:
        ours = [c for c in self.carol.person.rest("GET", f"/issues/{pull}/comments?per_page=100") if _is_bot(c)]
        reviews = [r for r in self.carol.person.rest("GET", f"/pulls/{pull}/reviews?per_page=100") if _is_bot(r)]
        lines = self.carol.person.rest("GET", f"/pulls/{pull}/comments?per_page=100")
        written = [(int(c["id"]), str(c["body"])) for c in ours]
        for review in reviews:
            own = [n for n in lines if n["pull_request_review_id"] == review["id"]]
            notes = [f"{n['path']}:{n.get('line')}\n{n['body']}" for n in own]
            written.append((-int(review["id"]), "\n\n".join([str(review["body"]), *notes])))
        return written

    def steady(self, text: str) -> str:
        """Without ports and shas, which differ from run to run."""
        text = text.replace(self.server.url, "http://hub.example").replace("\u200b", "")
        return re.sub(r"\b[0-9a-f]{40}\b|(?<=`)[0-9a-f]{7}(?=`)", "<sha>", text)

    def check(self, pull: int, name: str = "seedbed/lint") -> str:
        """Conclusion (or status) and title of the newest check run on a pull request's head."""
        sha = self.head(pull)
        run = self.carol.person.check(sha, name)
        return "none" if run is None else f"{run['conclusion'] or run['status']}: {run['output']['title']}"

    def head(self, pull: int) -> str:
        return str(self.carol.person.rest("GET", f"/pulls/{pull}")["head"]["sha"])

    def labels(self, pull: int) -> list[str]:
        return sorted(label["name"] for label in self.carol.person.rest("GET", f"/issues/{pull}/labels"))

    def reactions(self, comment: int) -> list[str]:
        """What the bot reacted with to a comment, in order."""
        return [r["content"] for r in self.carol.person.rest("GET", f"/issues/comments/{comment}/reactions")]

    def press(self, pull: int, button: str, login: str, check: str = "seedbed/lint") -> None:
        """Press a button on the newest check run of the head, as a person would on its page."""
        run = self.carol.person.check(self.head(pull), check)
        assert run is not None
        self.press_on(int(run["id"]), button, login)

    def press_on(self, run_id: int, button: str, login: str) -> None:
        repository = self.hub.repository(REPOSITORY)
        account = self.hub.account(login)
        assert account is not None
        checks.press(self.hub, repository, runs.get(self.hub, repository, run_id), account, button)

    def rerun(self, pull: int, login: str, check: str = "seedbed/lint") -> None:
        """Press "Re-run" on the newest check run of the head."""
        run = self.carol.person.check(self.head(pull), check)
        assert run is not None
        self.actor(login).person.rest("POST", f"/check-runs/{run['id']}/rerequest")

    def days_pass(self, days: float) -> None:
        """Move the bot's clock."""
        self.now[0] += days * 86_400

    def remind(self) -> None:
        """What the clock does once a day."""
        self.run("remind")

    def reconcile(self) -> None:
        """What the clock does every ten minutes."""
        self.run("reconcile")

    def run(self, job: str) -> None:
        """Run a job of the clock, and what follows from it."""
        self.engine.enqueue(job, {}, id=f"{job}-{len(self.engine.jobs(limit=10_000))}", queue="lint")
        self.settle()

    def lose_webhooks(self) -> None:
        """From now on no webhook arrives."""
        self.hub.faults.deliveries = DeliveryFaults(drop=1.0)

    def find_webhooks(self) -> None:
        """They arrive again."""
        self.hub.faults.clear()


def _is_bot(written: Mapping[str, Any]) -> bool:
    return bool(written["user"]["login"] == BOT)


@contextmanager
def world(folder: Path, *, api_url: Callable[[str], str] = lambda url: url, **changes: Any) -> Iterator[World]:
    """Build the world; fails at the end if the bot said something that the scenario did not ask for.

    `api_url` may lead the bot's client another way (through a judge); `changes` are settings.
    """
    template = folder / "template"
    template.mkdir()
    (template / "README.md").write_text("# A taxonomy\n")
    hub = Hub(folder / "hub", commit_date=TODAY)
    tokens = {login: hub.add_user(login) for login in PEOPLE} | {BOT: hub.add_user(BOT, bot=True)}
    hub.create_repository("club", "taxonomy", template=template)
    for login, level in {**PEOPLE, BOT: "write"}.items():
        hub.set_permission(REPOSITORY, login, level)
    engine, store, now = MemoryEngine(), MemoryStore(), [TODAY]
    with serve(hub) as server:
        settings = Settings(
            repository=REPOSITORY,
            forge_api_url=api_url(server.api_url),
            forge_token=tokens[BOT],
            forge_login=BOT,
            webhook_secrets=SECRET,
            state_dir=folder / "state",
            public_url="http://bot.example",
            samples=4,
            preview_samples=2,
            **changes,
        )
        (folder / "state").mkdir()
        context = replace(
            open_context(settings, engine),
            store=store,
            teachers=TeacherDesk(lambda: ScriptedTeacher(script, name="Script"), Responses(":memory:")),
            embedder=None,
            trainer=ScriptedTrainer(),
            evaluator=ScriptedEvaluator(),
            documents=offline,
            clock=lambda: now[0],
        )
        with _web(create_app(settings, engine, store)) as url:
            hub.add_hook(REPOSITORY, f"{url}/webhook", SECRET, ["*"])
            it = World(folder, server, context, engine, tokens, now)
            it.settle()
            yield it
            it.settle()
            left = it.unheard()
            assert not left, "the bot said what the scenario does not expect:\n\n" + "\n\n".join(left)
    hub.close()


@contextmanager
def _web(app: Any) -> Iterator[str]:
    """The web process's application on a free port, in a thread."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
