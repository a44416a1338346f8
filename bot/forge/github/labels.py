"""Labels and assignees of a pull request."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from bot.forge.github.account import Account
from bot.forge.port import ForgeError, Label, NotFound


class Labels(Account):
    """Only differences are written."""

    def ensure_labels(self, number: int, *, add: Sequence[Label] = (), remove: Sequence[str] = ()) -> None:
        """Put labels on and take labels off; see `Forge`. GitHub's labels do not tell capitals from small letters."""
        self._client.settle(("labels", number), lambda: self._ensure_labels(number, add, remove))

    def ensure_assignee(self, number: int, login: str) -> bool:
        """Assign `login`. GitHub leaves out whom it does not let be assigned, and does not say so."""
        path, what = f"issues/{number}", f"the assignees of pull request #{number}"

        def ensure() -> bool:
            if _assigned(self._client.get(path, what, fresh=True), login):
                return True
            return _assigned(self._client.write("POST", f"{path}/assignees", what, {"assignees": [login]}), login)

        return self._client.settle(("assignees", number), ensure)

    def _ensure_labels(self, number: int, add: Sequence[Label], remove: Sequence[str]) -> None:
        path, what = f"issues/{number}/labels", f"the labels of pull request #{number}"
        present = {label["name"].casefold() for label in self._client.listed(path, what, fresh=True)}
        missing = [label for label in add if label.name.casefold() not in present]
        if missing:
            for label in missing:
                self._make(label)
            self._client.write("POST", path, what, {"labels": [label.name for label in missing]})
        for name in remove:
            if name.casefold() in present:
                self._take_off(f"{path}/{quote(name, safe='')}", what)

    def _make(self, label: Label) -> None:
        """In the repository; GitHub would make one without a colour of ours."""
        what = f"the label {label.name!r}"
        try:
            self._client.get(f"labels/{quote(label.name, safe='')}", what)
        except NotFound:
            wanted = {"name": label.name, "color": label.color, "description": label.description}
            try:
                self._client.write("POST", "labels", what, wanted)
            except ForgeError as error:
                if "already_exists" not in str(error):  # another pull request needed it at the same time
                    raise

    def _take_off(self, path: str, what: str) -> None:
        try:
            self._client.write("DELETE", path, what)
        except NotFound:  # somebody was faster
            return


def _assigned(issue: dict[str, list[dict[str, str]]], login: str) -> bool:
    return login.casefold() in {account["login"].casefold() for account in issue["assignees"]}
