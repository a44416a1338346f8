"""Somebody with an account on a GitHub-compatible forge, a clone, and a keyboard."""

from __future__ import annotations

import json
import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit, urlunsplit

# Commits of a demo are dated, so that a second run makes the same commits and hence the same dataset bytes.
DATED = {"GIT_AUTHOR_DATE": "2026-01-01T12:00:00Z", "GIT_COMMITTER_DATE": "2026-01-01T12:00:00Z"}


T = TypeVar("T")


class PersonError(Exception):
    """The forge or git refused. The message says what was tried and what came back."""


@dataclass(frozen=True, slots=True)
class Person:
    """Acts through git and the REST API alone, as a person's tools would."""

    hub: str  # base URL of the forge, such as http://127.0.0.1:8787
    repository: str  # owner/name
    login: str
    token: str

    def clone(self, folder: Path) -> None:
        """Clone the repository into `folder`."""
        self.git(folder.parent, "clone", "-q", self.remote, folder.name)

    def push(self, folder: Path, branch: str, files: Mapping[str, bytes | None], message: str) -> str:
        """Commit `files` (None removes) on `branch`, made from main where it is new; push; returns the commit's sha."""
        known = self.git(folder, "branch", "--list", branch).strip()
        self.git(folder, "checkout", "-q", *([branch] if known else ["-b", branch, "origin/main"]))
        for path, content in files.items():
            target = folder / path
            if content is None:
                target.unlink()
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        self.git(folder, "add", "-A")
        self.git(folder, "commit", "-q", "-s", "-m", message)
        self.git(folder, "push", "-q", "origin", branch)
        return self.git(folder, "rev-parse", "HEAD").strip()

    def open_pull(self, branch: str, title: str, body: str) -> int:
        """Open a pull request against main; returns its number."""
        return int(
            self.rest("POST", "/pulls", {"title": title, "head": branch, "base": "main", "body": body})["number"]
        )

    def comment(self, number: int, body: str) -> None:
        """Write a comment."""
        self.rest("POST", f"/issues/{number}/comments", {"body": body})

    def merge(self, number: int) -> str:
        """Merge; returns the merge commit's sha."""
        return str(self.rest("PUT", f"/pulls/{number}/merge", {"merge_method": "merge"})["sha"])

    def comments(self, number: int) -> list[dict[str, Any]]:
        """The conversation."""
        return list(self.rest("GET", f"/issues/{number}/comments"))

    def check(self, sha: str, name: str) -> dict[str, Any] | None:
        """The newest check run of that name on a commit."""
        runs = self.rest("GET", f"/commits/{sha}/check-runs?check_name={quote(name, safe='')}")["check_runs"]
        return max(runs, key=lambda run: run["id"], default=None)

    def rest(self, method: str, path: str, body: Any = None) -> Any:
        """One REST call below /repos/{owner}/{name}."""
        url = f"{self.hub}/api/v3/repos/{self.repository}{path}"
        request = urllib.request.Request(  # noqa: S310 - the scheme is ours
            url,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
                return json.load(answer)
        except urllib.error.HTTPError as error:
            said = error.read(2000).decode(errors="replace")
            raise PersonError(f"{method} {url} was answered with {error.code}: {said}") from error

    @property
    def remote(self) -> str:
        """Clone URL with this person's credentials."""
        parts = urlsplit(self.hub)
        return urlunsplit(
            (parts.scheme, f"{self.login}:{self.token}@{parts.netloc}", f"/{self.repository}.git", "", "")
        )

    def git(self, folder: Path, *args: str) -> str:
        """Run git as this person."""
        identity = [
            f"user.name={self.login}",
            f"user.email={self.login}@users.noreply.localhub",
            "commit.gpgsign=false",
            "init.defaultBranch=main",
        ]
        options = [part for setting in identity for part in ("-c", setting)]
        done = subprocess.run(
            ["git", *options, *args],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=120,
            env={**os.environ, **DATED, "GIT_TERMINAL_PROMPT": "0"},
            check=False,
        )
        if done.returncode:
            raise PersonError(f"git {args[0]} failed: {done.stderr.strip().replace(self.token, '***')}")
        return done.stdout


def wait_for(what: str, look: Callable[[], T | None], *, seconds: float, alive: Callable[[], None]) -> T:
    """Look until there is an answer; `alive` raises when it can no longer come."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        alive()
        if (found := look()) is not None:
            return found
        time.sleep(0.2)
    raise TimeoutError(f"waited {seconds:.0f} s in vain for {what}")
