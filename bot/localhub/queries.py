"""What can be asked of a hub without changing it: conversations, checks, and what a pull request contains."""

from __future__ import annotations

from dataclasses import dataclass

from bot.localhub.diff import FileChange, changes
from bot.localhub.git import Commit
from bot.localhub.hub import Hub
from bot.localhub.models import Annotation, CheckRun, Comment, Label, Pull, Reaction, Repository, TimelineEvent


def comments(hub: Hub, pull: Pull) -> list[Comment]:
    """The conversation, oldest first."""
    return hub.db.rows(Comment, "SELECT * FROM comments WHERE pull_id = ? ORDER BY id", pull.id)


def all_comments(hub: Hub, repository: Repository) -> list[Comment]:
    """Comments of all pull requests, oldest first."""
    query = "SELECT c.* FROM comments c JOIN pulls p ON p.id = c.pull_id WHERE p.repository_id = ? ORDER BY c.id"
    return hub.db.rows(Comment, query, repository.id)


def timeline(hub: Hub, pull: Pull) -> list[TimelineEvent]:
    """Events besides comments, oldest first."""
    return hub.db.rows(TimelineEvent, "SELECT * FROM timeline WHERE pull_id = ? ORDER BY id", pull.id)


def reactions(hub: Hub, row: Comment) -> list[Reaction]:
    """Reactions to a comment, oldest first."""
    return hub.db.rows(Reaction, "SELECT * FROM reactions WHERE comment_id = ? ORDER BY id", row.id)


def labels_of(hub: Hub, pull: Pull) -> list[Label]:
    """Labels of a pull request by name."""
    query = "SELECT l.* FROM labels l JOIN pull_labels p ON p.label_id = l.id WHERE p.pull_id = ? ORDER BY l.name"
    return hub.db.rows(Label, query, pull.id)


def annotations_of(hub: Hub, run: CheckRun) -> list[Annotation]:
    """All annotations in the order of arrival."""
    return hub.db.rows(Annotation, "SELECT * FROM annotations WHERE check_run_id = ? ORDER BY id", run.id)


def annotations_count(hub: Hub, run: CheckRun) -> int:
    """How many annotations a check run has."""
    return int(hub.db.value("SELECT count(*) FROM annotations WHERE check_run_id = ?", run.id) or 0)


def suite_id(hub: Hub, run: CheckRun) -> int:
    """One number for all check runs of an app on a commit."""
    query = "SELECT min(id) FROM check_runs WHERE repository_id = ? AND head_sha = ? AND app = ?"
    return int(hub.db.value(query, run.repository_id, run.head_sha, run.app) or run.id)


@dataclass(frozen=True, slots=True)
class PullOfCommit:
    """An open pull request whose head is the commit of a check run."""

    id: int
    number: int
    head_ref: str
    base_ref: str
    base_sha: str


def pulls_of(hub: Hub, run: CheckRun) -> list[PullOfCommit]:
    """Open pull requests with this head."""
    query = (
        "SELECT id, number, head_ref, base_ref, base_sha FROM pulls "
        "WHERE repository_id = ? AND head_sha = ? AND state = 'open' ORDER BY id"
    )
    return hub.db.rows(PullOfCommit, query, run.repository_id, run.head_sha)


def files(hub: Hub, repository: Repository, pull: Pull) -> list[FileChange]:
    """What the pull request changes against the point where it left its base."""
    git = hub.git(repository)
    return changes(git, git.merge_base(pull.base_sha, pull.head_sha) or pull.base_sha, pull.head_sha)


def commits(hub: Hub, repository: Repository, pull: Pull) -> list[Commit]:
    """Commits of the head that the base lacks, oldest first."""
    return hub.git(repository).log(pull.head_sha, f"^{pull.base_sha}")[::-1]


def mergeable(hub: Hub, repository: Repository, pull: Pull) -> bool | None:
    """Whether git can merge it without a conflict; None for a closed one."""
    if pull.state != "open":
        return None
    return hub.git(repository).merge_tree(pull.base_sha, pull.head_sha) is not None
