"""HTTP to a server that speaks OpenAI's protocol: bounded, without redirects, and with no key in any message."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit, urlunsplit
from urllib.request import getproxies, proxy_bypass

from pipeline.teacher.openai_faults import Fault, fault_of
from pipeline.teacher.openai_wire import Garbled, ModelCard, cards_of
from pipeline.teacher.port import TeacherError
from pipeline.teacher.words import one_line

if TYPE_CHECKING:
    from aiohttp import ClientSession

MOST_BYTES = 16 << 20
"""No answer is longer; a longer one is refused."""
_CHUNK = 1 << 16
_CONNECT_S = 10.0
_LISTING_S = 30.0
_NEXT_STEP = "Check SEEDBED_TEACHER_URL, and that the server runs and is reachable from here"


class Server:
    """One server and the way to reach it. aiohttp takes half a second to import, so nothing here does unasked.

    aiohttp, because httpx's pool looks through all its connections at each request: with 128 in flight, a
    thousand requests cost it 5.0 s of a core, and aiohttp 0.6 s.
    """

    def __init__(self, base_url: str, api_key: str, timeout_s: float) -> None:
        """`timeout_s`: for one whole answer. Raises `TeacherError` for an address that is none."""
        try:
            parts = urlsplit(base_url.strip())
            host, port = parts.hostname, parts.port
        except ValueError:
            host = port = None
        if not host or parts.scheme not in ("http", "https"):
            raise TeacherError(
                "The teacher's address must read like http://localhost:8000/v1; see SEEDBED_TEACHER_URL."
            )
        netloc = f"[{host}]" if ":" in host else host
        netloc = f"{netloc}:{port}" if port else netloc
        self.url = urlunsplit((parts.scheme, netloc, parts.path.rstrip("/") or "/v1", "", ""))
        """The address, without a slash at the end and without the password that it was given with."""
        self._timeout_s = timeout_s
        self._secrets = [secret for secret in (api_key, unquote(parts.password or ""), parts.password) if secret]
        self._headers = {"accept-encoding": "identity", "content-type": "application/json"}
        if api_key:
            self._headers["authorization"] = f"Bearer {api_key}"
        elif parts.username:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self._headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        self._proxy = None if proxy_bypass(host) else getproxies().get(parts.scheme)

    def models(self) -> list[ModelCard]:
        """What `/v1/models` lists; nothing where the server has no such page. Waits. Raises `TeacherError`."""
        with ThreadPoolExecutor(1) as thread:  # the caller may stand on an event loop
            reply = thread.submit(asyncio.run, self._listing()).result()
        if isinstance(reply, bytes):
            try:
                return cards_of(reply)
            except Garbled as error:
                raise TeacherError(
                    f"{self.url} is no OpenAI-compatible server: {error}. "
                    "Check SEEDBED_TEACHER_URL, which mostly ends in /v1."
                ) from error
        if reply.status == 404:
            return []
        step = "Set SEEDBED_TEACHER_KEY to a key that it takes" if reply.status in (401, 403) else _NEXT_STEP
        raise TeacherError(f"{self.url} does not tell its models: {reply.words.rstrip('.')}. {step}.")

    def wire(self) -> Wire:
        """Connections for the running event loop."""
        from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector

        session = ClientSession(
            connector=TCPConnector(limit=0),
            headers=self._headers,
            cookie_jar=DummyCookieJar(),
            timeout=ClientTimeout(total=None, sock_connect=_CONNECT_S),
        )
        return Wire(session, self._proxy, self._masked)

    async def ask(self, wire: Wire, body: bytes) -> bytes | Fault:
        """Post a chat request; the body of its answer, or why there is none. Raises nothing but cancellation."""
        return await wire.send("POST", f"{self.url}/chat/completions", self._timeout_s, body)

    async def _listing(self) -> bytes | Fault:
        wire = self.wire()
        try:
            return await wire.send("GET", f"{self.url}/models", _LISTING_S)
        finally:
            await wire.close()

    def _masked(self, fault: Fault) -> Fault:
        """Without our key, which servers like to repeat."""
        words = fault.words
        for secret in self._secrets:
            words = words.replace(secret, "***")
        return replace(fault, words=words)


class Wire:
    """Connections that belong to one event loop."""

    def __init__(self, session: ClientSession, proxy: str | None, masked: Callable[[Fault], Fault]) -> None:
        self._session, self._proxy, self._masked = session, proxy, masked

    async def send(self, method: str, url: str, timeout_s: float, body: bytes | None = None) -> bytes | Fault:
        """The body of a reply with status 200, or why there is none. Raises nothing but cancellation."""
        from aiohttp import ClientError

        data = bytearray()
        try:
            async with (
                asyncio.timeout(timeout_s),
                self._session.request(method, url, data=body, proxy=self._proxy, allow_redirects=False) as reply,
            ):
                async for part in reply.content.iter_chunked(_CHUNK):
                    data += part
                    if len(data) > MOST_BYTES:
                        return Fault("error", f"the answer is longer than {MOST_BYTES >> 20} MiB")
        except (ClientError, ValueError, OSError) as error:
            if type(error) is TimeoutError:  # ours; aiohttp's own, of connecting, is another class
                return Fault("silent", f"no answer in {timeout_s:g} s", slow=True)
            return self._masked(Fault("silent", one_line(f"{type(error).__name__}: {error}")))
        if reply.status == 200:
            return bytes(data)
        headers = {name.lower(): value for name, value in reply.headers.items()}
        return self._masked(fault_of(reply.status, headers, bytes(data)))

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()
