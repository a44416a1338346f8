"""What the forge contract needs done by other people, on each forge: contributors, maintainers, git."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from github import Auth, Github
from github.Repository import Repository

from bot.forge.github import GitHubForge
from bot.forge.memory import MemoryForge
from bot.forge.port import Annotation, Check, Forge, Permission, Reaction

if TYPE_CHECKING:
    from bot.localhub import Hub, Server

Files = Mapping[str, bytes | None]
Modes = Mapping[str, str]
NO_MODES: Modes = {}

BASE: Files = {
    "README.md": b"# Taxonomy\n",
    "knowledge/birds/qna.yaml": b"version: 3\n# a long enough text, so that a move is seen as one\n" * 3,
    "old.txt": b"to be removed\n",
}


class ForgeBench(Protocol):
    """A forge with one repository that holds `BASE` on `main`, and the people around it."""

    @property
    def forge(self) -> Forge:
        """What is under test."""
        ...

    def make_pull(self, files: Files, *, title: str = "Add", draft: bool = False) -> int:
        """`contributor` opens a pull request."""
        ...

    def push_to_pull(self, number: int, files: Files, *, modes: Modes = NO_MODES, message: str = "Change") -> str:
        """`contributor` adds a commit; returns its sha. `modes`: of files that are not plain, in git's words."""
        ...

    def merge(self, number: int) -> str:
        """The maintainer merges with a merge commit; returns its sha."""
        ...

    def close(self, number: int) -> None:
        """The maintainer closes without merging."""
        ...

    def comment_as(self, login: str, number: int, body: str) -> int:
        """`contributor` or `maintainer` comments; returns the id."""
        ...

    def set_permission(self, login: str, permission: Permission) -> None:
        """The owner gives a level."""
        ...

    def comments(self, number: int) -> list[tuple[str, str]]:
        """Author and body of each comment, oldest first."""
        ...

    def reactions(self, comment_id: int, number: int) -> list[Reaction]:
        """What we reacted with."""
        ...

    def check_run(self, name: str, head_sha: str, external_id: str) -> Check:
        """Our newest run as others see it, annotations included."""
        ...

    def check_runs(self, head_sha: str) -> int:
        """How many runs a commit has."""
        ...


class MemoryBench:
    """The double's own scripting methods."""

    def __init__(self) -> None:
        self.forge = MemoryForge(files=BASE)
        self.make_pull = self.forge.add_pull
        self.push_to_pull = self.forge.push
        self.merge = self.forge.merge
        self.close = self.forge.close
        self.comment_as = self.forge.comment_as
        self.set_permission = self.forge.set_permission

    def comments(self, number: int) -> list[tuple[str, str]]:
        return [(comment.author, comment.body) for comment in self.forge.comments(number)]

    def reactions(self, comment_id: int, number: int) -> list[Reaction]:
        return [reaction for id, reaction in self.forge.reactions if id == comment_id]

    def check_run(self, name: str, head_sha: str, external_id: str) -> Check:
        found = self.forge.check_run(name, head_sha, external_id)
        assert found is not None
        return found

    def check_runs(self, head_sha: str) -> int:
        return sum(check.head_sha == head_sha for check in self.forge.checks)


class LocalhubBench:
    """The people use PyGithub and git, each with an account of their own, on a localhub over real HTTP."""

    REPOSITORY = "seedbed/taxonomy"
    BOT = "seedbed[bot]"

    def __init__(self, hub: Hub, server: Server, folder: Path) -> None:
        self._hub = hub
        self._url = server.url
        template = folder / "template"
        _write(template, BASE)
        owner, name = self.REPOSITORY.split("/")
        hub.create_repository(owner, name, template=template)
        self._tokens = {login: hub.add_user(login) for login in ("contributor", "maintainer")}
        self._bot_token = hub.add_user(self.BOT, bot=True)
        hub.set_permission(self.REPOSITORY, self.BOT, "write")
        hub.set_permission(self.REPOSITORY, "contributor", "write")  # pushes branches, as no forge here has forks
        hub.set_permission(self.REPOSITORY, "maintainer", "admin")
        self._clone = folder / "clone"
        self._git(folder, "clone", "--quiet", self._remote("contributor"), str(self._clone))
        self.forge = GitHubForge(self.REPOSITORY, token=self._bot_token, api_url=f"{self._url}/api/v3", pause_s=0)

    def make_pull(self, files: Files, *, title: str = "Add", draft: bool = False) -> int:
        branch = f"branch-{len(self._git(self._clone, 'branch', '--list').splitlines())}"
        self._git(self._clone, "fetch", "--quiet", "origin", "main")
        self._git(self._clone, "checkout", "--quiet", "-b", branch, "FETCH_HEAD")
        self._commit(branch, files)
        made = self._repo("contributor").create_pull(base="main", head=branch, title=title, body="", draft=draft)
        return made.number

    def push_to_pull(self, number: int, files: Files, *, modes: Modes = NO_MODES, message: str = "Change") -> str:
        branch = self._repo("contributor").get_pull(number).head.ref
        self._git(self._clone, "checkout", "--quiet", branch)
        return self._commit(branch, files, modes, message)

    def merge(self, number: int) -> str:
        return self._repo("maintainer").get_pull(number).merge().sha

    def close(self, number: int) -> None:
        self._repo("maintainer").get_pull(number).edit(state="closed")

    def comment_as(self, login: str, number: int, body: str) -> int:
        return self._repo(login).get_issue(number).create_comment(body).id

    def set_permission(self, login: str, permission: Permission) -> None:
        self._hub.set_permission(self.REPOSITORY, login, permission)

    def comments(self, number: int) -> list[tuple[str, str]]:
        return [(c.user.login, c.body) for c in self._repo("maintainer").get_issue(number).get_comments()]

    def reactions(self, comment_id: int, number: int) -> list[Reaction]:
        comment = self._repo("maintainer").get_issue(number).get_comment(comment_id)
        return [cast(Reaction, r.content) for r in comment.get_reactions() if r.user.login == self.BOT]

    def check_run(self, name: str, head_sha: str, external_id: str) -> Check:
        runs = self._repo("maintainer").get_commit(head_sha).get_check_runs(check_name=name, filter="all")
        run = max((run for run in runs if run.external_id == external_id), key=lambda run: run.id)
        return Check(
            name=run.name,
            head_sha=run.head_sha,
            external_id=run.external_id,
            title=run.output.title,
            summary=run.output.summary,
            conclusion=run.conclusion if run.status == "completed" else None,  # type: ignore[arg-type]
            annotations=tuple(
                Annotation(
                    a.path,
                    a.start_line,
                    a.end_line,
                    a.annotation_level,
                    a.title,
                    a.message,
                    a.start_column,
                    a.end_column,
                )
                for a in run.get_annotations()
            ),
            details_url=run.details_url,
        )

    def check_runs(self, head_sha: str) -> int:
        runs = self._repo("maintainer").get_commit(head_sha).get_check_runs(filter="all")
        return len(list(runs))

    def _repo(self, login: str) -> Repository:
        auth = Auth.Token(self._tokens[login])
        github = Github(
            base_url=f"{self._url}/api/v3",
            auth=auth,
            seconds_between_requests=0,
            seconds_between_writes=0,
            retry=None,
        )
        return github.get_repo(self.REPOSITORY)

    def _remote(self, login: str) -> str:
        scheme, _, host = self._url.partition("://")
        return f"{scheme}://{login}:{self._tokens[login]}@{host}/{self.REPOSITORY}.git"

    def _commit(self, branch: str, files: Files, modes: Modes = NO_MODES, message: str = "Change") -> str:
        _write(self._clone, {path: content for path, content in files.items() if path not in modes})
        self._git(self._clone, "add", "--all")
        for path, mode in modes.items():
            sha = "0123456789" * 4  # a submodule's commit is in another repository
            if mode != "160000":
                (self._clone / ".git" / "content").write_bytes(files[path] or b"")
                sha = self._git(self._clone, "hash-object", "-w", "--no-filters", ".git/content").strip()
            self._git(self._clone, "update-index", "--add", "--cacheinfo", f"{mode},{sha},{path}")
        self._git(self._clone, "commit", "--quiet", "--message", message)
        self._git(self._clone, "push", "--quiet", "origin", branch)
        return self._git(self._clone, "rev-parse", "HEAD").strip()

    def _git(self, folder: Path, *arguments: str) -> str:
        who = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in _PERSON.items()}
        done = subprocess.run(
            ["git", *arguments],
            cwd=folder,
            env={**os.environ, **who, "GIT_CONFIG_GLOBAL": os.devnull},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


_PERSON = {"NAME": "contributor", "EMAIL": "contributor@example.org"}


def _write(folder: Path, files: Files) -> None:
    for path, content in files.items():
        target = folder / path
        if content is None:
            target.unlink()
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
