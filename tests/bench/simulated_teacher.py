"""A server that speaks OpenAI's protocol, answers in the form asked for, and takes as long as a measured engine would.

usage: python -m tests.bench.simulated_teacher [--port N] [--speed-up K] [--leaves FOLDER …]

Serves `/v1/models`, `/v1/completions` (a prompt or a list, `n`) and `/v1/chat/completions` (JSON Schema). Output takes
the time of `generate_speed` for all sequences in flight; prompts cost nothing, for both sides alike, which spares the
side that repeats itself most. `POST /reset` sets the counters to zero, `GET /report` tells them (generate_meter.py).
Prints its port, and ends with the process that holds its standard input.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.bench import generate_replies as replies
from tests.bench.generate_meter import Meter
from tests.bench.generate_replies import Reply, Seeds
from tests.bench.generate_speed import SimulatedEngine
from tests.bench.generate_texts import tokens

MODEL = "simulated"
CONTEXT_TOKENS = 32_768


class SimulatedTeacher:
    """The engine, its meter, and the pages in front of them. Make it on a running event loop."""

    def __init__(self, speed_up: float, known: Seeds) -> None:
        self.speed_up, self.known = speed_up, known
        self.meter = Meter()
        self.engine = SimulatedEngine(speed_up, lambda count: self.meter.in_flight(count))

    def app(self) -> web.Application:
        """The web application."""
        app = web.Application(client_max_size=64 << 20)
        app.add_routes(
            [
                web.get("/v1/models", self.models),
                web.post("/v1/completions", self._page(self.completions)),
                web.post("/v1/chat/completions", self._page(self.chat)),
                web.post("/reset", self.reset),
                web.get("/report", self.report),
            ]
        )
        return app

    async def models(self, request: web.Request) -> web.Response:
        """One model, with its context."""
        card = {"id": MODEL, "object": "model", "owned_by": "vllm", "max_model_len": CONTEXT_TOKENS}
        return web.json_response({"object": "list", "data": [card]})

    async def reset(self, request: web.Request) -> web.Response:
        """Count from zero, with empty prefix caches."""
        self.meter = Meter()
        return web.json_response({})

    async def report(self, request: web.Request) -> web.Response:
        """What was counted since."""
        return web.json_response(self.meter.report(self.speed_up))

    async def chat(self, body: dict[str, Any]) -> dict[str, Any]:
        """A chat completion for each of `n`."""
        prompt = "".join(f"<|im_start|>{turn['role']}\n{turn['content']}<|im_end|>\n" for turn in body["messages"])
        schema = body.get("response_format", {}).get("json_schema", {}).get("schema")

        def reply(seed: object) -> Reply:
            return replies.chat_reply(body["messages"], schema, seed, self.known)

        choices, usage = await self._written(body, [(prompt, reply)])
        messages = [{**choice, "message": {"role": "assistant", "content": choice.pop("text")}} for choice in choices]
        return {"id": "chatcmpl-1", "object": "chat.completion", "model": MODEL, "choices": messages, "usage": usage}

    async def completions(self, body: dict[str, Any]) -> dict[str, Any]:
        """Completions of each prompt, `n` of the first before those of the second."""
        prompts = [body["prompt"]] if isinstance(body["prompt"], str) else body["prompt"]
        wanted = [(prompt, _completing(prompt)) for prompt in prompts]
        choices, usage = await self._written(body, wanted)
        return {"id": "cmpl-1", "object": "text_completion", "model": MODEL, "choices": choices, "usage": usage}

    async def _written(
        self, body: dict[str, Any], wanted: Sequence[tuple[str, Callable[[object], Reply]]]
    ) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        count = int(body.get("n") or 1)
        most = int(body.get("max_tokens") or body.get("max_completion_tokens") or 16)
        self.meter.requests += 1
        made, cached, read = [], 0, 0
        for prompt, reply in wanted:
            found = [reply((body.get("seed"), number)) for number in range(count)]
            cut = tokens(prompt)
            read, cached = read + len(cut), cached + self.meter.asked(cut, count, found[0].kind)
            made += [_limited(one.text, most, body.get("stop")) for one in found]
        lengths = await _all(self._write(length) for _, length, _ in made)
        choices = [
            {"index": index, "text": text, "finish_reason": reason, "logprobs": None}
            for index, (text, _, reason) in enumerate(made)
        ]
        written = sum(lengths)
        usage = {
            "prompt_tokens": read,
            "completion_tokens": written,
            "total_tokens": read + written,
            "prompt_tokens_details": {"cached_tokens": cached},
        }
        return choices, usage

    async def _write(self, length: int) -> int:
        await self.engine.write(length)
        self.meter.answered(length)
        return length

    def _page(
        self, answer: Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def page(request: web.Request) -> web.Response:
            try:
                return web.json_response(await answer(await request.json()))
            except asyncio.CancelledError:  # the client left: its places are free again
                self.meter.cancelled += 1
                raise

        return page


async def _all(writing: Iterable[Coroutine[Any, Any, int]]) -> list[int]:
    """As `gather`; when it is cancelled, so is each of them."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one) for one in writing]
    return [task.result() for task in tasks]


def _completing(prompt: str) -> Callable[[object], Reply]:
    return lambda seed: replies.completion_reply(prompt, seed)


def _limited(text: str, most: int, stop: str | list[str] | None) -> tuple[str, int, str]:
    """(text, output tokens with the one that ends it, finish reason)."""
    for mark in [stop] if isinstance(stop, str) else stop or []:
        text = text.split(mark, 1)[0]
    length = len(tokens(text)) + 1
    if length <= most:
        return text, length, "stop"
    return text[: len(text) * most // length], most, "length"


async def serve(port: int, speed_up: float, leaves: Sequence[Path]) -> None:
    """Serve on 127.0.0.1 until standard input ends. `port` 0: any that is free."""
    teacher = SimulatedTeacher(speed_up, replies.seeds_of(leaves))
    runner = web.AppRunner(teacher.app(), access_log=None, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port, backlog=1024)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    ended, loop = asyncio.Event(), asyncio.get_running_loop()

    def wait_for_parent() -> None:
        sys.stdin.read()
        loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=wait_for_parent, daemon=True).start()
    await ended.wait()
    await runner.cleanup()


def main() -> None:
    """See above."""
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--port", type=int, default=0)
    ap.add_argument("--speed-up", type=float, default=1.0)
    ap.add_argument("--leaves", type=Path, nargs="*", default=[], help="folders whose seeds the judge knows to be good")
    args = ap.parse_args()
    asyncio.run(serve(args.port, args.speed_up, args.leaves))


if __name__ == "__main__":
    main()
