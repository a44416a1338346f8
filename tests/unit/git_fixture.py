"""Bare repositories made without a checkout, for tests that read git."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

DAY = "2024-01-01T00:00:00Z"


def git(at: Path, *arguments: str, stdin: bytes = b"", author: str = "Ada", day: str = DAY) -> str:
    env = {
        "PATH": os.environ["PATH"],
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
        **{
            f"GIT_{who}_{what}": value
            for who in ("AUTHOR", "COMMITTER")
            for what, value in (("NAME", author), ("EMAIL", "a@example.org"), ("DATE", day))
        },
    }
    done = subprocess.run(
        ["git", "--git-dir", str(at), *arguments], input=stdin, capture_output=True, env=env, check=True
    )
    return done.stdout.decode().strip()


def bare(at: Path) -> Path:
    at.mkdir(parents=True)
    git(at, "init", "-q", "--bare", "--initial-branch=main")
    return at


def commit(
    at: Path,
    files: Mapping[str, bytes],
    message: str,
    *,
    parents: tuple[str, ...] = (),
    branch: str = "main",
    author: str = "Ada",
    links: Mapping[str, str] | None = None,
    day: str = DAY,
) -> str:
    """Commit exactly `files` (and symbolic `links`) to `branch`; returns the sha."""
    (at / "index").unlink(missing_ok=True)
    rows = [("100644", path, content) for path, content in files.items()]
    rows += [("120000", path, target.encode()) for path, target in (links or {}).items()]
    for mode, path, content in rows:
        sha = git(at, "hash-object", "-w", "--stdin", stdin=content)
        git(at, "update-index", "--add", "--cacheinfo", f"{mode},{sha},{path}")
    tree = git(at, "write-tree")
    flags = [flag for parent in parents for flag in ("-p", parent)]
    sha = git(at, "commit-tree", tree, *flags, "-m", message, author=author, day=day)
    git(at, "update-ref", f"refs/heads/{branch}", sha)
    return sha
