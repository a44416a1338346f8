"""Git plumbing on one bare repository. Nothing is ever checked out; every call is a subprocess without a shell."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

ZERO = "0" * 40
_HEX = re.compile(r"[0-9a-f]{7,40}\Z")
_FORBIDDEN = re.compile(r"[\x00-\x20~^:?*\[\\\x7f]|\.\.|@\{|//|\A[-/]|[/.]\Z|\.lock\Z")
_FIELDS = "%H%x1f%T%x1f%P%x1f%an%x1f%ae%x1f%aI%x1f%cn%x1f%ce%x1f%cI%x1f%B"
_CONFIG = {
    "http.receivepack": "true",
    "receive.maxInputSize": str(64 * 1024 * 1024),
    "receive.fsckObjects": "true",
    "receive.hideRefs": "refs/pull",  # like GitHub: readable, not writable
    "receive.autogc": "false",
    "uploadpack.allowAnySHA1InWant": "true",
    "uploadpack.allowFilter": "true",
}
# Who may not write to the repository may still push branches below its own login: the stand-in for a fork.
_PRE_RECEIVE = """#!/bin/sh
while read -r old new ref; do
  case "$ref" in
    "refs/heads/$LOCALHUB_PREFIX"*) ;;
    refs/tags/*) test -z "$LOCALHUB_PREFIX" || { echo "You may push only to $LOCALHUB_PREFIX*" >&2; exit 1; } ;;
    refs/heads/*) echo "You may push only to branches named $LOCALHUB_PREFIX*" >&2; exit 1 ;;
    *) echo "Only branches and tags can be pushed, not $ref" >&2; exit 1 ;;
  esac
done
"""


class GitError(Exception):
    """git failed; the message is what it wrote to stderr."""


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit; dates are ISO 8601 as git prints them."""

    sha: str
    tree: str
    parents: tuple[str, ...]
    author_name: str
    author_email: str
    author_date: str
    committer_name: str
    committer_email: str
    committer_date: str
    message: str

    @property
    def subject(self) -> str:
        """First line of the message."""
        return self.message.split("\n", 1)[0]


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a tree; `size` is None for folders. `path` is relative to the listed tree."""

    mode: str
    kind: str
    sha: str
    size: int | None
    path: str

    def below(self, prefix: str) -> Entry:
        """The same entry with its path under `prefix`."""
        return replace(self, path=prefix + self.path)


@dataclass(frozen=True, slots=True)
class Person:
    """Author and committer of a commit that localhub makes; `when` in seconds since 1970."""

    name: str
    email: str
    when: float


def environment(**extra: str) -> dict[str, str]:
    """The environment of every git process: no configuration of the machine or the user reaches it."""
    base = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": os.devnull,
        "LC_ALL": "C.UTF-8",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
    }
    return {**base, **extra}


class Git:
    """One bare repository on disk."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def run(
        self, *arguments: str, stdin: bytes | None = None, ok: tuple[int, ...] = (0,), env: dict[str, str] | None = None
    ) -> bytes:
        """Standard output of `git …`; raises `GitError` when the exit status is not in `ok`."""
        command = ["git", f"--git-dir={self.path}", *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, env=environment(**(env or {})), check=False)
        if done.returncode not in ok:
            raise GitError(f"git {arguments[0]}: {done.stderr.decode(errors='replace').strip()}")
        return done.stdout

    def text(self, *arguments: str) -> str:
        """Standard output as text, stripped."""
        return self.run(*arguments).decode(errors="replace").strip()

    def create(self, default_branch: str) -> None:
        """Make the bare repository, with the settings that smart HTTP needs."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        command = ["git", "init", "--quiet", "--bare", f"--initial-branch={default_branch}", str(self.path)]
        subprocess.run(command, env=environment(), check=True, capture_output=True)
        for key, value in _CONFIG.items():
            self.run("config", key, value)
        hook = self.path / "hooks" / "pre-receive"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(_PRE_RECEIVE)
        hook.chmod(0o755)

    def import_folder(self, folder: Path, person: Person, message: str) -> str:
        """Commit the content of a folder without parents; returns the commit. The folder is only read."""
        with tempfile.TemporaryDirectory() as scratch:
            index = {"GIT_INDEX_FILE": str(Path(scratch) / "index")}
            self.run(f"--work-tree={folder.resolve()}", "add", "--all", str(folder.resolve()), env=index)
            tree = self.run("write-tree", env=index).decode().strip()
        return self.commit_tree(tree, (), message, person)

    def commit_tree(self, tree: str, parents: tuple[str, ...], message: str, person: Person) -> str:
        """Write a commit object; returns its sha."""
        date = f"@{int(person.when)} +0000"
        names = {
            "GIT_AUTHOR_NAME": person.name,
            "GIT_AUTHOR_EMAIL": person.email,
            "GIT_AUTHOR_DATE": date,
            "GIT_COMMITTER_NAME": person.name,
            "GIT_COMMITTER_EMAIL": person.email,
            "GIT_COMMITTER_DATE": date,
        }
        flags = [flag for parent in parents for flag in ("-p", parent)]
        return self.run("commit-tree", tree, *flags, stdin=message.encode(), env=names).decode().strip()

    def update_ref(self, name: str, new: str, old: str | None = None) -> None:
        """Move a ref; with `old`, only from there (raises `GitError` when it moved meanwhile)."""
        self.run("update-ref", name, new, *([] if old is None else [old]))

    def refs(self, prefix: str = "refs/heads/") -> dict[str, str]:
        """Ref name → sha, for the refs below `prefix`."""
        lines = self.text("for-each-ref", "--format=%(objectname) %(refname)", prefix).splitlines()
        return {name: sha for sha, _, name in (line.partition(" ") for line in lines)}

    def resolve(self, name: str) -> str | None:
        """Commit sha of a branch, tag, full ref or (short) sha; None when there is none. Revision syntax is refused."""
        if not name or _FORBIDDEN.search(name):
            return None
        candidates = [f"refs/heads/{name}", f"refs/tags/{name}", f"refs/{name}"]
        if name.startswith("refs/"):
            candidates = [name]
        if _HEX.match(name):
            candidates.append(name)
        for candidate in candidates:
            found = self.object(f"{candidate}^{{commit}}")
            if found:
                return found
        return self.object("HEAD^{commit}") if name == "HEAD" else None

    def object(self, expression: str) -> str | None:
        """Sha of an object by an expression built here, never by a request."""
        out = self.run("rev-parse", "--verify", "--quiet", "--end-of-options", expression, ok=(0, 1, 128))
        return out.decode().strip() or None

    def kind(self, sha: str) -> str | None:
        """commit, tree, blob or tag; None when there is no such object."""
        if not re.fullmatch(r"[0-9a-f]{40}", sha):
            return None
        return self.run("cat-file", "-t", sha, ok=(0, 128)).decode().strip() or None

    def size(self, sha: str) -> int:
        """Bytes of an object."""
        return int(self.text("cat-file", "-s", sha))

    def blob(self, sha: str) -> bytes:
        """Content of a blob."""
        return self.run("cat-file", "blob", sha)

    def tree(self, tree: str, *, recursive: bool = False) -> list[Entry]:
        """Entries of a tree or commit; recursively, folders come along too, as on GitHub."""
        flags = ["-r", "-t"] if recursive else []
        out = self.run("ls-tree", "-z", "-l", *flags, tree).decode("utf-8", "surrogateescape")
        return [_entry(line) for line in out.split("\0") if line]

    def at_path(self, commit: str, path: str) -> Entry | None:
        """The entry at `path` of a commit; None when there is none."""
        out = self.run("--literal-pathspecs", "ls-tree", "-z", "-l", commit, "--", path, ok=(0, 128))
        lines = [line for line in out.decode("utf-8", "surrogateescape").split("\0") if line]
        return _entry(lines[0]) if len(lines) == 1 else None

    def log(self, *revisions: str, limit: int | None = None, path: str | None = None) -> list[Commit]:
        """Commits, newest first; `revisions` are shas, `sha..sha` or `^sha`."""
        flags = [] if limit is None else [f"--max-count={limit}"]
        tail = [] if path is None else [path]
        arguments = ["--literal-pathspecs", "log", "-z", f"--format={_FIELDS}", *flags, *revisions, "--", *tail]
        out = self.run(*arguments).decode(errors="replace")
        return [_commit(record) for record in out.split("\0") if record]

    def commit(self, sha: str) -> Commit:
        """One commit by its sha."""
        return self.log(sha, limit=1)[0]

    def merge_base(self, one: str, other: str) -> str | None:
        """The best common ancestor."""
        return self.run("merge-base", one, other, ok=(0, 1)).decode().strip() or None

    def is_ancestor(self, old: str, new: str) -> bool:
        """Whether `new` contains `old`."""
        return self.merge_base(old, new) == old

    def merge_tree(self, base: str, head: str) -> str | None:
        """Tree of the merge of two commits; None when they conflict."""
        out = self.run("merge-tree", "--write-tree", "--no-messages", base, head, ok=(0, 1)).decode()
        lines = out.split("\n")
        return lines[0] if len(lines) == 2 and not lines[1] else None


def _entry(line: str) -> Entry:
    head, _, path = line.partition("\t")
    mode, kind, sha, size = head.split()
    return Entry(mode, kind, sha, None if size == "-" else int(size), path)


def _commit(record: str) -> Commit:
    sha, tree, parents, *people = record.split("\x1f", 9)
    name, email, date, other, other_email, other_date, message = people
    return Commit(
        sha, tree, tuple(parents.split()), name, email, date, other, other_email, other_date, message.rstrip("\n")
    )
