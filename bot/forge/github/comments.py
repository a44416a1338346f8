"""The conversation: comments and reactions."""

from __future__ import annotations

from bot.forge.github.account import Account
from bot.forge.github.answers import login as login_of
from bot.forge.github.answers import normal
from bot.forge.limits import check_marker
from bot.forge.port import Comment, Forbidden, Reaction


class Comments(Account):
    """Our comments are found again by our login and the marker that they begin with."""

    def ensure_comment(self, number: int, marker: str, body: str) -> int:
        """Make our one comment with `marker` read `body`; `ValueError` if `body` does not begin with the marker."""
        check_marker(marker, body)
        return self._client.settle(("comments", number), lambda: self._ensure_comment(number, marker, body))

    def find_comment(self, number: int, marker: str) -> Comment | None:
        """Our own comment that begins with `marker`, the oldest if there are several."""
        for found in self._client.listed(
            f"issues/{number}/comments", f"the comments of pull request #{number}", fresh=True
        ):
            author = login_of(found["user"])
            if found["body"].startswith(marker) and self._is_ours(author):
                return Comment(found["id"], author, found["body"])
        return None

    def comment(self, number: int, body: str) -> int:
        """Write a new comment; returns its id."""
        path, what = f"issues/{number}/comments", f"a comment on pull request #{number}"
        return int(self._client.write("POST", path, what, {"body": body}, fresh=True)["id"])

    def minimize(self, comment_id: int) -> None:
        """Fold one of our comments away; raises `Forbidden` for another's."""
        what = f"comment {comment_id}"
        found = self._client.get(f"issues/comments/{comment_id}", what, fresh=True)
        if not self._is_ours(login_of(found["user"])):
            raise Forbidden(f"{self._repository}: {what} is not by {self.login}")
        wanted = {"subjectId": found["node_id"], "classifier": "OUTDATED"}
        self._client.mutate("minimizeComment", wanted, "minimizedComment { isMinimized }", what)

    def react(self, comment_id: int, reaction: Reaction) -> None:
        """Acknowledge a comment; GitHub keeps one reaction of a kind per account."""
        path, what = f"issues/comments/{comment_id}/reactions", f"a reaction to comment {comment_id}"
        self._client.write("POST", path, what, {"content": reaction}, fresh=True)

    def _ensure_comment(self, number: int, marker: str, body: str) -> int:
        found = self.find_comment(number, marker)
        if found is None:
            return self.comment(number, body)
        if normal(found.body) != normal(body):
            path, what = f"issues/comments/{found.id}", f"comment {found.id} on #{number}"
            self._client.write("PATCH", path, what, {"body": body}, fresh=True)
        return found.id
