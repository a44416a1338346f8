"""GitHub's own API description as a judge between client and localhub: Prism as a validating proxy, a relay around it.

    client → relay's front → Prism (GitHub's OpenAPI description) → relay's back → the localhub under test → …

Prism takes fifteen seconds to read the description, so one runs for a whole test session, and the relay says which
localhub it leads to. Every violation that Prism finds in a request or in an answer is kept; `Judge.violations` must be
empty at the end. One thing is allowed that the description does not list for most paths, as GitHub's guide promises it
for all reads (best practices: "use conditional requests"): an answer 304 to a request with If-None-Match.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import subprocess
import threading
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).parents[1]
NODE = ROOT / "tests" / "node"
PRISM = NODE / "node_modules" / ".bin" / "prism"
DESCRIPTION = NODE / "node_modules" / "github-openapi.json"
READY_S = 120
_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host", "sl-violations", "accept-encoding"}
# GitHub's description holds the REST API; its GraphQL endpoint has a schema of its own.
_NOT_REST = ("/graphql", "/api/graphql")


def node_path() -> str:
    """PATH with the Node that the dev extra brings in front."""
    return f"{ROOT / '.venv' / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"


@dataclass(frozen=True)
class Violation:
    """What GitHub's description does not allow."""

    request: str
    status: int
    where: str
    message: str


@dataclass
class Judge:
    """The running proxy. Set `hub` to the API's base URL of a localhub; give `url` to clients as the API's base URL."""

    url: str = ""
    hub: str = ""
    violations: list[Violation] = field(default_factory=list)
    judged: int = 0

    def note(self, request: str, status: int, header: str | None, *, conditional: bool) -> None:
        """Keep what Prism said of one exchange."""
        self.judged += 1
        if not header or (status == 304 and conditional):
            return
        # Prism cuts a long list off in the middle, behind a word of warning.
        text = header.removeprefix("Too many violations! ")
        try:
            found = json.loads(text)
        except json.JSONDecodeError:
            found = [{"location": ["many"], "message": text[:2000]}]
        for one in found:
            self.violations.append(Violation(request, status, ".".join(one.get("location", [])), one["message"]))


@contextlib.contextmanager
def judge() -> Iterator[Judge]:
    """Prism and the relay, for as long as the block runs."""
    it = Judge()
    prism_port = free_port()
    with _serve(_Back, it, 0) as back, _serve(_Front, it, prism_port) as front, _prism(prism_port, back):
        it.url = f"http://127.0.0.1:{front}"
        yield it


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def _prism(port: int, upstream: int) -> Iterator[None]:
    command = [str(PRISM), "proxy", str(DESCRIPTION), f"http://127.0.0.1:{upstream}"]
    process = subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--port", str(port), "--verboseLevel", "info"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PATH": node_path()},
    )
    listening = threading.Event()
    said: list[str] = []

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            if len(said) < 200:
                said.append(line)
            if "Prism is listening" in line:
                listening.set()
        listening.set()  # it ended

    threading.Thread(target=read, daemon=True).start()
    try:
        assert listening.wait(READY_S), "Prism did not start:\n" + "".join(said)
        assert process.poll() is None, "Prism ended:\n" + "".join(said)
        yield
    finally:
        process.terminate()
        process.wait(20)


@contextlib.contextmanager
def _serve(kind: type[_Relay], it: Judge, target: int) -> Iterator[int]:
    handler = type(kind.__name__, (kind,), {"judge": it, "target": target})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()


class _Relay(BaseHTTPRequestHandler):
    """Passes a request on and the answer back; subclasses say where, and look at the answer."""

    judge: Judge
    target: int
    protocol_version = "HTTP/1.1"

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        host, port, path = self.where()
        connection = http.client.HTTPConnection(host, port, timeout=60)
        try:
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
            connection.request(self.command, path, body or None, headers)
            answer = connection.getresponse()
            content = answer.read()
            kept = [(name, value) for name, value in answer.getheaders() if name.lower() not in _HOP]
            self.look(answer.status, answer.getheader("sl-violations"))
        finally:
            connection.close()
        self.answer(answer.status, kept, content)

    def answer(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if status not in (204, 304):
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD" and status not in (204, 304):
            self.wfile.write(content)

    @abstractmethod
    def where(self) -> tuple[str, int, str]:
        """Host, port and path to ask."""

    def look(self, status: int, violations: str | None) -> None:
        """Nothing to look at here."""

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = do_HEAD = handle_any


class _Back(_Relay):
    """From Prism to the localhub of the moment."""

    def where(self) -> tuple[str, int, str]:
        hub = urlsplit(self.judge.hub)
        return hub.hostname or "", hub.port or 80, hub.path + self.path


class _Front(_Relay):
    """From the client to Prism; addresses in answers lead here again, or the client would go around the judge."""

    def where(self) -> tuple[str, int, str]:
        if self.path.startswith(_NOT_REST):
            hub = urlsplit(self.judge.hub)
            return hub.hostname or "", hub.port or 80, "/api/graphql"
        return "127.0.0.1", self.target, self.path

    def look(self, status: int, violations: str | None) -> None:
        if not self.path.startswith(_NOT_REST):
            conditional = self.headers.get("If-None-Match") is not None
            self.judge.note(f"{self.command} {self.path}", status, violations, conditional=conditional)

    def answer(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
        old, new = self.judge.hub, self.judge.url
        moved = [(name, value.replace(old, new)) for name, value in headers]
        super().answer(status, moved, content.replace(old.encode(), new.encode()))
