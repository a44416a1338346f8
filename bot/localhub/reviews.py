"""Reviews: a verdict on a pull request, with comments at lines of its diff."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.localhub import conversation, payloads, queries
from bot.localhub.diff import FileChange
from bot.localhub.errors import HubError, not_found
from bot.localhub.hub import Hub
from bot.localhub.models import Account, Pull, Repository, Review, ReviewComment

STATES = {"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED"}
_HUNK_LINES = 4  # of a comment's diff_hunk, besides the header


@dataclass(frozen=True, slots=True)
class NewComment:
    """A comment as a request brings it: on `line`, or on the lines from `start_line` to `line`."""

    path: str
    line: int
    body: str
    side: str = "RIGHT"
    start_line: int | None = None
    start_side: str | None = None


@dataclass(frozen=True, slots=True)
class _Place:
    position: int
    hunk: str
    blob: str


def get(hub: Hub, pull: Pull, review_id: int) -> Review:
    """One review of this pull request; raises 404."""
    found = hub.db.row(Review, "SELECT * FROM reviews WHERE pull_id = ? AND id = ?", pull.id, review_id)
    if found is None:
        raise not_found()
    return found


def listed(hub: Hub, pull: Pull) -> list[Review]:
    """All reviews, oldest first."""
    return hub.db.rows(Review, "SELECT * FROM reviews WHERE pull_id = ? ORDER BY id", pull.id)


def comments(hub: Hub, pull: Pull, review: Review | None = None) -> list[ReviewComment]:
    """Comments at lines of a pull request, or of one of its reviews, oldest first."""
    if review is None:
        return hub.db.rows(ReviewComment, "SELECT * FROM review_comments WHERE pull_id = ? ORDER BY id", pull.id)
    query = "SELECT * FROM review_comments WHERE pull_id = ? AND review_id = ? ORDER BY id"
    return hub.db.rows(ReviewComment, query, pull.id, review.id)


def comment(hub: Hub, repository: Repository, comment_id: int) -> tuple[ReviewComment, Pull]:
    """One comment of this repository and its pull request; raises 404."""
    query = "SELECT c.* FROM review_comments c JOIN pulls p ON p.id = c.pull_id WHERE p.repository_id = ? AND c.id = ?"
    found = hub.db.row(ReviewComment, query, repository.id, comment_id)
    pull = hub.db.row(Pull, "SELECT * FROM pulls WHERE id = ?", found.pull_id) if found else None
    if found is None or pull is None:
        raise not_found()
    return found, pull


def submit(
    hub: Hub, repository: Repository, pull: Pull, author: Account, event: str, *, body: str = "",
    comments: Sequence[NewComment] = (), sha: str | None = None,
) -> Review:  # fmt: skip
    """Write a review of the head as it is (or as it was at `sha`); emits `pull_request_review.submitted`."""
    _check(pull, author, event, body, comments)
    files = queries.files(hub, repository, pull)
    places = [_place(files, comment) for comment in comments]
    if sha is not None and sha not in {pull.head_sha, *(c.sha for c in queries.commits(hub, repository, pull))}:
        raise HubError(422, "Unprocessable Entity", ["commit_id is not part of the pull request"])
    now = hub.clock()
    with hub.db.transaction():
        review_id = hub.db.insert(
            "reviews", pull_id=pull.id, author=author.login, state=STATES[event], body=body,
            commit_sha=sha or pull.head_sha, submitted_at=now,
        )  # fmt: skip
        for new, place in zip(comments, places, strict=True):
            hub.db.insert(
                "review_comments", review_id=review_id, pull_id=pull.id, author=author.login, path=new.path,
                start_line=new.start_line, line=new.line, side=new.side, position=place.position, body=new.body,
                start_side=(new.start_side or new.side) if new.start_line is not None else None,
                diff_hunk=place.hunk, commit_sha=sha or pull.head_sha, blob_sha=place.blob, created_at=now,
                updated_at=now,
            )  # fmt: skip
        hub.db.update("pulls", pull.id, updated_at=now)
        review = get(hub, pull, review_id)
        payloads.pull_request_review(hub, repository, pull, review, "submitted", author.login)
    return review


def dismiss(hub: Hub, repository: Repository, pull: Pull, review: Review, actor: Account, message: str) -> Review:
    """Let a review count no longer; needs write. Emits `pull_request_review.dismissed`."""
    if not hub.allows(repository, actor, "write"):
        raise HubError(403, "Resource not accessible: dismissing a review needs write permission.")
    if review.state not in ("APPROVED", "CHANGES_REQUESTED"):
        raise HubError(422, "Unprocessable Entity", [f"Can not dismiss a {review.state.lower()} pull request review"])
    if not message.strip():
        raise HubError(422, "Unprocessable Entity", ["Dismissal message can't be blank"])
    with hub.db.transaction():
        hub.db.update("reviews", review.id, state="DISMISSED")
        conversation.note(hub, pull.id, actor.login, "review_dismissed", message)
        new = get(hub, pull, review.id)
        payloads.pull_request_review(hub, repository, pull, new, "dismissed", actor.login)
    return new


def _check(pull: Pull, author: Account, event: str, body: str, comments: Sequence[NewComment]) -> None:
    if event not in STATES:
        raise HubError(422, "Unprocessable Entity", [f"event must be one of {', '.join(STATES)}"])
    if author.login == pull.author and event != "COMMENT":
        what = "approve" if event == "APPROVE" else "request changes on"
        raise HubError(422, "Unprocessable Entity", [f"Can not {what} your own pull request"])
    if not body.strip() and (event == "REQUEST_CHANGES" or (event == "COMMENT" and not comments)):
        raise HubError(422, "Unprocessable Entity", ["Body can't be blank"])
    conversation.check_body("PullRequestReview", body)
    for comment in comments:
        conversation.check_body("PullRequestReviewComment", comment.body)
        if not comment.body.strip():
            raise HubError(422, "Unprocessable Entity", ["Comment body can't be blank"])


def _place(files: Sequence[FileChange], comment: NewComment) -> _Place:
    """Where a comment stands in the diff; raises 422 for what the diff does not show."""
    file = next((file for file in files if file.path == comment.path), None)
    if file is None:
        raise HubError(422, "Unprocessable Entity", ["Path could not be resolved"])
    last = _find(file, comment.line, comment.side)
    if last is None:
        raise HubError(422, "Unprocessable Entity", ["Line could not be resolved"])
    header = max(index for index in range(last) if file.lines[index].kind == "hunk")
    first = last
    if comment.start_line is not None:
        found = _find(file, comment.start_line, comment.start_side or comment.side)
        if found is None:
            raise HubError(422, "Unprocessable Entity", ["Start line could not be resolved"])
        if found > last or comment.start_line >= comment.line:
            raise HubError(422, "Unprocessable Entity", ["Start line must precede the end line"])
        if found < header:
            raise HubError(422, "Unprocessable Entity", ["Start line must be part of the same hunk as the line"])
        first = found
    texts = (file.patch or "").split("\n")
    shown = texts[max(header + 1, min(first, last - _HUNK_LINES + 1)) : last + 1]
    return _Place(last, "\n".join([texts[header], *shown]), file.sha)


def _find(file: FileChange, number: int, side: str) -> int | None:
    for index, line in enumerate(file.lines):
        here = (line.new if line.kind != "removed" else None) if side == "RIGHT" else line.old
        if line.kind in ("context", "added", "removed") and here == number:
            return index
    return None
