"""The operator's commands: jobs, replay, doctor, and the processes themselves."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.cli import replay
from bot.cli.logs import Masked
from bot.cli.main import main
from bot.engine.dbos import DbosEngine, DbosEnqueuer
from tests.integration.localhub_world import NAME, World, receiver, world
from tests.openapi import free_port

SECRET = "a secret of the tests"
TOKEN = "ghp_" + "q7Zx0Lk3VbN9tRw2YpSd" + "8FhJ5mCe1GuA4oQi"


@pytest.fixture
def bot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bot's settings in the environment; its state folder."""
    for name in [name for name in os.environ if name.startswith("SEEDBED_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SEEDBED_REPOSITORY", NAME)
    monkeypatch.setenv("SEEDBED_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("SEEDBED_WEBHOOK_SECRETS", SECRET)
    monkeypatch.setenv("SEEDBED_FORGE_TOKEN", "none")
    return tmp_path


def out(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


@pytest.fixture
def failed(bot: Path) -> str:
    """A job database with one job that failed, one that is done, and one that waits."""
    url = f"sqlite:///{bot / 'jobs.sqlite'}"

    def job(steps: Any, payload: Any) -> Any:
        if payload["fail"]:
            raise OSError(f"no answer to {TOKEN}")
        return {}

    engine = DbosEngine(url, poll_s=0.05)
    engine.enqueue("lint", {"fail": True}, id="gh-1", queue="lint", key="7")
    engine.enqueue("lint", {"fail": False}, id="gh-2", queue="lint", key="8")
    engine.start({"lint": job})
    wait(lambda: {s.state for id in ("gh-1", "gh-2") if (s := engine.status(id))} == {"failed", "done"})
    engine.close()
    waiting = DbosEnqueuer(url)
    waiting.enqueue("lint", {"fail": False}, id="gh-3", queue="lint", key="8")
    waiting.close()
    return url


def wait(so: Any, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not so():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_jobs_are_listed_retried_cancelled_and_forgotten(failed: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["jobs", "list", "--json"]) == 0
    listed = out(capsys)
    assert [job["id"] for job in listed["jobs"]] == ["gh-3", "gh-2", "gh-1"]
    assert TOKEN not in json.dumps(listed)
    assert main(["jobs", "list", "--pull", "7"]) == 0
    text = capsys.readouterr().out
    assert "gh-1" in text
    assert "gh-2" not in text
    assert TOKEN not in text
    assert main(["jobs", "list", "--failed"]) == 1  # for monitoring
    assert "no answer to" in capsys.readouterr().out
    assert main(["jobs", "cancel", "gh-3", "gh-2"]) == 1
    shown = capsys.readouterr()
    assert ("cancelled gh-3" in shown.out, "gh-2 neither waits nor runs" in shown.err) == (True, True)
    assert main(["jobs", "retry", "--failed", "--json"]) == 0
    assert out(capsys) == {"version": 1, "retried": ["gh-1"], "unchanged": []}
    assert main(["jobs", "list", "--failed"]) == 0
    assert main(["jobs", "retry", "gh-9"]) == 1
    assert "gh-9" in capsys.readouterr().err
    assert main(["jobs", "prune", "--days", "0", "--json"]) == 0
    assert out(capsys)["forgotten"] >= 1


@pytest.mark.parametrize(
    "wrong", [["jobs", "retry"], ["jobs", "cancel"], ["jobs", "prune", "--days", "-1"], ["replay", "--file", "x.json"]]
)
def test_wrong_use(bot: Path, wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(wrong) == 2
    assert "seedbed" in capsys.readouterr().err


@pytest.fixture
def here(bot: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with world(bot / "hub") as made:
        monkeypatch.setenv("SEEDBED_FORGE_API_URL", made.server.api_url)
        monkeypatch.setenv("SEEDBED_FORGE_TOKEN", made.tokens["carol"])
        monkeypatch.setenv("SEEDBED_FORGE_LOGIN", "carol")
        yield made


def test_replay_asks_for_what_did_not_arrive(
    here: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiver() as inbox:
        monkeypatch.setenv("SEEDBED_PUBLIC_URL", inbox.url.removesuffix("/webhook"))
        here.repo("carol").create_hook(
            "web", {"url": inbox.url, "content_type": "json", "secret": SECRET}, ["pull_request"]
        )
        inbox.status = 500
        here.open()
        inbox.wait_for("pull_request.opened")
        here.hub.deliveries.wait() if hasattr(here.hub.deliveries, "wait") else None
        wait(lambda: main(["replay", "--dry-run", "--json"]) == 0 and out(capsys)["deliveries"])
        inbox.status = 202
        assert main(["replay", "--json"]) == 0
        again = [one["guid"] for one in out(capsys)["deliveries"]]
        got = inbox.wait(lambda got: len([r for r in got if r.headers["x-github-delivery"] in again]) >= 2 * len(again))
        assert all(one.is_signed() for one in got)


def test_replay_posts_a_recorded_delivery(bot: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "opened.json"
    file.write_text('{"action": "opened"}')
    with receiver() as inbox:
        given = [
            "replay",
            "--file",
            str(file),
            "--event",
            "pull_request",
            "--guid",
            "g-1",
            "--url",
            inbox.url,
            "--json",
        ]
        assert main(given) == 0
        assert out(capsys) == {"version": 1, "status": 202, "answer": "ok"}
        (got,) = inbox.wait(lambda got: bool(got))
        assert got.is_signed()
        assert (got.event, got.headers["x-github-delivery"], got.key) == ("pull_request", "g-1", "pull_request.opened")
        inbox.status = 401
        assert main(given) == 1
    assert main([*given[:-1]]) == 1  # nobody listens any more
    assert "does not answer" in capsys.readouterr().err


@pytest.mark.parametrize(("text", "seconds"), [("90m", 5400.0), ("6h", 21600.0), ("3d", 259200.0), ("15s", 15.0)])
def test_spans(text: str, seconds: float) -> None:
    assert replay._span(text) == seconds


def test_the_doctor_looks_at_the_bot(
    here: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    main(["doctor", "--json"])
    found = {line["what"]: line for line in out(capsys)["findings"]}
    assert found["repository"]["mark"] == "ok"
    assert "plain token" in found["settings"]["found"]
    monkeypatch.setenv("SEEDBED_FORGE_TOKEN", "wrong")
    monkeypatch.delenv("SEEDBED_WEBHOOK_SECRETS")
    assert main(["doctor", "--json"]) == 1
    lines = out(capsys)["findings"]
    problems = {line["what"]: line["found"] for line in lines if line["mark"] == "problem"}
    assert "401" in problems["token"]
    assert "SEEDBED_WEBHOOK_SECRETS" in problems["settings"]
    monkeypatch.setenv("SEEDBED_APP_ID", "1")
    monkeypatch.setenv(
        "SEEDBED_APP_PRIVATE_KEY", "-----BEGIN RSA PRIVATE KEY-----\nnonsense\n-----END RSA PRIVATE KEY-----"
    )
    assert main(["doctor", "--json"]) == 1
    problems = {line["what"]: line["found"] for line in out(capsys)["findings"] if line["mark"] == "problem"}
    assert "cannot sign" in problems["App"]


def test_logs_mask_tokens() -> None:
    record = logging.LogRecord("bot", logging.INFO, __file__, 1, "asked with %s", (TOKEN,), None)
    assert TOKEN not in Masked().format(record)
    assert "asked with" in Masked().format(record)


def test_serve_says_all_that_is_missing(
    bot: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SEEDBED_WEBHOOK_SECRETS")
    monkeypatch.delenv("SEEDBED_FORGE_TOKEN")
    assert main(["serve"]) == 2
    said = capfd.readouterr().err
    for name in ("SEEDBED_WEBHOOK_SECRETS", "SEEDBED_APP_ID", "SEEDBED_FORGE_TOKEN"):
        assert name in said
    (bot / "app.toml").write_text("")
    assert main(["serve", "--setup"]) == 2
    assert "already" in capfd.readouterr().err


def test_the_two_processes(here: World, bot: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A burst to `seedbed serve`, killed in the middle and started again: each accepted delivery is a job, once."""
    port = free_port()
    monkeypatch.setenv("SEEDBED_PORT", str(port))
    accepted: set[str] = set()
    for attempt in range(2):
        with (bot / f"serve-{attempt}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "bot.cli.main", "serve"], stderr=log, stdin=subprocess.DEVNULL
            )
        try:
            wait(lambda: answers(f"http://127.0.0.1:{port}/readyz"))
            accepted |= burst(port, attempt, 40)
        finally:
            process.send_signal(signal.SIGKILL if attempt == 0 else signal.SIGTERM)
            process.wait(30)
    assert len(accepted) == 80
    jobs = DbosEnqueuer(f"sqlite:///{bot / 'jobs.sqlite'}")
    found = [job.id for job in jobs.jobs(limit=1000)]
    jobs.close()
    assert accepted <= set(found)
    assert len(found) == len(set(found))


def burst(port: int, attempt: int, count: int) -> set[str]:
    """Deliveries all at once; those that were accepted."""
    from concurrent.futures import ThreadPoolExecutor

    import requests

    from bot.localhub.deliveries import signature

    def one(number: int) -> str:
        payload = {"action": "closed", "pull_request": {"number": number}, "repository": {"full_name": NAME}}
        body = json.dumps(payload).encode()
        guid = f"{attempt}-{number}"
        headers = {
            "Content-Type": "application/json",
            "X-GitHub-Event": "pull_request",
            "X-GitHub-Delivery": guid,
            "X-Hub-Signature-256": signature(SECRET, body),
        }
        answer = requests.post(f"http://127.0.0.1:{port}/webhook", data=body, headers=headers, timeout=60)
        return f"gh-{guid}" if answer.status_code == 202 else ""

    with ThreadPoolExecutor(count) as pool:
        return {job for job in pool.map(one, range(1, count + 1)) if job}


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
