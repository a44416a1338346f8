"""Webhook deliveries: logged first, then sent in order by one thread. Never retried by itself, as on GitHub."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import threading
import time
import urllib.parse
import uuid
from collections.abc import Callable

from bot.localhub.db import Database
from bot.localhub.models import Delivery, Hook

TIMEOUT_S = 10.0
_KEPT_RESPONSE = 64 * 1024


def signature(secret: str, body: bytes) -> str:
    """The value of `X-Hub-Signature-256`."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


class Deliveries:
    """The delivery log and the thread that sends what waits in it."""

    def __init__(self, db: Database, clock: Callable[[], float]) -> None:
        self._db = db
        self._clock = clock
        self._changed = threading.Condition()
        self._version = 1  # grows with every change of the log; 1: deliveries may wait from an earlier process
        self._stopping = False
        self._thread: threading.Thread | None = None

    def record(self, hook: Hook, event: str, payload: dict[str, object]) -> int:
        """Put one delivery into the log; it is sent once the surrounding transaction has committed."""
        body = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
        action = payload.get("action")
        return self._insert(hook, str(uuid.uuid4()), event, str(action) if action else None, body, redelivery=0)

    def redeliver(self, hook: Hook, delivery: Delivery) -> int:
        """Send the same body with the same GUID again, as a new entry of the log."""
        return self._insert(hook, delivery.guid, delivery.event, delivery.action, delivery.body, redelivery=1)

    def _insert(self, hook: Hook, guid: str, event: str, action: str | None, body: bytes, *, redelivery: int) -> int:
        headers = {
            "Accept": "*/*",
            "Content-Type": "application/json",
            "User-Agent": "GitHub-Hookshot/localhub",
            "X-GitHub-Delivery": guid,
            "X-GitHub-Event": event,
            "X-GitHub-Hook-ID": str(hook.id),
            "X-GitHub-Hook-Installation-Target-ID": str(hook.repository_id),
            "X-GitHub-Hook-Installation-Target-Type": "repository",
            "X-Hub-Signature-256": signature(hook.secret, body),
        }
        delivery_id = self._db.insert(
            "deliveries", hook_id=hook.id, guid=guid, event=event, action=action, body=body, redelivery=redelivery,
            created_at=self._clock(), delivered_at=None, duration=0.0, status="pending", status_code=0,
            request_headers=json.dumps(headers), response_headers="{}", response_body="",
        )  # fmt: skip
        self._notify()
        return delivery_id

    def listed(self, hook: Hook, *, below: int | None = None, limit: int = 30) -> list[Delivery]:
        """The log of a hook, newest first, with ids under `below`."""
        query = "SELECT * FROM deliveries WHERE hook_id = ? AND id < ? ORDER BY id DESC LIMIT ?"
        return self._db.rows(Delivery, query, hook.id, below or 2**62, limit)

    def get(self, hook: Hook, delivery_id: int) -> Delivery | None:
        """One entry of the log."""
        query = "SELECT * FROM deliveries WHERE hook_id = ? AND id = ?"
        return self._db.row(Delivery, query, hook.id, delivery_id)

    def start(self) -> None:
        """Begin to send; what waited from before goes first."""
        if self._thread is None:
            self._stopping = False
            self._thread = threading.Thread(target=self._work, name="localhub-deliveries", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Finish the request under way and stop; the rest waits in the log."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(TIMEOUT_S + 1)
            self._thread = None

    def wait_idle(self, timeout: float) -> bool:
        """Wait until nothing waits to be sent; False when that takes longer than `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while True:
            seen = self._version
            if self._db.value("SELECT 1 FROM deliveries WHERE delivered_at IS NULL") is None:
                return True
            # The lock is not held while the database is asked: a writer holds the database when it calls _notify.
            with self._changed:
                if not self._changed.wait_for(lambda: self._version != seen, deadline - time.monotonic()):  # noqa: B023
                    return False

    def _notify(self) -> None:
        with self._changed:
            self._version += 1
            self._changed.notify_all()

    def _work(self) -> None:
        seen = 0
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._version != seen or self._stopping)  # noqa: B023
                if self._stopping:
                    return
                seen = self._version
            self._send_waiting()

    def _send_waiting(self) -> None:
        query = "SELECT * FROM deliveries WHERE delivered_at IS NULL ORDER BY id LIMIT 1"
        while not self._stopping:
            delivery = self._db.row(Delivery, query)
            if delivery is None:
                return
            self._send(delivery)
            self._notify()

    def _send(self, delivery: Delivery) -> None:
        url = self._db.value("SELECT url FROM hooks WHERE id = ?", delivery.hook_id)
        started = time.monotonic()
        try:
            if url is None:
                raise OSError("the hook was deleted")
            code, headers, text = post(str(url), json.loads(delivery.request_headers), delivery.body)
            status = "OK" if 200 <= code < 300 else f"Invalid HTTP Response: {code}"
        except TimeoutError:
            code, headers, text, status = 0, {}, "", "timed out"
        except (OSError, http.client.HTTPException, ValueError) as error:
            code, headers, text, status = 0, {}, str(error), "failed to connect to host"
        self._db.update(
            "deliveries", delivery.id, delivered_at=self._clock(), duration=round(time.monotonic() - started, 3),
            status=status, status_code=code, response_headers=json.dumps(headers), response_body=text,
        )  # fmt: skip


def post(url: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], str]:
    """One POST without following redirects; status, headers and the beginning of the answer."""
    parts = urllib.parse.urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=TIMEOUT_S)
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", target, body, headers)
        response = connection.getresponse()
        text = response.read(_KEPT_RESPONSE).decode(errors="replace")
        return response.status, dict(response.getheaders()), text
    finally:
        connection.close()
