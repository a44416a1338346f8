"""A commit on a pull request's own branch, by the Git Data API: blobs, tree, commit, branch."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from bot.forge.github.answers import normal
from bot.forge.github.files import Files
from bot.forge.github.pulls import Pulls
from bot.forge.port import Forbidden, ForgeError, NotFound, Pull

_MODES: Final = ("100644", "100755")


class Commits(Pulls, Files):
    """Writes to the head repository, which may be a fork."""

    def commit_files(self, number: int, parent: str, files: Mapping[str, bytes | None], message: str) -> str:
        """Put a commit with these files on top of `parent`; see `Forge`. Files keep their executable bit."""
        return self._client.settle(
            ("commits", number), lambda: self._commit_files(self.pull(number), parent, files, message)
        )

    def _commit_files(self, pull: Pull, parent: str, files: Mapping[str, bytes | None], message: str) -> str:
        what = f"a commit on the head branch of pull request #{pull.number}"
        if not (pull.head_repository and pull.editable):
            raise Forbidden(f"{self._repository}: {what}: its author does not let us push there")
        home = f"/repos/{pull.head_repository}/git"
        branch = quote(f"heads/{pull.head_ref}", safe="")
        try:
            head = str(self._client.get(f"{home}/ref/{branch}", what)["object"]["sha"])
            tip = self._client.get(f"{home}/commits/{head}", what)
            if [p["sha"] for p in tip["parents"]][:1] == [parent] and normal(tip["message"]) == normal(message):
                return head
            if head != parent:
                raise ForgeError(f"{self._repository}: {what}: the branch has moved on from {parent} to {head}")
            tree = self._write_tree(home, parent, tip["tree"]["sha"], files, what)
            wanted = {"message": message, "tree": tree, "parents": [parent]}
            made = str(self._client.write("POST", f"{home}/commits", what, wanted)["sha"])
            # Not forced: a push in between makes this fail, and is not lost.
            self._client.write("PATCH", f"{home}/refs/{branch}", what, {"sha": made, "force": False})
        except NotFound as error:  # GitHub does not say of what is hidden from us that it is there
            raise Forbidden(str(error)) from error
        return made

    def _write_tree(self, home: str, parent: str, base: str, files: Mapping[str, bytes | None], what: str) -> str:
        present = self.tree(parent)
        entries: list[dict[str, Any]] = []
        for path, content in files.items():
            old = present.entries.get(path)
            mode = old.mode if old is not None and old.mode in _MODES else _MODES[0]
            entry = {"path": path, "mode": mode, "type": "blob"}
            if content is not None:
                sha = self._write_blob(home, content, what)
                entries.append({**entry, "sha": sha})
            elif old is not None or not present.complete:
                entries.append({**entry, "sha": None})
        if not entries:
            return base
        return str(self._client.write("POST", f"{home}/trees", what, {"base_tree": base, "tree": entries})["sha"])

    def _write_blob(self, home: str, content: bytes, what: str) -> str:
        body = {"content": base64.b64encode(content).decode(), "encoding": "base64"}
        return str(self._client.write("POST", f"{home}/blobs", what, body)["sha"])
