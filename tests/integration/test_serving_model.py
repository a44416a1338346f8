"""The served model with the real vLLM behind it: one switch, with an answer on its way, and no process left behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.tiny_model import save_tiny_model

PATIENCE_S = 240.0


def get(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(url, timeout=10) as reply:
        told: dict[str, Any] = json.loads(reply.read())
    return told


def until(true: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < end, f"not in {PATIENCE_S} s: {what}"
        time.sleep(0.1)


def answers(url: str, build: str | None) -> bool:
    try:
        return build in (None, get(f"{url}/health")["build"])
    except (urllib.error.URLError, OSError):
        return False


def ask(url: str, **more: Any) -> tuple[str, list[str]]:
    """The build that answered, and the lines of the answer."""
    body = {"model": "seedbed", "messages": [{"role": "user", "content": "Hi"}], "temperature": 0, **more}
    request = urllib.request.Request(
        f"{url}/v1/chat/completions", json.dumps(body).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=120) as reply:
        return reply.headers["x-seedbed-build"], reply.read().decode().splitlines()


@contextmanager
def served(state: Path, base: Path, log: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "SEEDBED_STUDENT_MODEL": str(base), "VLLM_CPU_KVCACHE_SPACE": "1"}
    command = [sys.executable, "-m", "bot.cli.main", "serve-model", "--state", str(state), "--port", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen([*command, "--concurrency", "4"], env=environment, stdout=output, stderr=output)
        try:
            yield f"http://127.0.0.1:{port}", process
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()


def children(pid: int) -> list[int]:
    """Processes that `pid` started, as Linux lists them."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    threads = [path / "children" for path in Path(f"/proc/{pid}/task").iterdir()]
    listed = {int(word) for path in threads if path.exists() for word in path.read_text().split()}
    return sorted(listed | {int(word) for word in found})


def alive(pid: int) -> bool:
    """Whether a process runs; one that waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.model
@pytest.mark.endurance
@pytest.mark.timeout(600)
def test_a_promotion_is_followed_while_an_answer_is_on_its_way(tmp_path: Path) -> None:
    base = save_tiny_model(tmp_path / "base", heads=1)
    state = tmp_path / "state"
    save_tiny_model(state / "builds" / "b1" / "model", heads=1)
    log = tmp_path / "log"
    with served(state, base, log) as (url, process):
        until(lambda: process.poll() is not None or answers(url, "base"), "the base answers")
        assert process.poll() is None, log.read_text()
        (card,) = get(f"{url}/v1/models")["data"]
        assert (card["id"], card["root"], card["max_model_len"]) == ("seedbed", "base", 512)
        build, lines = ask(url, max_tokens=8, stream=True)
        assert build == "base"
        assert lines[-2:] == ["data: [DONE]", ""] or lines[-1] == "data: [DONE]"

        asked: list[tuple[str, list[str]]] = []
        stop = threading.Event()

        def keep_asking() -> None:
            while not stop.is_set():
                asked.append(ask(url, max_tokens=300, min_tokens=300, stream=True))

        client = threading.Thread(target=keep_asking)
        client.start()
        registry = state / "registry"
        registry.mkdir()
        (registry / "aliases.json").write_text(json.dumps({"champion": "b1", "previous": None, "candidate": None}))
        until(lambda: answers(url, "b1"), "the new champion answers")
        until(lambda: any(build == "b1" for build, _ in asked), "a request to it ended")
        stop.set()
        client.join()
        assert {build for build, _ in asked} == {"base", "b1"}
        assert all("data: [DONE]" in lines for _, lines in asked), "no stream was cut"
        until(lambda: len(children(process.pid)) == 1, "the old engine is gone")
        (engine,) = children(process.pid)
        process.send_signal(signal.SIGKILL)
        process.wait()
        until(lambda: not alive(engine), "the engine ends with its parent")
