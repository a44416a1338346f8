"""What can be asked of a hub without changing it: conversations, checks, and what a pull request contains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.localhub.diff import FileChange, changes
from bot.localhub.git import Commit
from bot.localhub.hub import Hub
from bot.localhub.models import (
    Annotation,
    CheckRun,
    Comment,
    Label,
    Pull,
    Reaction,
    Repository,
    ReviewComment,
    Suite,
    TimelineEvent,
)


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


def reactions_of_pull(hub: Hub, pull: Pull) -> dict[int, list[Reaction]]:
    """Reactions to all comments of a pull request by the comment's id, oldest first."""
    query = "SELECT r.* FROM reactions r JOIN comments c ON c.id = r.comment_id WHERE c.pull_id = ? ORDER BY r.id"
    found: dict[int, list[Reaction]] = {}
    for row in hub.db.rows(Reaction, query, pull.id):
        found.setdefault(row.comment_id, []).append(row)
    return found


def labels_of(hub: Hub, pull: Pull) -> list[Label]:
    """Labels of a pull request by name."""
    query = "SELECT l.* FROM labels l JOIN pull_labels p ON p.label_id = l.id WHERE p.pull_id = ? ORDER BY l.name"
    return hub.db.rows(Label, query, pull.id)


def assignees_of(hub: Hub, pull: Pull) -> list[str]:
    """Logins of those who are assigned, in the order of assignment."""
    query = "SELECT login FROM assignees WHERE pull_id = ? ORDER BY rowid"
    return [row.login for row in hub.db.rows(_Login, query, pull.id)]


@dataclass(frozen=True, slots=True)
class _Login:
    login: str


def issues(
    hub: Hub, repository: Repository, *, state: str, creator: str | None, assignee: str | None, labels: Sequence[str]
) -> list[Pull]:
    """Pull requests, oldest first, that fit: `assignee` may be "none" or "*", and all `labels` must be on them."""
    query = (
        "SELECT * FROM pulls p WHERE repository_id = ?1 AND (?2 = 'all' OR state = ?2) "
        "AND (?3 IS NULL OR author = ?3 COLLATE NOCASE) AND (?4 IS NULL OR CASE ?4 "
        "WHEN 'none' THEN NOT EXISTS (SELECT 1 FROM assignees a WHERE a.pull_id = p.id) "
        "WHEN '*' THEN EXISTS (SELECT 1 FROM assignees a WHERE a.pull_id = p.id) "
        "ELSE EXISTS (SELECT 1 FROM assignees a WHERE a.pull_id = p.id AND a.login = ?4) END) ORDER BY number"
    )
    found = hub.db.rows(Pull, query, repository.id, state, creator, assignee)
    wanted = {name.lower() for name in labels}
    return [pull for pull in found if wanted <= {label.name.lower() for label in labels_of(hub, pull)}]


def annotations_of(hub: Hub, run: CheckRun) -> list[Annotation]:
    """All annotations in the order of arrival."""
    return hub.db.rows(Annotation, "SELECT * FROM annotations WHERE check_run_id = ? ORDER BY id", run.id)


def annotations_count(hub: Hub, run: CheckRun) -> int:
    """How many annotations a check run has."""
    return int(hub.db.value("SELECT count(*) FROM annotations WHERE check_run_id = ?", run.id) or 0)


def suites(hub: Hub, repository: Repository, sha: str) -> list[Suite]:
    """The suites of a commit: one for each app, by the first of its runs."""
    query = (
        "SELECT min(id) AS id, repository_id, head_sha, app FROM check_runs "
        "WHERE repository_id = ? AND head_sha = ? GROUP BY app ORDER BY 1"
    )
    return hub.db.rows(Suite, query, repository.id, sha)


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


def pulls_of(hub: Hub, run: CheckRun | Suite) -> list[PullOfCommit]:
    """Open pull requests with this head; those from forks are not listed, as on GitHub."""
    query = (
        "SELECT id, number, head_ref, base_ref, base_sha FROM pulls "
        "WHERE repository_id = ? AND head_sha = ? AND state = 'open' AND head_repository_id = repository_id ORDER BY id"
    )
    return hub.db.rows(PullOfCommit, query, run.repository_id, run.head_sha)


def files(hub: Hub, repository: Repository, pull: Pull) -> list[FileChange]:
    """What the pull request changes against the point where it left its base."""
    git = hub.git(repository)
    return changes(git, git.merge_base(pull.base_sha, pull.head_sha) or pull.base_sha, pull.head_sha)


def is_current(row: ReviewComment, files: Sequence[FileChange]) -> bool:
    """Whether the lines are still those that the comment speaks of: the file has not changed since."""
    return any(file.path == row.path and file.sha == row.blob_sha for file in files)


def commits(hub: Hub, repository: Repository, pull: Pull) -> list[Commit]:
    """Commits of the head that the base lacks, oldest first."""
    return hub.git(repository).between(pull.base_sha, pull.head_sha)[::-1]


def mergeable(hub: Hub, repository: Repository, pull: Pull) -> bool | None:
    """Whether git can merge it without a conflict; None for a closed one."""
    if pull.state != "open":
        return None
    return hub.git(repository).merges(pull.base_sha, pull.head_sha)
