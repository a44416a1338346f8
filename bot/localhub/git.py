"""Git plumbing on one bare repository. Nothing is ever checked out; every call is a subprocess without a shell."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from bot.localhub.environment import environment
from bot.localhub.facts import Facts
from bot.localhub.objects import Objects, ObjectsError

__all__ = ["ZERO", "Commit", "Entry", "Git", "GitError", "Person", "environment"]
ZERO = "0" * 40
_SHA = re.compile(r"[0-9a-f]{40}\Z")
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


class Git:
    """One bare repository on disk; `facts` may be shared by all repositories."""

    def __init__(self, path: Path, facts: Facts | None = None) -> None:
        self.path = path
        self.facts = facts or Facts()
        self._objects = Objects(path)

    def close(self) -> None:
        """End the process that reads objects, if one runs."""
        self._objects.close()

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

    def fetch(self, other: Git, *refspecs: str) -> None:
        """Bring objects and refs from another repository of this machine."""
        self.run("fetch", "--quiet", "--no-tags", "--no-auto-gc", str(other.path), *refspecs)

    def take(self, other: Git, sha: str) -> None:
        """Have a commit that another repository has, with all that it needs."""
        if self.kind(sha) is None:
            self.fetch(other, sha)

    def import_folder(self, folder: Path, person: Person, message: str) -> str:
        """Commit the content of a folder without parents; returns the commit. The folder is only read."""
        with tempfile.TemporaryDirectory() as scratch:
            index = {"GIT_INDEX_FILE": str(Path(scratch) / "index")}
            self.run(f"--work-tree={folder.resolve()}", "add", "--all", str(folder.resolve()), env=index)
            tree = self.run("write-tree", env=index).decode().strip()
        return self.commit_tree(tree, (), message, person)

    def commit_tree(
        self, tree: str, parents: tuple[str, ...], message: str, author: Person, committer: Person | None = None
    ) -> str:
        """Write a commit object; returns its sha. The author is the committer, too, where no other is given."""
        other = committer or author
        names = {
            "GIT_AUTHOR_NAME": author.name,
            "GIT_AUTHOR_EMAIL": author.email,
            "GIT_AUTHOR_DATE": f"@{int(author.when)} +0000",
            "GIT_COMMITTER_NAME": other.name,
            "GIT_COMMITTER_EMAIL": other.email,
            "GIT_COMMITTER_DATE": f"@{int(other.when)} +0000",
        }
        flags = [flag for parent in parents for flag in ("-p", parent)]
        return self.run("commit-tree", tree, *flags, stdin=message.encode(), env=names).decode().strip()

    def write_blob(self, content: bytes) -> str:
        """Write a blob; returns its sha."""
        return self.run("hash-object", "-w", "--stdin", stdin=content).decode().strip()

    def write_tree(self, entries: Iterable[Entry]) -> str:
        """Write the tree of one folder; returns its sha. Raises `GitError` for an object that is missing."""
        lines = [f"{entry.mode} {entry.kind} {entry.sha}\t{entry.path}" for entry in entries]
        text = "".join(line + "\0" for line in lines).encode("utf-8", "surrogateescape")
        return self.run("mktree", "-z", stdin=text).decode().strip()

    def delete_ref(self, name: str) -> None:
        """Remove a ref."""
        self.run("update-ref", "-d", name)

    def update_ref(self, name: str, new: str, old: str | None = None) -> None:
        """Move a ref; with `old`, only from there (raises `GitError` when it moved meanwhile)."""
        self.run("update-ref", name, new, *([] if old is None else [old]))

    def refs(self, *prefixes: str) -> dict[str, str]:
        """Ref name → sha, for the refs below the prefixes; without one, for branches."""
        where = prefixes or ("refs/heads/",)
        lines = self.text("for-each-ref", "--format=%(objectname) %(refname)", *where).splitlines()
        return {name: sha for sha, _, name in (line.partition(" ") for line in lines)}

    def ref(self, name: str) -> str | None:
        """The sha in one ref such as `refs/heads/main`; None when there is none."""
        return None if _FORBIDDEN.search(name) else self.object(name)

    def refs_with(self, sha: str, prefix: str) -> list[str]:
        """Names of the refs below `prefix` that contain a commit."""
        return self.text("for-each-ref", f"--contains={sha}", "--format=%(refname)", prefix).split()

    def unmerged(self, into: str, limit: int) -> list[str]:
        """Names of the branches that have commits which `into` lacks, the newest first."""
        flags = [f"--no-merged={into}", f"--count={limit}", "--sort=-committerdate", "--format=%(refname:lstrip=2)"]
        return self.text("for-each-ref", *flags, "refs/heads/").split()

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
        found = self._info(expression)
        return found[0] if found else None

    def kind(self, sha: str) -> str | None:
        """commit, tree, blob or tag; None when there is no such object."""
        found = self._info(sha) if _SHA.match(sha) else None
        return found[1] if found else None

    def size(self, sha: str) -> int:
        """Bytes of an object."""
        found = self._info(sha)
        if found is None:
            raise GitError(f"There is no object {sha}.")
        return found[2]

    def blob(self, sha: str) -> bytes:
        """Content of a blob."""
        try:
            found = self._objects.content(sha)
        except ObjectsError as error:
            raise GitError(str(error)) from error
        if found is None or found[1] != "blob":
            raise GitError(f"There is no blob {sha}.")
        return found[2]

    def _info(self, expression: str) -> tuple[str, str, int] | None:
        try:
            return self._objects.info(expression)
        except ObjectsError as error:
            raise GitError(str(error)) from error

    def tree(self, tree: str, *, recursive: bool = False) -> list[Entry]:
        """Entries of a tree or commit by its full sha; recursively, folders come along too, as on GitHub."""
        key = ("tree", tree, recursive)
        entries = self.facts.get(key, lambda: self._tree(tree, recursive=recursive), lambda found: 300 * len(found))
        return list(entries)

    def _tree(self, tree: str, *, recursive: bool) -> list[Entry]:
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
        """One commit by its full sha."""
        key = ("commit", sha)
        return self.facts.get(key, lambda: self.log(sha, limit=1)[0], lambda found: 1000 + len(found.message))

    def between(self, old: str, new: str) -> list[Commit]:
        """Commits that `new` has and `old` lacks, newest first; both by full sha."""
        key = ("between", old, new)
        commits = self.facts.get(key, lambda: self.log(new, f"^{old}"), lambda found: 1000 * (1 + len(found)))
        return list(commits)

    def new_shas(self, old: str, new: str) -> set[str]:
        """Shas of the commits that `new` has and `old` lacks."""
        return set(self.text("rev-list", new, f"^{old}").split())

    def merge_base(self, one: str, other: str) -> str | None:
        """The best common ancestor of two full shas."""
        key = ("base", one, other)
        return self.facts.get(key, lambda: self.run("merge-base", one, other, ok=(0, 1)).decode().strip() or None)

    def merges(self, base: str, head: str) -> bool:
        """Whether two commits merge without a conflict."""
        return self.facts.get(("merges", base, head), lambda: self.merge_tree(base, head) is not None)

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
