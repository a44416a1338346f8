"""Comments, reactions, reviews, labels and assignees in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from bot.forge.limits import check_marker
from bot.forge.memory.pulls import Pulls
from bot.forge.port import Comment, Forbidden, ForgeError, Label, NotFound, Reaction, Review, Suggestion


class Conversation(Pulls):
    """`reactions`: pairs of comment id and reaction. `minimized`: ids of comments folded away. `labels`: those that the
    repository has, by name. `suggestions`: by id of our review."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.reactions: set[tuple[int, Reaction]] = set()
        self.minimized: set[int] = set()
        self.labels: dict[str, Label] = {}
        self.suggestions: dict[int, tuple[Suggestion, ...]] = {}

    # What other people do

    def comment_as(self, login: str, number: int, body: str) -> int:
        """Somebody else's comment; returns its id."""
        with self._lock:
            comment = Comment(self._new_id(), login, body)
            self._thread(number).comments.append(comment)
            self._update(number)
            return comment.id

    def review_as(self, login: str, number: int, state: str, body: str = "") -> int:
        """Somebody else's review of the head; `state` as in `Review`. Returns its id."""
        with self._lock:
            review = Review(self._new_id(), login, state, self.pull(number).head_sha, body)
            self._thread(number).reviews.append(review)
            self._update(number)
            return review.id

    def comments(self, number: int) -> list[Comment]:
        """The whole conversation, oldest first."""
        with self._lock:
            return list(self._thread(number).comments)

    # What `Forge` asks

    def ensure_comment(self, number: int, marker: str, body: str) -> int:
        """Make our one comment with `marker` read `body`; `ValueError` if `body` does not begin with the marker."""
        check_marker(marker, body)
        with self._lock:
            found = self.find_comment(number, marker)
            if found is None:
                return self.comment(number, body)
            if found.body != body:
                comments = self._thread(number).comments
                comments[comments.index(found)] = replace(found, body=body)
                self._update(number)
                self.writes.append(f"edit comment {found.id}")
            return found.id

    def find_comment(self, number: int, marker: str) -> Comment | None:
        """Our own comment that begins with `marker`, the oldest if there are several."""
        with self._lock:
            for comment in self._thread(number).comments:
                if comment.author == self.login and comment.body.startswith(marker):
                    return comment
            return None

    def comment(self, number: int, body: str) -> int:
        """Write a new comment; returns its id."""
        with self._lock:
            id = self.comment_as(self.login, number, body)
            self.writes.append(f"comment {id}")
            return id

    def minimize(self, comment_id: int) -> None:
        """Fold one of our comments away; raises `Forbidden` for another's."""
        with self._lock:
            if self._comment(comment_id).author != self.login:
                raise Forbidden(f"{self.repository}: comment {comment_id} is not by {self.login}")
            if comment_id not in self.minimized:
                self.minimized.add(comment_id)
                self.writes.append(f"minimize comment {comment_id}")

    def react(self, comment_id: int, reaction: Reaction) -> None:
        """Acknowledge a comment; repeating is harmless."""
        with self._lock:
            self._comment(comment_id)
            if (comment_id, reaction) not in self.reactions:
                self.reactions.add((comment_id, reaction))
                self.writes.append(f"react {reaction} to {comment_id}")

    def ensure_review(
        self, number: int, head_sha: str, marker: str, body: str, suggestions: Sequence[Suggestion]
    ) -> int:
        """Our one review with `marker`; see `Forge`. Suggestions stand on lines that the diff shows, as on GitHub."""
        check_marker(marker, body)
        with self._lock:
            for review in self._thread(number).reviews:
                if review.author == self.login and review.body.startswith(marker):
                    return review.id
            self._commit_of(head_sha)
            self._check_lines(number, suggestions)
            review = Review(self._new_id(), self.login, "commented", head_sha, body)
            self._thread(number).reviews.append(review)
            self._update(number)
            self.suggestions[review.id] = tuple(suggestions)
            self.writes.append(f"review {review.id} on #{number}")
            return review.id

    def reviews(self, number: int) -> list[Review]:
        """All submitted reviews, oldest first."""
        with self._lock:
            return list(self._thread(number).reviews)

    def ensure_labels(self, number: int, *, add: Sequence[Label] = (), remove: Sequence[str] = ()) -> None:
        """Put labels on and take labels off; see `Forge`."""
        with self._lock:
            old = self.pull(number).labels
            names = {name.casefold() for name in old}
            missing = [label for label in add if label.name.casefold() not in names]
            gone = {name.casefold() for name in remove} & names
            for label in missing:
                self.labels.setdefault(label.name, label)
            if missing or gone:
                kept = [name for name in old if name.casefold() not in gone]
                self._update(number, labels=(*kept, *(label.name for label in missing)))
                signs = [*(f"+{label.name}" for label in missing), *(f"-{name}" for name in old if name not in kept)]
                self.writes.append(f"labels of #{number}: {' '.join(signs)}")

    def ensure_assignee(self, number: int, login: str) -> bool:
        """Assign `login`. Whoever may triage, opened the pull request or spoke in it can be assigned."""
        with self._lock:
            thread = self._thread(number)
            if login in thread.pull.assignees:
                return True
            present = {thread.pull.author, *(comment.author for comment in thread.comments)}
            if self.permission(login) in ("none", "read") and login not in present:
                return False
            self._update(number, assignees=(*thread.pull.assignees, login))
            self.writes.append(f"assign {login} to #{number}")
            return True

    def _comment(self, comment_id: int) -> Comment:
        for thread in self._threads.values():
            for comment in thread.comments:
                if comment.id == comment_id:
                    return comment
        raise NotFound(f"{self.repository}: no comment {comment_id}")

    def _check_lines(self, number: int, suggestions: Sequence[Suggestion]) -> None:
        shown = {file.path: file.lines for file in self.changed_files(number)}
        for made in suggestions:
            spans = shown.get(made.path, ())
            if not any(first <= made.start_line <= made.line <= last for first, last in spans):
                where = f"{made.path}:{made.start_line}-{made.line}"
                raise ForgeError(f"{self.repository}: a review of pull request #{number}: {where} is not in the diff")
