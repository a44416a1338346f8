"""GitHub's log of the webhooks that it sent to us, for three days back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import takewhile
from typing import Any

from bot.forge.github.account import Account
from bot.forge.github.answers import seconds
from bot.forge.github.client import Client
from bot.forge.port import Forbidden, NotFound, Sent


class Deliveries(Account):
    """An App has one log for all its installations; the repository's webhook has one that its admins may read."""

    def deliveries(self, since: float) -> list[Sent]:
        """Attempts since then, newest first; see `Forge`."""
        log = self._log()
        if log is None:
            return []
        client, path = log
        found = client.listed(path, "the log of webhook deliveries")
        recent = takewhile(lambda data: seconds(data["delivered_at"]) >= since, found)
        return [_sent(data) for data in self._meant_for_us(recent)]

    def redeliver(self, sent: Sent) -> None:
        """Ask for one more attempt. Raises `NotFound` where there is no such log."""
        log = self._log()
        if log is None:
            raise NotFound(f"{self._repository}: no log of deliveries is open to this token")
        client, path = log
        client.write("POST", f"{path}/{sent.id}/attempts", f"webhook delivery {sent.id}")

    def _log(self) -> tuple[Client, str] | None:
        """Whom to ask for the log, and where it is."""
        if self._app is not None:
            return self._app, "/app/hook/deliveries"
        try:
            hooks = [hook for hook in self._client.listed("hooks", "the webhooks") if hook["active"]]
        except (NotFound, Forbidden):  # GitHub says either where the token has no admin permission
            return None
        ours = [hook for hook in hooks if hook["config"].get("url") == self._hook_url]
        ours = ours or (hooks if len(hooks) == 1 else [])
        return (self._client, f"hooks/{ours[0]['id']}/deliveries") if ours else None

    def _meant_for_us(self, found: Iterator[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
        """Without what is of other installations of the App, or of other repositories of ours: that is refused here,
        and would be asked for again in vain."""
        if not self.installation:
            return found
        repository = self._client.get("", "the repository")["id"]
        ours = (data for data in found if data["installation_id"] == self.installation)
        return (data for data in ours if data["repository_id"] in (None, repository))


def _sent(data: Mapping[str, Any]) -> Sent:
    return Sent(
        id=data["id"],
        guid=data["guid"],
        event=data["event"],
        ok=200 <= data["status_code"] < 300,
        at=seconds(data["delivered_at"]),
    )
