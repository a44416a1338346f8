"""`make bench-bot`: 1,000 deliveries at once to one web process on SQLite; worker and localhub beside it.

Bars (issue 4): every delivery accepted, none lost, 99 % answered within 1 s, and the burst linted at 10 pull requests/s
or more. Exit code 1 if one is missed. Run it on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import quantiles

from bot.engine.dbos import DbosEnqueuer
from bot.localhub import Hub, pulls
from bot.localhub.deliveries import signature
from bot.localhub.shapes import core
from bot.localhub.shapes import pulls as shapes
from tests.integration.bot_bench import SEEDS
from tests.openapi import free_port

REPOSITORY, BOT, AUTHOR = "club/taxonomy", "seedbed[bot]", "ada"
SECRET = "a-secret-that-only-forge-and-bot-know"
WHO = b"ada <ada@users.noreply.localhub> 1790000000 +0000"
FIRST = b"commit refs/heads/main\ncommitter %b\ndata 5\nFirst\nM 100644 inline README.md\ndata 2\n#\n\n" % WHO
ANSWER_BAR_S, LINT_BAR = 1.0, 10.0
READY_S, LINTED_S = 60.0, 900.0


@dataclass(frozen=True)
class Result:
    """Seconds, and pull requests per second. `lost`: pull requests without a completed lint check."""

    deliveries: int
    connections: int
    accepted: int
    median_s: float
    p99_s: float
    slowest_s: float
    lost: int
    linted_per_s: float
    comments: int

    @property
    def holds(self) -> bool:
        """Whether every bar is kept."""
        answered = self.accepted == self.deliveries and self.p99_s <= ANSWER_BAR_S
        return answered and self.lost == 0 and self.linted_per_s >= LINT_BAR and self.comments == self.deliveries


def bench(folder: Path, n: int, connections: int) -> Result:
    """Prepare, burst, wait for the last check."""
    hub_port, web_port = free_port(), free_port()
    hub = Hub(folder / "hub")
    hub.base_url = f"http://127.0.0.1:{hub_port}"
    token = settle_in(hub)
    env = {
        "SEEDBED_REPOSITORY": REPOSITORY,
        "SEEDBED_FORGE_API_URL": f"{hub.base_url}/api/v3",
        "SEEDBED_FORGE_TOKEN": token,
        "SEEDBED_WEBHOOK_SECRETS": SECRET,
        "SEEDBED_STATE_DIR": str(folder / "state"),
        "SEEDBED_PORT": str(web_port),
        "SEEDBED_NIGHTLY_AT": "",
    }
    serving = [sys.executable, "-m", "bot.localhub", "--state", str(folder / "hub"), "--port", str(hub_port)]
    with (
        running(folder, "hub", serving, {}),
        running(folder, "web", seedbed("serve"), env),
        running(folder, "worker", seedbed("worker"), env),
    ):
        until(
            "localhub and web process answer", READY_S, lambda: answers(hub_port, "/") and answers(web_port, "/readyz")
        )
        until("the worker has looked around", READY_S, lambda: idle(folder))
        open_pulls(hub, n)  # past the server, and without a hook: the burst below is the first that the bot hears of
        requests = [request(body, web_port) for body in payloads(hub)]
        started = time.time()
        took = asyncio.run(burst(requests, web_port, connections))
        checked = "SELECT count(*) FROM check_runs WHERE name = 'seedbed/lint' AND status = 'completed'"
        until("the last lint check", LINTED_S, lambda: int(hub.db.value(checked) or 0) >= n)
        ended = float(hub.db.value("SELECT max(completed_at) FROM check_runs") or 0)
        until("no job is left", LINTED_S, lambda: idle(folder))
        linted = int(hub.db.value("SELECT count(DISTINCT head_sha) FROM check_runs WHERE status = 'completed'") or 0)
        comments = int(hub.db.value("SELECT count(*) FROM comments") or 0)
    hub.close()
    seconds = [answer.seconds for answer in took]
    cuts = quantiles(seconds, n=100, method="inclusive")
    return Result(
        deliveries=n,
        connections=connections,
        accepted=sum(answer.status == 202 for answer in took),
        median_s=round(cuts[49], 3),
        p99_s=round(cuts[98], 3),
        slowest_s=round(max(seconds), 3),
        lost=n - linted,
        linted_per_s=round(n / max(ended - started, 0.001), 1),
        comments=comments,
    )


def settle_in(hub: Hub) -> str:
    """Accounts and a repository; returns the bot's token."""
    hub.add_user(AUTHOR)
    token = hub.add_user(BOT, bot=True)
    hub.create_repository(*REPOSITORY.split("/"))
    hub.set_permission(REPOSITORY, BOT, "write")
    hub.git(hub.repository(REPOSITORY)).run("fast-import", "--quiet", stdin=FIRST)
    return token


def open_pulls(hub: Hub, n: int) -> None:
    """`n` open pull requests, each with a leaf of its own."""
    repository, author = hub.repository(REPOSITORY), hub.account(AUTHOR)
    assert author is not None
    hub.git(repository).run("fast-import", "--quiet", stdin=b"".join(history(n)))
    for index in range(n):
        pulls.create(hub, repository, author, title=f"Leaf {index}", head=f"{AUTHOR}/leaf-{index}", base="main")


def idle(folder: Path) -> bool:
    """Whether the bot's job database is there and no job waits or runs."""
    jobs = DbosEnqueuer(f"sqlite:///{folder / 'state' / 'jobs.sqlite'}")
    try:
        return bool(jobs.jobs(limit=1)) and not jobs.jobs(states=("queued", "running"), limit=1)
    finally:
        jobs.close()


def history(n: int) -> Iterator[bytes]:
    """`main`, and a branch for each leaf, as git's fast-import reads it."""
    who = b"ada <ada@users.noreply.localhub> 1790000000 +0000"
    yield (
        b"commit refs/heads/main\nmark :1\ncommitter %b\ndata 5\nFirst\nM 100644 inline README.md\ndata 2\n#\n\n" % who
    )
    for index in range(n):
        leaf = f"compositional_skills/animals/sleep_{index}"
        lines = ["version: 3", "created_by: ada", f"task_description: Say where an animal sleeps, case {index}."]
        lines.append("seed_examples:")
        for question, answer in SEEDS:
            lines += [f'  - question: "{question}"', f'    answer: "{answer}"']
        qna = ("\n".join(lines) + "\n").encode()
        attribution = b"Title of work: Sleep\nLicense of the work: CC0-1.0\nCreator names: Ada\n"
        message = b"Add a leaf\n\nSigned-off-by: ada <ada@users.noreply.localhub>\n"
        yield b"commit refs/heads/%b/leaf-%d\ncommitter %b\n" % (AUTHOR.encode(), index, WHO)
        yield b"data %d\n%bfrom refs/heads/main\n" % (len(message), message)
        for name, content in (("qna.yaml", qna), ("attribution.txt", attribution)):
            yield b"M 100644 inline %b\ndata %d\n%b\n" % (f"{leaf}/{name}".encode(), len(content), content)


def payloads(hub: Hub) -> Iterator[bytes]:
    """`pull_request.opened` for every pull request, in the size that a forge sends."""
    repository = hub.repository(REPOSITORY)
    view = core.View(hub, hub.base_url)
    around = {"repository": core.repository(view, repository), "sender": core.user(view, AUTHOR)}
    for pull in reversed(pulls.listed(hub, repository)):
        shape = shapes.full_pull(view, repository, pull)
        payload = {"action": "opened", "number": pull.number, "pull_request": shape, **around}
        yield json.dumps(payload, separators=(",", ":")).encode()


def request(body: bytes, port: int) -> bytes:
    """One delivery as it goes over the wire."""
    headers = {
        "Host": f"127.0.0.1:{port}",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "X-GitHub-Event": "pull_request",
        "X-GitHub-Delivery": str(uuid.uuid4()),
        "X-Hub-Signature-256": signature(SECRET, body),
    }
    return (
        "".join(["POST /webhook HTTP/1.1\r\n", *(f"{k}: {v}\r\n" for k, v in headers.items()), "\r\n"]).encode() + body
    )


@dataclass(frozen=True)
class Answer:
    """What came back, and after how many seconds."""

    status: int
    seconds: float


async def burst(requests: Sequence[bytes], port: int, connections: int) -> list[Answer]:
    """Send all of them, on so many connections at once; the clock of each runs from before it connects."""
    waiting = asyncio.Semaphore(connections)

    async def send(data: bytes) -> Answer:
        async with waiting:
            started = time.perf_counter()
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(data)
            status = int((await reader.readline()).split()[1])
            seconds = time.perf_counter() - started
            writer.close()
            return Answer(status, seconds)

    return list(await asyncio.gather(*map(send, requests)))


def seedbed(*args: str) -> list[str]:
    """Command line of a `seedbed` process."""
    return [sys.executable, "-m", "bot.cli.main", *args]


@contextmanager
def running(folder: Path, name: str, command: list[str], env: dict[str, str]) -> Iterator[None]:
    """A process with a log file, ended at the end of the block."""
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **env})
    try:
        yield
    finally:
        process.terminate()
        process.wait(60)
        print("".join((folder / f"{name}.log").read_text(errors="replace").splitlines(True)[-5:]), file=sys.stderr)


def until(what: str, seconds: float, look: object) -> None:
    """Look until it is so."""
    assert callable(look)
    deadline = time.monotonic() + seconds
    while not look():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:.0f} s in vain until: {what}")
        time.sleep(0.1)


def answers(port: int, path: str) -> bool:
    """Whether something answers with 200 there."""
    import urllib.error
    import urllib.request

    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def main() -> int:
    """Run and report."""
    ap = argparse.ArgumentParser(prog="make bench-bot", description=__doc__)
    ap.add_argument(
        "--deliveries", type=int, default=1000, help="pull requests, and as many deliveries (default: %(default)s)"
    )
    ap.add_argument("--connections", type=int, default=1000, help="sent at once (default: %(default)s)")
    ap.add_argument("--json", action="store_true", help="print the result as JSON")
    args = ap.parse_args()
    with tempfile.TemporaryDirectory(prefix="seedbed-bench-") as scratch:
        result = bench(Path(scratch), args.deliveries, min(args.connections, args.deliveries))
    print(json.dumps(asdict(result)) if args.json else told(result))
    return int(not result.holds)


def told(result: Result) -> str:
    """The result beside its bars."""
    mark = {True: "holds", False: "MISSED"}
    return "\n".join(
        [
            f"accepted: {result.accepted} of {result.deliveries}, {result.connections} at once "
            f"{mark[result.accepted == result.deliveries]}",
            f"answered: median {result.median_s} s, 99 % within {result.p99_s} s, slowest {result.slowest_s} s "
            f"(bar: 99 % within {ANSWER_BAR_S:g} s) {mark[result.p99_s <= ANSWER_BAR_S]}",
            f"linted: {result.linted_per_s} pull requests/s (bar: {LINT_BAR:g}) "
            f"{mark[result.linted_per_s >= LINT_BAR]}",
            f"lost: {result.lost} {mark[result.lost == 0]}",
            f"comments: {result.comments} {mark[result.comments == result.deliveries]}",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
