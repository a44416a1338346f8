"""GitHub's example payloads (@octokit/webhooks-examples), signed by @octokit/webhooks-methods: none hurts."""

from __future__ import annotations

import json
import os
import subprocess
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from bot.app import create_app
from bot.engine.memory import MemoryEngine
from bot.settings import Settings
from pipeline.store.memory import MemoryStore
from tests.openapi import NODE, node_path

SECRET = "it is a secret to everybody ✓"  # beyond ASCII: signer and verifier must agree on its bytes
REPOSITORY = "club/taxonomy"


def examples(repository: str = "") -> Iterator[dict[str, Any]]:
    """Every example; with `repository`, as if sent by that one."""
    command = ["node", "sign.mjs", SECRET, *([repository] if repository else [])]
    done = subprocess.run(
        command, cwd=NODE, env={**os.environ, "PATH": node_path()}, capture_output=True, timeout=120, check=True
    )
    yield from map(json.loads, done.stdout.splitlines())


@pytest.fixture
def engine() -> MemoryEngine:
    return MemoryEngine()


@pytest.fixture
def web(engine: MemoryEngine, tmp_path: Path) -> Iterator[TestClient]:
    settings = Settings(repository=REPOSITORY, webhook_secrets=SECRET, state_dir=tmp_path, forge_token="t")
    with TestClient(create_app(settings, engine, MemoryStore()), raise_server_exceptions=False) as client:
        yield client


def deliver(web: TestClient, example: dict[str, Any], guid: str) -> int:
    headers = {
        "X-GitHub-Event": example["event"],
        "X-GitHub-Delivery": guid,
        "X-Hub-Signature-256": example["signature"],
        "Content-Type": "application/json",
    }
    return int(web.post("/webhook", content=example["body"].encode(), headers=headers).status_code)


def test_as_they_are_from_other_repositories(web: TestClient, engine: MemoryEngine) -> None:
    answers = Counter(deliver(web, example, str(uuid.uuid4())) for example in examples())
    assert answers.total() > 250
    assert set(answers) <= {204, 404}, answers
    assert engine.jobs() == []


def test_as_if_from_ours(web: TestClient, engine: MemoryEngine) -> None:
    accepted = set()
    answers: Counter[int] = Counter()
    kinds = set()
    for example in examples(REPOSITORY):
        guid = str(uuid.uuid4())
        answers[status := deliver(web, example, guid)] += 1
        if status == 202:
            accepted.add(f"gh-{guid}")
            kinds.add(example["event"])
    assert answers.total() > 250
    assert set(answers) <= {202, 204, 404}, answers
    assert {job.id for job in engine.jobs(limit=10_000)} == accepted, (
        "an accepted delivery was lost, or one was made up"
    )
    assert {"pull_request", "pull_request_review"} <= kinds


def test_a_signature_with_another_secret_is_refused(web: TestClient) -> None:
    example = next(examples(REPOSITORY))
    wrong = {**example, "signature": example["signature"][:-1] + ("0" if example["signature"][-1] != "0" else "1")}
    assert deliver(web, wrong, str(uuid.uuid4())) == 401
