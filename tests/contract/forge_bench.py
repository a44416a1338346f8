"""What the forge contract needs done by other people, on each forge: contributors, maintainers, git."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from github import Auth, Github
from github.Repository import Repository

from bot.forge.github import AppCredentials, GitHubForge
from bot.forge.memory import MemoryForge
from bot.forge.port import Annotation, Check, Forge, Label, Permission, Reaction, Sent, Suggestion

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

    def make_pull(self, files: Files, *, title: str = "Add", draft: bool = False, body: str = "") -> int:
        """`contributor` opens a pull request."""
        ...

    def make_fork_pull(self, files: Files, *, editable: bool = True) -> int:
        """`stranger` opens one from `stranger/taxonomy`, a fork; `editable`: maintainers may push to its branch."""
        ...

    def delete_fork(self, number: int) -> None:
        """`stranger` removes the fork."""
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

    def review_as(self, login: str, number: int, state: str, body: str = "") -> int:
        """`contributor` or `maintainer` reviews the head: approved, changes_requested, commented; returns the id."""
        ...

    def suggestions(self, number: int, review: int) -> list[Suggestion]:
        """What a review says at lines."""
        ...

    def minimized(self, number: int, comment_id: int) -> bool:
        """Whether a comment is folded away."""
        ...

    def repository_labels(self) -> dict[str, Label]:
        """Labels that the repository has, by name."""
        ...

    def lose_webhook(self) -> str:
        """A webhook does not arrive; returns its event."""
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
        self.forge.set_permission("maintainer", "admin")
        self.make_pull = self.forge.add_pull
        self.review_as = self.forge.review_as
        self.push_to_pull = self.forge.push
        self.merge = self.forge.merge
        self.close = self.forge.close
        self.comment_as = self.forge.comment_as
        self.set_permission = self.forge.set_permission

    def make_fork_pull(self, files: Files, *, editable: bool = True) -> int:
        return self.forge.add_pull(files, author="stranger", fork="stranger/taxonomy", editable=editable)

    def delete_fork(self, number: int) -> None:
        self.forge.edit(number, head_repository="", editable=False)

    def suggestions(self, number: int, review: int) -> list[Suggestion]:
        return list(self.forge.suggestions[review])

    def minimized(self, number: int, comment_id: int) -> bool:
        return comment_id in self.forge.minimized

    def repository_labels(self) -> dict[str, Label]:
        return self.forge.labels

    def lose_webhook(self) -> str:
        self.forge.sent.append(Sent(4711, "72d3162e", "issue_comment", ok=False, at=time.time()))
        return "issue_comment"

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


NOBODY_LISTENS = "http://127.0.0.1:9/webhook"


class LocalhubBench:
    """The people use PyGithub and git, each with an account of their own, on a localhub over real HTTP.

    The forge under test is the account `seedbed[bot]`, by a token of its own.
    """

    REPOSITORY = "seedbed/taxonomy"
    BOT = "seedbed[bot]"

    def __init__(self, hub: Hub, server: Server, folder: Path) -> None:
        self._hub = hub
        self._url = server.url
        template = folder / "template"
        _write(template, BASE)
        owner, name = self.REPOSITORY.split("/")
        hub.create_repository(owner, name, template=template)
        self._tokens = {login: hub.add_user(login) for login in ("contributor", "maintainer", "stranger")}
        hub.set_permission(self.REPOSITORY, "contributor", "write")  # pushes branches, as no forge here has forks
        hub.set_permission(self.REPOSITORY, "maintainer", "admin")
        self._clone = folder / "clone"
        self._git(folder, "clone", "--quiet", self._remote("contributor"), str(self._clone))
        self.forge = self._open()

    def _open(self) -> GitHubForge:
        self.bot_token = self._join()
        return self.forge_of(self.bot_token)

    def forge_of(
        self, credentials: str | AppCredentials, pause: Callable[[float], None] = lambda _: None
    ) -> GitHubForge:
        """An adapter that does not wait for anything."""
        return GitHubForge(
            self.REPOSITORY,
            credentials,
            api_url=f"{self._url}/api/v3",
            hook_url=NOBODY_LISTENS,
            pause_s=0,
            sleep=pause,
        )

    def _join(self) -> str:
        """The bot's account, which may not see the repository's webhooks until `lose_webhook` needs them."""
        token = self._hub.add_user(self.BOT, bot=True)
        self._hub.set_permission(self.REPOSITORY, self.BOT, "write")
        return token

    def make_fork_pull(self, files: Files, *, editable: bool = True) -> int:
        theirs = self._repo("stranger").create_fork()
        clone = self._clone.with_name("fork")
        self._git(self._clone.parent, "clone", "--quiet", self._remote("stranger", theirs.full_name), str(clone))
        self._git(clone, "checkout", "--quiet", "-b", "patch")
        _write(clone, files)
        self._git(clone, "add", "--all")
        self._git(clone, "commit", "--quiet", "--message", "Change")
        self._git(clone, "push", "--quiet", "origin", "patch")
        made = self._repo("stranger").create_pull(
            base="main", head="stranger:patch", title="Add", body="", maintainer_can_modify=editable
        )
        return made.number

    def delete_fork(self, number: int) -> None:
        self._github("stranger").get_repo("stranger/taxonomy").delete()

    def review_as(self, login: str, number: int, state: str, body: str = "") -> int:
        events = {"approved": "APPROVE", "changes_requested": "REQUEST_CHANGES", "commented": "COMMENT"}
        return self._repo(login).get_pull(number).create_review(body=body, event=events[state]).id

    def suggestions(self, number: int, review: int) -> list[Suggestion]:
        found = self._repo("maintainer").get_pull(number).get_single_review_comments(review)
        return [Suggestion(c.path, c.raw_data["start_line"] or c.line, c.line, c.body) for c in found]

    def minimized(self, number: int, comment_id: int) -> bool:
        query = "SELECT minimized FROM comments WHERE id = ?"
        return self._hub.db.value(query, comment_id) is not None

    def repository_labels(self) -> dict[str, Label]:
        return {
            found.name: Label(found.name, found.color, found.description)
            for found in self._repo("maintainer").get_labels()
        }

    def lose_webhook(self) -> str:
        self._hub.set_permission(self.REPOSITORY, self.BOT, "admin")
        self._hub.add_hook(self.REPOSITORY, "http://127.0.0.1:9/other", "s", ["*"])
        self._hub.add_hook(self.REPOSITORY, NOBODY_LISTENS, "s", ["issue_comment"])
        self.comment_as("maintainer", self.make_pull({"lost.txt": b""}), "hello")
        assert self._hub.deliveries.wait_idle(30)
        return "issue_comment"

    def make_pull(self, files: Files, *, title: str = "Add", draft: bool = False, body: str = "") -> int:
        branch = f"branch-{len(self._git(self._clone, 'branch', '--list').splitlines())}"
        self._git(self._clone, "fetch", "--quiet", "origin", "main")
        self._git(self._clone, "checkout", "--quiet", "-b", branch, "FETCH_HEAD")
        self._commit(branch, files)
        made = self._repo("contributor").create_pull(base="main", head=branch, title=title, body=body, draft=draft)
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

    def statuses(self, head_sha: str) -> list[tuple[str, str, str, str | None]]:
        """Context, state, description and address of each status, newest first."""
        found = self._repo("maintainer").get_commit(head_sha).get_statuses()
        return [(s.context, s.state, s.description, s.target_url) for s in found]

    def git_push(self, token: str, repository: str) -> None:
        """Push a branch with a token, as the ledger is pushed."""
        scheme, _, host = self._url.partition("://")
        remote = f"{scheme}://x-access-token:{token}@{host}/{repository}.git"
        self._git(self._clone, "push", "--quiet", remote, "HEAD:refs/heads/ledger")

    def _repo(self, login: str) -> Repository:
        return self._github(login).get_repo(self.REPOSITORY)

    def _github(self, login: str) -> Github:
        auth = Auth.Token(self._tokens[login])
        return Github(
            base_url=f"{self._url}/api/v3",
            auth=auth,
            seconds_between_requests=0,
            seconds_between_writes=0,
            retry=None,
        )

    def _remote(self, login: str, repository: str = REPOSITORY) -> str:
        scheme, _, host = self._url.partition("://")
        return f"{scheme}://{login}:{self._tokens[login]}@{host}/{repository}.git"

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


class AppBench(LocalhubBench):
    """The forge under test is a GitHub App that is installed on the repository."""

    def _open(self) -> GitHubForge:
        registered = self._hub.add_app(
            "seedbed", "seedbed", permissions=PERMISSIONS, events=["issue_comment"], hook_url=NOBODY_LISTENS
        )
        self._hub.install_app(registered.app, self.REPOSITORY)
        self.credentials = AppCredentials(str(registered.app.id), registered.pem)
        return self.forge_of(self.credentials)

    def lose_webhook(self) -> str:
        self.comment_as("maintainer", self.make_pull({"lost.txt": b""}), "hello")
        assert self._hub.deliveries.wait_idle(30)
        return "issue_comment"


PERMISSIONS = dict.fromkeys(("contents", "pull_requests", "issues", "checks", "statuses"), "write")
_PERSON = {"NAME": "contributor", "EMAIL": "contributor@example.org"}


def _write(folder: Path, files: Files) -> None:
    for path, content in files.items():
        target = folder / path
        if content is None:
            target.unlink()
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
