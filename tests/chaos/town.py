"""The town that chaos happens in: a localhub with an App, its web process and worker, and who kills them."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bot.localhub import Hub, Server, apps, serve
from tests.openapi import free_port

REPOSITORY, OWNER, BOT = "club/taxonomy", "club", "seedbed[bot]"
SECRET = "a-secret-that-only-forge-and-bot-know"
DATE = 1_790_000_000.0
PERMISSIONS = dict.fromkeys(("checks", "contents", "issues", "pull_requests", "statuses"), "write")
EVENTS = ("pull_request", "pull_request_review", "issue_comment", "push", "check_run")
PROCESSES: Mapping[str, tuple[str, ...]] = {
    "web": ("bot.cli.main", "serve"),
    "worker": ("tests.chaos.worker",),
}


@dataclass
class Town:
    """Start with `town`. `kills` counts by process."""

    folder: Path
    server: Server
    tokens: Mapping[str, str]
    env: Mapping[str, str]
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    kills: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PROCESSES, 0))
    _guard: threading.Lock = field(default_factory=threading.Lock)

    @property
    def hub(self) -> Hub:
        return self.server.hub

    def start(self, name: str) -> None:
        """Start a process; its output goes to a log file."""
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                [sys.executable, "-m", *PROCESSES[name]],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.env},
            )

    def kill(self, name: str) -> None:
        """SIGKILL, as a power cut would; then start it again."""
        with self._guard:
            process = self.running[name]
            assert process.poll() is None, f"{name} died by itself; see {self.folder / name}.log"
            process.send_signal(signal.SIGKILL)
            process.wait()
            self.kills[name] += 1
            self.start(name)

    def stop(self, name: str) -> None:
        """Ask a process to end, and wait for it."""
        process = self.running.pop(name)
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    @contextmanager
    def killing(self, seed: int, every_s: float) -> Iterator[None]:
        """Kill a random process every so often while the block runs."""
        dice = random.Random(seed)
        over = threading.Event()
        failed: list[BaseException] = []

        def kill_on() -> None:
            while not over.wait(dice.uniform(0.5, 1.5) * every_s):
                try:
                    self.kill(dice.choice(sorted(PROCESSES)))
                except BaseException as error:
                    failed.append(error)
                    return

        killer = threading.Thread(target=kill_on, name="killer", daemon=True)
        killer.start()
        try:
            yield
        finally:
            over.set()
            killer.join(60)
        if failed:
            raise failed[0]


@contextmanager
def town(folder: Path, database_url: str, *, people: tuple[str, ...]) -> Iterator[Town]:
    """A localhub with `people` and the bot's App installed, a web process and a worker; all stopped at the end."""
    template = folder / "template"
    template.mkdir(parents=True)
    (template / "README.md").write_text("# A taxonomy\n")
    hub = Hub(folder / "hub", commit_date=DATE)
    tokens = {login: hub.add_user(login) for login in people}
    hub.create_repository("club", "taxonomy", template=template)
    port = free_port()
    with serve(hub) as server:
        app = apps.register(
            hub, "seedbed", OWNER, permissions=dict(PERMISSIONS), events=EVENTS,
            hook_url=f"http://127.0.0.1:{port}/webhook", hook_secret=SECRET,
        )  # fmt: skip
        apps.install(hub, app.app, REPOSITORY, OWNER)
        key = folder / "app.pem"
        key.write_text(app.pem)
        env = {
            "PYTHONUNBUFFERED": "1",
            "SEEDBED_REPOSITORY": REPOSITORY,
            "SEEDBED_FORGE_API_URL": server.api_url,
            "SEEDBED_APP_ID": str(app.app.id),
            "SEEDBED_APP_PRIVATE_KEY": str(key),
            "SEEDBED_WEBHOOK_SECRETS": SECRET,
            "SEEDBED_STATE_DIR": str(folder / "state"),
            "SEEDBED_DATABASE_URL": database_url,
            "SEEDBED_PORT": str(port),
            "SEEDBED_SAMPLES": "4",
            "SEEDBED_PREVIEW_SAMPLES": "2",
            "SEEDBED_NIGHTLY_AT": "",
            "SEEDBED_DAILY_PREVIEWS": "0",  # samples are made where somebody asks for them: then they can be counted
        }
        it = Town(folder, server, tokens, env)
        for name in PROCESSES:
            it.start(name)
        try:
            yield it
        finally:
            for name in list(it.running):
                it.stop(name)
    hub.close()
