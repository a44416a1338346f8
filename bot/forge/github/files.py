"""What lies in the repository: trees, files, blobs, branches."""

from __future__ import annotations

import base64
import json
from typing import Final
from urllib.parse import quote

import requests

from bot.forge.github.account import Account
from bot.forge.port import NotFound, Tree, TreeEntry

ENVELOPE_BYTES: Final = 4096
"""What a blob's JSON form may need besides its base64, which takes less than twice the content."""


class Files(Account):
    """Reads of git's objects. Nothing is checked out."""

    def tree(self, commit: str) -> Tree:
        """All files at a commit, in one request; GitHub cuts the list at 100,000 entries or 7 MB."""
        data = self._client.get(f"git/trees/{quote(commit, safe='')}", f"the tree of commit {commit}", recursive=1)
        files = {item["path"]: TreeEntry(item["mode"], item["sha"]) for item in data["tree"] if item["type"] != "tree"}
        return Tree(files, complete=not data.get("truncated"))

    def file(self, commit: str, path: str, *, limit: int) -> bytes | None:
        """Content of the file at a path of a commit; None where there is none, or one of more than `limit` bytes."""
        try:
            found = self._client.get(f"contents/{quote(path)}", f"{path} at commit {commit}", ref=commit)
        except NotFound:
            return None
        if isinstance(found, list) or found["type"] != "file" or found["size"] > limit:
            return None
        return base64.b64decode(found["content"])

    def blob(self, sha: str, *, limit: int) -> bytes | None:
        """Content by blob sha, or None if larger than `limit`.

        Reads the raw form as a stream and drops it at the limit. A server that knows no raw form answers in JSON.
        """

        def read(response: requests.Response) -> bytes | None:
            if response.headers.get("Content-Type", "").partition(";")[0] != "application/json":
                return _read(response, limit)
            envelope = _read(response, ENVELOPE_BYTES + 2 * limit)
            content = None if envelope is None else base64.b64decode(json.loads(envelope)["content"])
            return content if content is not None and len(content) <= limit else None

        path, accept = f"git/blobs/{quote(sha, safe='')}", "application/vnd.github.raw+json"
        return self._client.download(path, f"blob {sha}", accept, read)

    def branch_head(self, branch: str) -> str:
        """Commit sha. Raises `NotFound`."""
        return str(self._client.get(f"branches/{quote(branch)}", f"branch {branch!r}")["commit"]["sha"])


def _read(response: requests.Response, limit: int) -> bytes | None:
    """The body, or None as soon as it proves longer than `limit`."""
    content = bytearray()
    for chunk in response.iter_content(65_536):
        content += chunk
        if len(content) > limit:
            return None
    return bytes(content)
