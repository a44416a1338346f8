"""A localhub on a free port, people with clones, and a receiver of webhooks; shared by the tests of localhub."""

from __future__ import annotations

import hashlib
import hmac
import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from github import Auth, Github
from github.Repository import Repository

from bot.localhub import Hub, Server, serve
from bot.localhub.git import environment

SECRET = "a secret of the tests"
NAME = "club/taxonomy"
README = "# Taxonomy\n\nA place to **grow** things.\n"
DATES = {"GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z", "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z"}


@dataclass
class Received:
    """One webhook request as it came over the wire."""

    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> str:
        return self.headers["x-github-event"]

    @property
    def payload(self) -> dict[str, Any]:
        return json.loads(self.body)

    @property
    def key(self) -> str:
        action = self.payload.get("action")
        return f"{self.event}.{action}" if action else self.event

    def is_signed(self) -> bool:
        wanted = "sha256=" + hmac.new(SECRET.encode(), self.body, hashlib.sha256).hexdigest()
        return hmac.compare_digest(self.headers["x-hub-signature-256"], wanted)


@dataclass
class Receiver:
    """A tiny web server that keeps what it is sent and answers with `status`."""

    url: str = ""
    status: int = 202
    got: list[Received] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def wait(self, wanted: Callable[[list[Received]], bool]) -> list[Received]:
        with self.changed:
            done = self.changed.wait_for(lambda: wanted(self.got), 10)
            assert done, [one.key for one in self.got]
            return list(self.got)

    def wait_for(self, key: str) -> Received:
        return next(one for one in self.wait(lambda got: any(one.key == key for one in got)) if one.key == key)


@contextmanager
def receiver() -> Iterator[Receiver]:
    kept = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with kept.changed:
                kept.got.append(Received({k.lower(): v for k, v in self.headers.items()}, body))
                kept.changed.notify_all()
            self.send_response(kept.status)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    kept.url = f"http://127.0.0.1:{server.server_address[1]}/webhook"
    try:
        yield kept
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class World:
    """One hub with a repository: alice writes, carol administers, bob only reads, seedbed[bot] is the bot."""

    server: Server
    tokens: dict[str, str]
    folder: Path

    @property
    def hub(self) -> Hub:
        return self.server.hub

    def github(self, login: str) -> Github:
        return self.github_with(self.tokens[login])

    def github_with(self, token: str) -> Github:
        return Github(
            base_url=self.server.api_url,
            auth=Auth.Token(token),
            seconds_between_requests=0,
            seconds_between_writes=0,
            retry=None,
        )

    def repo(self, login: str = "alice") -> Repository:
        return self.github(login).get_repo(NAME)

    def remote(self, login: str, token: str | None = None) -> str:
        secret = self.tokens[login] if token is None else token
        return self.server.url.replace("http://", f"http://{login}:{secret}@") + f"/{NAME}.git"

    def clone(self, login: str = "alice") -> Path:
        folder = self.folder / login
        if not folder.exists():
            git(self.folder, "clone", "-q", self.remote(login), login)
        return folder

    def push(
        self, branch: str, files: dict[str, str | None], *, login: str = "alice", start: str = "origin/main"
    ) -> str:
        """Commit files on a branch (new ones begin at `start`) and push; returns the sha."""
        folder = self.clone(login)
        git(folder, "fetch", "-q", "origin")
        known = git(folder, "branch", "--list", branch)
        git(folder, "checkout", "-q", *([branch] if known else ["-b", branch, start]))
        for path, text in files.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink() if text is None else target.write_text(text)
        git(folder, "add", "-A")
        git(folder, "commit", "-q", "-m", f"Work on {branch}")
        git(folder, "push", "-q", "origin", branch)
        return git(folder, "rev-parse", "HEAD")

    def open(self, branch: str = "leaf", files: dict[str, str | None] | None = None, title: str = "A leaf") -> Any:
        self.push(branch, files or {f"{branch}.txt": f"{branch}\n"})
        return self.repo().create_pull(base="main", head=branch, title=title, body="Please look.")


def git(folder: Path, *arguments: str, check: bool = True) -> str:
    """Run git as a person would; returns what it says on both streams."""
    identity = ["-c", "user.name=alice", "-c", "user.email=alice@users.noreply.localhub"]
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, timeout=60, env=environment(**DATES)
    )
    said = (done.stdout + done.stderr).strip()
    assert not check or done.returncode == 0, said
    return said


@contextmanager
def world(folder: Path) -> Iterator[World]:
    template = folder / "template"
    (template / "compositional_skills").mkdir(parents=True)
    (template / "README.md").write_text(README)
    (template / "compositional_skills" / "seed.txt").write_text("one\ntwo\nthree\n")
    hub = Hub(folder / "state")
    logins = {"carol": False, "alice": False, "bob": False, "seedbed[bot]": True}
    tokens = {login: hub.add_user(login, bot=bot) for login, bot in logins.items()}
    hub.create_repository("club", "taxonomy", template=template)
    for login, level in {"carol": "admin", "alice": "write", "seedbed[bot]": "write"}.items():
        hub.set_permission(NAME, login, level)  # type: ignore[arg-type]
    clones = folder / "clones"
    clones.mkdir()
    with serve(hub) as server:
        yield World(server, tokens, clones)
    hub.close()
