"""The conversation of a pull request as its page shows it: comments, reviews and events in the order of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.localhub import access, queries, reviews, suggestions
from bot.localhub.api.context import Context
from bot.localhub.diff import FileChange
from bot.localhub.git import Commit
from bot.localhub.models import Account, Comment, Pull, Reaction, Review, ReviewComment, TimelineEvent
from bot.localhub.shapes.pulls import association

_SHOWN_COMMITS = 20  # of one push


@dataclass(frozen=True, slots=True)
class LineComment:
    """A comment at lines: in pieces, with the lines that its suggestions would replace where they are still there."""

    row: ReviewComment
    parts: tuple[suggestions.Part, ...]
    old: tuple[str, ...]
    current: bool
    applicable: bool

    @property
    def hunk(self) -> list[str]:
        """The end of the diff that it stands under."""
        return self.row.diff_hunk.split("\n")[1:]


@dataclass(frozen=True, slots=True)
class Item:
    """One piece of the conversation. What does not belong to its kind is empty."""

    at: float
    kind: str
    actor: Account
    comment: Comment | None = None
    role: str = ""
    reactions: tuple[tuple[str, int, str], ...] = ()
    event: TimelineEvent | None = None
    commits: tuple[Commit, ...] = ()
    label_color: str = ""
    review: Review | None = None
    lines: tuple[LineComment, ...] = ()


class People:
    """Accounts and their roles, each looked up once for a page."""

    def __init__(self, where: Context) -> None:
        self._where = where
        self._accounts: dict[str, Account] = {}
        self._roles: dict[str, str] = {}

    def account(self, login: str) -> Account:
        """The account, or the ghost."""
        if login not in self._accounts:
            self._accounts[login] = self._where.hub.account(login) or Account(0, "ghost", "User", 0.0)
        return self._accounts[login]

    def role(self, login: str) -> str:
        """The badge beside a name: bot, Owner, Collaborator or none."""
        if login not in self._roles:
            self._roles[login] = self._role(login)
        return self._roles[login]

    def _role(self, login: str) -> str:
        account = self.account(login)
        if account.id == 0 or account.kind == "Bot":
            return "bot" if account.id else ""
        role = association(self._where.view, self._where.repository, login)
        return "" if role == "CONTRIBUTOR" else role.capitalize()


def items(where: Context, pull: Pull, people: People, line_comments: Sequence[LineComment]) -> list[Item]:
    """All of the conversation."""
    reactions = queries.reactions_of_pull(where.hub, pull)
    found = [_comment(people, row, reactions.get(row.id, [])) for row in queries.comments(where.hub, pull)]
    found += [_event(where, people, event) for event in queries.timeline(where.hub, pull)]
    for review in reviews.listed(where.hub, pull):
        own = tuple(comment for comment in line_comments if comment.row.review_id == review.id)
        actor, role = people.account(review.author), people.role(review.author)
        found.append(Item(review.submitted_at, "review", actor, role=role, review=review, lines=own))
    return sorted(found, key=lambda item: item.at)


def line_comments(where: Context, pull: Pull, files: Sequence[FileChange]) -> list[LineComment]:
    """Comments at lines, oldest first; suggestions can be committed by who may push to the head branch."""
    rows = reviews.comments(where.hub, pull)
    writable = bool(rows) and pull.state == "open" and may_push_head(where, pull)
    return [_line_comment(where, row, files, writable=writable) for row in rows]


def may_push_head(where: Context, pull: Pull) -> bool:
    """Whether who looks at the page may push to the head branch."""
    if where.account is None or pull.head_repository_id is None:
        return False
    home = where.hub.repository_by_id(pull.head_repository_id)
    return access.may_write(where.hub, home, where.account, f"refs/heads/{pull.head_ref}")


def _line_comment(where: Context, row: ReviewComment, files: Sequence[FileChange], *, writable: bool) -> LineComment:
    parts = tuple(suggestions.parts(row.body))
    current = queries.is_current(row, files)
    suggests = current and row.side == "RIGHT" and any(part.kind == "suggestion" for part in parts)
    old = tuple(suggestions.old_lines(where.hub, where.repository, row)) if suggests else ()
    return LineComment(row, parts, old, current, applicable=writable and suggests)


def _comment(people: People, row: Comment, reactions: Sequence[Reaction]) -> Item:
    given: dict[str, list[str]] = {}
    for reaction in reactions:
        given.setdefault(reaction.content, []).append(reaction.author)
    counted = tuple((content, len(who), ", ".join(who)) for content, who in given.items())
    return Item(row.created_at, "comment", people.account(row.author), row, people.role(row.author), counted)


def _event(where: Context, people: People, event: TimelineEvent) -> Item:
    commits: list[Commit] = []
    color = ""
    if event.kind == "pushed":
        before, _, after = event.detail.partition("..")
        commits = where.git.between(before, after)[:_SHOWN_COMMITS][::-1]
    if event.kind in ("labeled", "unlabeled"):
        query = "SELECT color FROM labels WHERE repository_id = ? AND name = ?"
        color = str(where.hub.db.value(query, where.repository.id, event.detail) or "ededed")
    actor = people.account(event.actor)
    return Item(event.created_at, event.kind, actor, event=event, commits=tuple(commits), label_color=color)
