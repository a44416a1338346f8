"""The front's process: listen, keep the champion behind it, end in order."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable
from contextlib import suppress

from pipeline.serving.desk import Desk
from pipeline.serving.front import Front
from pipeline.serving.keeper import Keeper
from pipeline.serving.port import ServeError

log = logging.getLogger(__name__)


async def serve(
    keeper: Keeper, desk: Desk, host: str, port: int, *, ready: Callable[[int], None] = lambda _: None
) -> None:
    """Serve until SIGTERM or SIGINT; then take no more, let what runs finish, and end the engine.

    `port` 0: any; `ready` hears which, once the first engine answers. Raises `ServeError` where the address is taken,
    or the first engine does not start.
    """
    from aiohttp import web

    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, stopped.set)
    front = Front(desk, keeper)
    patience = keeper.patience.drain
    # Whoever left is not answered any more: the engine then drops the request, too.
    runner = web.AppRunner(front.application(), access_log=None, handler_cancellation=True, shutdown_timeout=patience)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await _listen(site, host, port)
        tasks = [loop.create_task(_keep(keeper, lambda: ready(_port(site)))), loop.create_task(stopped.wait())]
        done, rest = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in rest:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        for task in done:
            task.result()
    finally:
        await runner.cleanup()  # waits for the requests that are open
        await keeper.end()


async def _listen(site: object, host: str, port: int) -> None:
    try:
        await site.start()  # type: ignore[attr-defined]
    except OSError as error:
        raise ServeError(f"{host}:{port} cannot be listened on: {error.strerror or error}; see --port") from error


async def _keep(keeper: Keeper, ready: Callable[[], None]) -> None:
    await keeper.begin()
    ready()
    await keeper.run()


def _port(site: object) -> int:
    server = site._server  # type: ignore[attr-defined]  # aiohttp tells it nowhere else
    return int(server.sockets[0].getsockname()[1])
