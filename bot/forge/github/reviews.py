"""Reviews: other people's, and ours with suggested changes."""

from __future__ import annotations

from collections.abc import Sequence

from bot.forge.github.account import Account
from bot.forge.github.answers import login as login_of
from bot.forge.limits import check_marker
from bot.forge.port import Review, Suggestion


class Reviews(Account):
    """Our review is found again by our login and the marker that it begins with."""

    def ensure_review(
        self, number: int, head_sha: str, marker: str, body: str, suggestions: Sequence[Suggestion]
    ) -> int:
        """Our one review with `marker`; see `Forge`. `ValueError` if `body` does not begin with the marker."""
        check_marker(marker, body)
        wanted = {
            "commit_id": head_sha,
            "event": "COMMENT",
            "body": body,
            "comments": [_comment(suggestion) for suggestion in suggestions],
        }

        def ensure() -> int:
            for review in self.reviews(number):
                if review.body.startswith(marker) and self._is_ours(review.author):
                    return review.id
            what = f"a review of pull request #{number}"
            return int(self._client.write("POST", f"pulls/{number}/reviews", what, wanted, fresh=True)["id"])

        return self._client.settle(("reviews", number), ensure)

    def reviews(self, number: int) -> list[Review]:
        """All submitted reviews, oldest first."""
        found = self._client.listed(f"pulls/{number}/reviews", f"the reviews of pull request #{number}", fresh=True)
        return [
            Review(
                id=data["id"],
                author=login_of(data["user"]),
                state=data["state"].lower(),
                sha=data.get("commit_id") or "",
                body=data.get("body") or "",
            )
            for data in found
            if data["state"] != "PENDING"
        ]


def _comment(suggestion: Suggestion) -> dict[str, str | int]:
    """GitHub answers 422 to a span of one line."""
    span: dict[str, str | int] = {}
    if suggestion.start_line < suggestion.line:
        span = {"start_line": suggestion.start_line, "start_side": "RIGHT"}
    return {"path": suggestion.path, **span, "line": suggestion.line, "side": "RIGHT", "body": suggestion.body}
