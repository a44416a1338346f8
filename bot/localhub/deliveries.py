"""Webhook deliveries: logged first, then sent in order, one thread a hook. Never retried by itself, as on GitHub."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
import uuid
from collections.abc import Callable
from typing import Literal

from bot.localhub.db import Database
from bot.localhub.faults import Faults
from bot.localhub.models import Delivery, Hook
from bot.localhub.sending import TIMEOUT_S, Outcome, Sender

Seen = Literal["all", "sent", "success", "failure"]
_WHERE: dict[Seen, str] = {
    "all": "",
    "sent": "AND delivered_at IS NOT NULL",
    "success": "AND status = 'OK'",
    "failure": "AND delivered_at IS NOT NULL AND status != 'OK'",
}
_BATCH = 50


def signature(secret: str, body: bytes) -> str:
    """The value of `X-Hub-Signature-256`."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


class Deliveries:
    """The delivery log and the threads that send what waits in it: what one hook gets never waits for another's."""

    def __init__(self, db: Database, clock: Callable[[], float], faults: Faults) -> None:
        self._db = db
        self._clock = clock
        self._faults = faults
        self._changed = threading.Condition()
        self._version = 1  # grows with every change of the log; 1: deliveries may wait from an earlier process
        self._running = False
        self._threads: dict[int, threading.Thread] = {}

    def record(
        self, hook: Hook, event: str, payload: dict[str, object], *, installation_id: int | None = None,
        repository_id: int | None = None,
    ) -> int:  # fmt: skip
        """Put one delivery into the log; it is sent once the surrounding transaction has committed.

        An App's hook hears of many: `installation_id` and `repository_id` say of which.
        """
        body = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
        action = payload.get("action")
        guid = str(uuid.uuid4())
        headers = {
            "Accept": "*/*",
            "Content-Type": "application/json",
            "User-Agent": "GitHub-Hookshot/localhub",
            "X-GitHub-Delivery": guid,
            "X-GitHub-Event": event,
            "X-GitHub-Hook-ID": str(hook.id),
            "X-GitHub-Hook-Installation-Target-ID": str(hook.app_id or hook.repository_id),
            "X-GitHub-Hook-Installation-Target-Type": "integration" if hook.app_id else "repository",
            "X-Hub-Signature-256": signature(hook.secret, body),
        }
        return self._insert(
            hook, headers, guid=guid, event=event, action=str(action) if action else None, body=body, redelivery=0,
            installation_id=installation_id, repository_id=hook.repository_id or repository_id,
        )  # fmt: skip

    def redeliver(self, hook: Hook, delivery: Delivery) -> int:
        """Send the same body with the same GUID again, as a new entry of the log; signed with today's secret."""
        headers = {**json.loads(delivery.request_headers), "X-Hub-Signature-256": signature(hook.secret, delivery.body)}
        return self._insert(
            hook, headers, guid=delivery.guid, event=delivery.event, action=delivery.action, body=delivery.body,
            redelivery=1, installation_id=delivery.installation_id, repository_id=delivery.repository_id,
        )  # fmt: skip

    def _insert(self, hook: Hook, headers: dict[str, str], **columns: str | bytes | int | None) -> int:
        delivery_id = self._db.insert(
            "deliveries", hook_id=hook.id, **columns, created_at=self._clock(), delivered_at=None, duration=0.0,
            status="pending", status_code=0, request_headers=json.dumps(headers), response_headers="{}",
            response_body="",
        )  # fmt: skip
        with self._changed:
            self._changes()
            self._staff(hook.id)
        return delivery_id

    def listed(self, hook: Hook, *, below: int | None = None, limit: int = 30, seen: Seen = "all") -> list[Delivery]:
        """The log of a hook, newest first, with ids under `below`."""
        query = f"SELECT * FROM deliveries WHERE hook_id = ? AND id < ? {_WHERE[seen]} ORDER BY id DESC LIMIT ?"  # noqa: S608
        return self._db.rows(Delivery, query, hook.id, below or 2**62, limit)

    def get(self, hook: Hook, delivery_id: int) -> Delivery | None:
        """One entry of the log."""
        query = "SELECT * FROM deliveries WHERE hook_id = ? AND id = ?"
        return self._db.row(Delivery, query, hook.id, delivery_id)

    def start(self) -> None:
        """Begin to send; what waited from before goes first."""
        waiting = self._db.pairs("SELECT DISTINCT hook_id, '' FROM deliveries WHERE delivered_at IS NULL")
        with self._changed:
            self._running = True
            for hook_id in waiting:
                self._staff(int(hook_id))

    def stop(self) -> None:
        """Finish the requests under way and stop; the rest waits in the log."""
        with self._changed:
            self._running = False
            self._changed.notify_all()
            threads, self._threads = list(self._threads.values()), {}
        for thread in threads:
            thread.join(TIMEOUT_S + 1)

    def wait_idle(self, timeout: float) -> bool:
        """Wait until nothing waits to be sent; False when that takes longer than `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while True:
            seen = self._version
            if self._db.value("SELECT 1 FROM deliveries WHERE delivered_at IS NULL LIMIT 1") is None:
                return True
            # The lock is not held while the database is asked: a writer holds the database when it comes here.
            with self._changed:
                if not self._changed.wait_for(lambda: self._version != seen, deadline - time.monotonic()):  # noqa: B023
                    return False

    def _changes(self) -> None:
        self._version += 1
        self._changed.notify_all()

    def _staff(self, hook_id: int) -> None:
        if self._running and hook_id not in self._threads:
            name = f"localhub-deliveries-{hook_id}"
            thread = threading.Thread(target=self._work, args=(hook_id,), name=name, daemon=True)
            self._threads[hook_id] = thread
            thread.start()

    def _work(self, hook_id: int) -> None:
        seen = 0
        with Sender() as sender:
            while True:
                with self._changed:
                    self._changed.wait_for(lambda: self._version != seen or not self._running)  # noqa: B023
                    if not self._running:
                        return
                    seen = self._version
                self._send_waiting(hook_id, sender)

    def _send_waiting(self, hook_id: int, sender: Sender) -> None:
        query = "SELECT * FROM deliveries WHERE delivered_at IS NULL AND hook_id = ? ORDER BY id LIMIT ?"
        while waiting := self._db.rows(Delivery, query, hook_id, _BATCH):
            url = self._db.value("SELECT url FROM hooks WHERE id = ?", hook_id)
            for delivery in waiting:
                if not self._running:
                    return
                self._settle(delivery, self._send(sender, delivery, str(url or "")))

    def _send(self, sender: Sender, delivery: Delivery, url: str) -> Outcome:
        if not url:
            return Outcome("failed to connect to host", text="the hook was deleted, or has no address")
        if self._faults.drops(delivery.id):
            return Outcome("failed to connect to host", text="dropped on demand")
        headers = json.loads(delivery.request_headers)
        if self._faults.duplicates(delivery.id):
            sender.post(url, headers, delivery.body)
        return sender.post(url, headers, delivery.body)

    def _settle(self, delivery: Delivery, outcome: Outcome) -> None:
        self._db.update(
            "deliveries", delivery.id, delivered_at=self._clock(), duration=outcome.duration, status=outcome.status,
            status_code=outcome.code, response_headers=json.dumps(outcome.headers), response_body=outcome.text,
        )  # fmt: skip
        with self._changed:
            self._changes()
