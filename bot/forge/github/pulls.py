"""Pull requests: as they are, what they change, who wrote them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

from bot.forge.github.account import Account
from bot.forge.github.answers import login as login_of
from bot.forge.github.answers import seconds
from bot.forge.port import ChangedFile, ForgeError, NotFound, Permission, Pull, PullCommit

_PERMISSIONS: Final[dict[str, Permission]] = {
    "none": "none",
    "read": "read",
    "triage": "triage",
    "write": "write",
    "maintain": "write",
    "admin": "admin",
}
_STATUSES: Final = {"changed": "modified", "copied": "added"}
_HUNK = re.compile(r"^@@ -\d+(?:,\d+)? \+(\d+)(?:,(\d+))? @@", re.MULTILINE)


class Pulls(Account):
    """Reads about pull requests and people."""

    def pull(self, number: int) -> Pull:
        """Raises `NotFound`."""
        return self._pull(self._client.get(f"pulls/{number}", f"pull request #{number}", fresh=True))

    def open_pulls(self) -> list[Pull]:
        """All open pull requests, oldest first; see `Forge`."""
        found = self._client.listed("pulls", "the open pull requests", state="open", sort="created", direction="asc")
        return [self._pull(data) for data in found]

    def pull_of_commit(self, sha: str) -> Pull | None:
        """The merged pull request that brought this commit: the one whose merge it is, else the first that holds it."""
        path = f"commits/{quote(sha, safe='')}/pulls"
        pulls = [self._pull(data) for data in self._client.listed(path, f"the pull requests of commit {sha}")]
        merged = sorted((p for p in pulls if p.merged), key=lambda p: (p.merge_commit_sha != sha, p.number))
        return merged[0] if merged else None

    def changed_files(self, number: int) -> list[ChangedFile]:
        """Files that the pull request changes against its base; GitHub lists 3,000 at most."""
        found = self._client.listed(f"pulls/{number}/files", f"the files of pull request #{number}", fresh=True)
        return [_changed_file(data) for data in found]

    def commits(self, number: int) -> list[PullCommit]:
        """The commits that the pull request would bring, oldest first; GitHub lists 250 at most."""
        found = self._client.listed(f"pulls/{number}/commits", f"the commits of pull request #{number}", fresh=True)
        return [_pull_commit(data) for data in found]

    def has_merged(self, login: str) -> bool:
        """Whether a pull request of `login` was merged here. GitHub's search would know too, but 30 times a minute."""
        what = f"what {login!r} has contributed"
        try:
            found = self._client.listed("issues", what, creator=login, state="closed")
            return any((data.get("pull_request") or {}).get("merged_at") for data in found)
        except NotFound:  # no such account
            return False

    def permission(self, login: str) -> Permission:
        """What `login` may do here; a custom role counts as the standard one it is built on."""
        path = f"collaborators/{quote(login, safe='')}/permission"
        data = self._client.get(path, f"the permission of {login!r}")
        for answer in (data.get("role_name"), data.get("permission")):
            if answer in _PERMISSIONS:
                return _PERMISSIONS[answer]
        raise ForgeError(f"{self._repository}: the permission of {login!r} is unknown to this program: {data}")

    def _pull(self, data: Mapping[str, Any]) -> Pull:
        merged = data["merged_at"] is not None
        home = (data["head"].get("repo") or {}).get("full_name", "")
        return Pull(
            number=data["number"],
            title=data["title"],
            author=login_of(data["user"]),
            state=data["state"],
            draft=bool(data.get("draft")),
            merged=merged,
            head_sha=data["head"]["sha"],
            base_ref=data["base"]["ref"],
            base_sha=data["base"]["sha"],
            # Of an open pull request this is GitHub's trial merge, which no branch holds.
            merge_commit_sha=data["merge_commit_sha"] if merged else None,
            url=data["html_url"],
            body=data.get("body") or "",
            head_ref=data["head"]["ref"],
            head_repository=home,
            editable=home.casefold() == self._repository.casefold() or bool(home and data.get("maintainer_can_modify")),
            labels=tuple(label["name"] for label in data.get("labels") or ()),
            assignees=tuple(map(login_of, data.get("assignees") or ())),
            created_at=seconds(data["created_at"]),
            updated_at=seconds(data["updated_at"]),
        )


def _changed_file(data: Mapping[str, Any]) -> ChangedFile:
    status = data["status"]
    return ChangedFile(
        path=data["filename"],
        status=_STATUSES.get(status, status),
        sha=None if status == "removed" else data["sha"],
        previous=data.get("previous_filename") if status == "renamed" else None,
        lines=tuple(_shown(data.get("patch") or "")),
    )


def _shown(patch: str) -> Iterator[tuple[int, int]]:
    """Lines of the head that a patch shows, context included. GitHub sends none of binary and of very large files."""
    for first, count in _HUNK.findall(patch):
        length = int(count) if count else 1
        if length:
            yield int(first), int(first) + length - 1


def _pull_commit(data: Mapping[str, Any]) -> PullCommit:
    author = data["commit"].get("author") or {}
    return PullCommit(
        sha=data["sha"],
        author_name=author.get("name") or "",
        author_email=author.get("email") or "",
        message=data["commit"]["message"],
        merge=len(data["parents"]) > 1,
    )
