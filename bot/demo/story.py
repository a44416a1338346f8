"""The demo told in order: each step waits for the one before, through the same doors that people use."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console
from rich.markup import escape

from bot.demo import leaves as demo_leaves
from bot.demo import report
from bot.demo.leaves import DemoLeaf, LeafFolderError
from bot.demo.person import Person, PersonError, wait_for
from bot.demo.processes import ProcessDied, Processes
from bot.demo.template import taxonomy_template
from bot.engine.dbos import DbosEnqueuer
from bot.engine.port import JobStatus
from bot.localhub.hub import Hub
from bot.progress import read as read_progress
from bot.render import texts

REPOSITORY = "valley/taxonomy"
BOT, AUTHOR, MAINTAINER = "seedbed[bot]", "ada", "grace"
DATE = 1767268800.0  # 2026-01-01T12:00:00Z: the same commits in every run, hence the same dataset bytes
MARK = "this folder belongs to `seedbed demo`, which empties it at its start\n"
RECIPE = Path(__file__).parent / "recipe.yaml"
WIDTH = 120  # of the output, where no terminal says
LINT_S, PREVIEW_S, GENERATE_S, BUILD_S = 60.0, 900.0, 3600.0, 3600.0


T = TypeVar("T")


class DemoError(Exception):
    """A step did not end as it should. The message says which, and where to look."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the user chose; see `seedbed demo --help`."""

    leaves: tuple[Path, ...] = ()
    keep: bool = False
    state: Path = Path("seedbed-demo")
    port: int = 8790
    samples: int = 10
    engine: str = "auto"
    json: Path | None = None


def tell(options: Options) -> int:
    """Tell the whole story. 0: promoted; 1: held, or a step failed; 2: wrong use."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=WIDTH)
    try:
        demo_leaves.read(options.leaves)  # before anything is started
        _empty(options.state)
        with Processes(options.state / "logs") as processes:
            story = Story.set_up(options, console, processes)
            promoted = story.tell()
            if options.keep:
                story.stay()
        return 0 if promoted else 1
    except LeafFolderError as error:
        console.print(f"[red]seedbed demo:[/] {escape(str(error))}")
        return 2
    except (DemoError, PersonError, ProcessDied, TimeoutError, OSError) as error:
        console.print(f"[red]seedbed demo stopped:[/] {escape(str(error))}")
        console.print(f"Logs: {options.state / 'logs'}", markup=False)
        return 1


def _empty(state: Path) -> None:
    """A fresh folder; somebody else's folder is never emptied."""
    mark = state / ".seedbed-demo"
    if state.exists() and any(state.iterdir()) and not mark.exists():
        raise DemoError(f"{state} is not empty and was not made by a demo. Name another folder with --state.")
    shutil.rmtree(state, ignore_errors=True)
    state.mkdir(parents=True)
    mark.write_text(MARK)


@dataclass(slots=True)
class Story:
    """Who takes part, and what happened so far."""

    options: Options
    console: Console
    processes: Processes
    hub_url: str
    ada: Person
    grace: Person
    leaves: list[DemoLeaf]
    jobs: DbosEnqueuer
    env: dict[str, str]
    began: float = field(default_factory=time.monotonic)
    pulls: dict[str, int] = field(default_factory=dict)
    said: str = ""

    @classmethod
    def set_up(cls, options: Options, console: Console, processes: Processes) -> Story:
        """Accounts and repositories on a new localhub; the three processes started."""
        console.print(f"[bold]Seedbed demo[/]  state in {options.state}")
        hub_url, bot_url = (f"http://127.0.0.1:{port}" for port in (options.port, options.port + 1))
        hub = Hub(options.state / "localhub", commit_date=DATE)
        try:
            tokens = {login: hub.add_user(login, bot=login == BOT) for login in (BOT, AUTHOR, MAINTAINER)}
            hub.create_repository(
                *REPOSITORY.split("/"), template=taxonomy_template(), description="What our model learns"
            )
            hub.set_permission(REPOSITORY, BOT, "write")
            hub.set_permission(REPOSITORY, AUTHOR, "write")
            hub.set_permission(REPOSITORY, MAINTAINER, "admin")
            hub.create_repository("tarn", "handbook", template=demo_leaves.HANDBOOK)
            handbook = hub.git(hub.repository("tarn/handbook")).refs()["refs/heads/main"]
            secret = secrets.token_hex(32)
            hub.add_hook(REPOSITORY, f"{bot_url}/webhook", secret, ["*"])
        finally:
            hub.close()
        env = _settings(options, hub_url, bot_url, tokens[BOT], secret)
        processes.start("serve", "serve", env=env)
        localhub = ("--state", str(options.state / "localhub"), "--port", str(options.port))
        processes.start("localhub", "localhub", *localhub, env={"SOURCE_DATE_EPOCH": str(int(DATE))})
        processes.start("worker", "worker", env=env)
        leaves = demo_leaves.read(options.leaves) or demo_leaves.bundled(f"{hub_url}/tarn/handbook.git", handbook)
        ada = Person(hub_url, REPOSITORY, AUTHOR, tokens[AUTHOR])
        grace = Person(hub_url, REPOSITORY, MAINTAINER, tokens[MAINTAINER])
        database = f"sqlite:///{options.state / 'bot' / 'jobs.sqlite'}"
        story = cls(options, console, processes, hub_url, ada, grace, leaves, DbosEnqueuer(database), env)
        story.wait("the servers", story._answers, 60)
        story.say(f"localhub {hub_url}   bot {bot_url}")
        return story

    def tell(self) -> bool:
        """From the first pull request to the verdict."""
        clone = self.options.state / "clone"
        self.ada.clone(clone)
        self.faulty_pull(clone, self.leaves[0])
        for leaf in self.leaves[1:]:
            self.open(clone, leaf, leaf.tree())
        for leaf in self.leaves:
            self.previewed(leaf)
        for leaf in self.leaves:
            self.merge(leaf)
        self.generated()
        return self.night()

    def faulty_pull(self, clone: Path, leaf: DemoLeaf) -> None:
        """A contribution with two typical faults, what the bot says, and the correction."""
        self.step(f"{AUTHOR} contributes {leaf.path}, with two faults")
        sha = self.open(clone, leaf, leaf.with_faults())
        number = self.pulls[leaf.path]
        began = time.monotonic()
        check = self.checked(sha, "failure")
        self.say(f"seedbed/lint: {check['output']['title']}  ({time.monotonic() - began:.1f} s after the push)")
        self.show_comment(number)
        self.step(f"{AUTHOR} pushes the correction")
        began = time.monotonic()
        sha = self.ada.push(clone, leaf.branch, dict(leaf.tree()), f"Mend {leaf.path.rsplit('/', 1)[-1]}")
        check = self.checked(sha, "success")
        self.say(f"seedbed/lint: {check['output']['title']}  ({time.monotonic() - began:.1f} s after the push)")

    def open(self, clone: Path, leaf: DemoLeaf, files: dict[str, bytes | None] | dict[str, bytes]) -> str:
        """Push a leaf and open its pull request; returns the head's sha."""
        title = f"Add {leaf.path.rsplit('/', 1)[-1].replace('_', ' ')}"
        sha = self.ada.push(clone, leaf.branch, dict(files), title)
        number = self.ada.open_pull(leaf.branch, title, f"Adds `{leaf.path}`.")
        self.pulls[leaf.path] = number
        self.say(f"pull request {self.page(number)}")
        return sha

    def previewed(self, leaf: DemoLeaf) -> None:
        """Wait for the samples of a pull request and show them."""
        number = self.pulls[leaf.path]
        sha = self.ada.rest("GET", f"/pulls/{number}")["head"]["sha"]
        self.step(f"the teacher previews {leaf.path}")
        self.checked(sha, "success")
        check = self.wait("the preview", lambda: self.concluded(sha, texts.PREVIEW), PREVIEW_S, progress=True)
        self.say(f"seedbed/preview: {check['output']['title']}")
        if check["conclusion"] == "failure":
            raise DemoError(f"the preview failed: {check['output']['summary']}")
        if leaf is self.leaves[0]:
            self.show_comment(number)
        else:
            self.say(f"samples in the comment: {self.page(number)}")

    def merge(self, leaf: DemoLeaf) -> None:
        """The maintainer merges."""
        number = self.pulls[leaf.path]
        self.step(f"{MAINTAINER} merges {self.page(number)}")
        self.grace.merge(number)

    def generated(self) -> None:
        """Wait until every merge job has ended."""
        self.step("the teacher writes the training samples")
        self.wait("generation", self._idle, GENERATE_S, progress=True)
        for leaf in self.leaves:
            self.say(f"#{self.pulls[leaf.path]} {leaf.path}: {report.made(self.options.state / 'bot', leaf.path)}")

    def night(self) -> bool:
        """Run a nightly build and show what it decided."""
        self.step("the nightly build: mix, tune, evaluate, decide")
        self.jobs.enqueue("nightly", {}, id="demo-night", queue="build")
        done = self.wait("the build", self._night_over, BUILD_S, progress=True)
        if done.state != "done":
            raise DemoError(f"the build failed: {done.error}")
        result = report.read(self.options.state / "bot", done.result)
        report.show(self.console, result)
        if self.options.keep:
            self.say(f"browse {self.hub_url}/{REPOSITORY}/pulls (ledger: branch seedbed/builds)")
        self.say(f"took {(time.monotonic() - self.began) / 60:.1f} minutes")
        if self.options.json:
            self.options.json.write_text(json.dumps(result.as_json(), indent=2) + "\n")
        return result.promoted

    def cut_power(self) -> None:
        """SIGKILL the worker, and start it again: the same result is due (design §5.1)."""
        self.processes.kill("worker")
        self.processes.start("worker", "worker", env=self.env)

    def stay(self) -> None:
        """Keep the servers until Ctrl-C."""
        self.console.print(f"The servers go on: {self.hub_url}/{REPOSITORY}/pulls   Ctrl-C ends them.")
        with suppress(KeyboardInterrupt):
            while True:
                self.processes.check()
                time.sleep(1)

    # --- looking ---------------------------------------------------------------------------------------------------

    def checked(self, sha: str, wanted: str) -> dict[str, Any]:
        """Wait for the linter's verdict on a commit, which must be `wanted`."""
        check = self.wait("the linter's verdict", lambda: self.concluded(sha, texts.LINT), LINT_S)
        if check["conclusion"] != wanted:
            raise DemoError(
                f"expected {wanted} of seedbed/lint, got {check['conclusion']}: {check['output']['summary']}"
            )
        return check

    def concluded(self, sha: str, name: str) -> dict[str, Any] | None:
        """The completed check run, or None."""
        check = self.ada.check(sha, name)
        return check if check is not None and check["status"] == "completed" else None

    def show_comment(self, number: int) -> None:
        """Print the bot's comment as the contributor reads it."""
        mine = [c for c in self.ada.comments(number) if c["user"]["login"] == BOT]
        if len(mine) != 1:
            raise DemoError(f"expected one comment of the bot on {self.page(number)}, found {len(mine)}")
        report.show_comment(self.console, mine[0]["body"])

    def page(self, number: int) -> str:
        """Address of a pull request in the browser."""
        return f"{self.hub_url}/{REPOSITORY}/pull/{number}"

    def step(self, text: str) -> None:
        """Headline of a step, with the minutes since the start."""
        minutes = (time.monotonic() - self.began) / 60
        self.console.print(f"\n[bold cyan]{minutes:4.1f} min[/]  [bold]{escape(text)}[/]")

    def say(self, text: str) -> None:
        """A line below the headline."""
        self.console.print(f"          {text}", markup=False)

    def wait(self, what: str, look: Callable[[], T | None], seconds: float, *, progress: bool = False) -> T:
        """Wait for `look`; with `progress`, show what the worker is doing."""
        if not progress or not self.console.is_terminal:
            return wait_for(what, look, seconds=seconds, alive=self._alive if not progress else self._narrate)
        with self.console.status(what) as status:

            def alive() -> None:
                self.processes.check()
                if (now := read_progress(self.options.state / "bot")) is not None:
                    status.update(f"{now.what} {now.fraction:.0%}")

            return wait_for(what, look, seconds=seconds, alive=alive)

    def _alive(self) -> None:
        self.processes.check()

    def _narrate(self) -> None:
        """Without a terminal: a line whenever the worker begins something else."""
        self.processes.check()
        now = read_progress(self.options.state / "bot")
        doing = now.what.split(":")[0] if now else self.said
        if now is not None and doing != self.said:
            self.said = doing
            self.say(f"… {now.what}")

    def _answers(self) -> bool | None:
        try:
            self.ada.rest("GET", "")
        except (PersonError, OSError):
            return None
        return True

    def _idle(self) -> bool | None:
        """No job is queued or runs, and one merge job ran to its end since the last merge."""
        busy = self.jobs.jobs(states=("queued", "running"))
        failed = [job for job in self.jobs.jobs(states=("failed",)) if job.name == "merge"]
        if failed:
            raise DemoError(f"generation failed: {failed[0].error}")
        made = all(report.made(self.options.state / "bot", leaf.path) for leaf in self.leaves)
        return True if made and not busy else None

    def _night_over(self) -> JobStatus | None:
        status = self.jobs.status("demo-night")
        return status if status is not None and status.state in ("done", "failed", "cancelled") else None


def _settings(options: Options, hub_url: str, bot_url: str, token: str, secret: str) -> dict[str, str]:
    """The settings of a real installation, pointing at localhub."""
    return {
        "SEEDBED_REPOSITORY": REPOSITORY,
        "SEEDBED_FORGE_API_URL": f"{hub_url}/api/v3",
        "SEEDBED_FORGE_TOKEN": token,
        "SEEDBED_FORGE_LOGIN": BOT,
        "SEEDBED_WEBHOOK_SECRETS": secret,
        "SEEDBED_STATE_DIR": str(options.state / "bot"),
        "SEEDBED_PORT": str(options.port + 1),
        "SEEDBED_PUBLIC_URL": bot_url,
        "SEEDBED_SAMPLES": str(options.samples),
        "SEEDBED_PREVIEW_SAMPLES": "3",
        "SEEDBED_TEACHER_ENGINE": options.engine,
        "SEEDBED_DOCUMENT_LOOPBACK": "true",
        "SEEDBED_RECIPE": os.environ.get("SEEDBED_RECIPE", str(RECIPE)),
        "SEEDBED_GGUF_KINDS": os.environ.get("SEEDBED_GGUF_KINDS", "q8_0"),  # each kind takes most of a minute
    }
