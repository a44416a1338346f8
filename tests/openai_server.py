"""A server that speaks OpenAI's chat protocol over HTTP, with any `Teacher` behind it, and bad days on demand."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from pipeline.teacher.openai import OpenAITeacher
from pipeline.teacher.port import ChatRequest, Completion, Message, Sampling, Teacher
from pipeline.teacher.scripted import ScriptedTeacher

Play = Callable[[int, dict[str, Any]], Awaitable[Response | None] | Response | None]
"""Called with a request's number from 0 and its JSON; what it returns is sent, None lets the teacher answer."""


def refuse(status: int, error: object, **headers: str) -> JSONResponse:
    """An error as OpenAI words it, or in whatever form `error` has."""
    return JSONResponse({"error": error}, status, {name.replace("_", "-"): value for name, value in headers.items()})


class OpenAIServer:
    """Serves `teacher` as `model` at `url`, on a loop in its own thread, until it is closed.

    `bodies`: the JSON of each request; `headers`: theirs. `dropped` is set when a client leaves before its answer.
    `card`: what `/v1/models` says besides the id, or what it sends instead.
    """

    def __init__(self, teacher: Teacher, model: str = "scripted", *, play: Play | None = None) -> None:
        self.teacher, self.model, self.play = teacher, model, play
        self.card: dict[str, Any] | Response = {"owned_by": "vllm", "max_model_len": teacher.context_tokens}
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.dropped, self.arrived = threading.Event(), threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/v1"
        config = uvicorn.Config(self._app(), log_level="critical", access_log=False, lifespan="off", loop="asyncio")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop at once, whoever still waits."""
        self._server.should_exit = self._server.force_exit = True
        self._thread.join()
        self._socket.close()

    def __enter__(self) -> OpenAIServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _app(self) -> FastAPI:
        app = FastAPI(openapi_url=None)

        @app.get("/v1/models")
        async def models() -> Response:
            if isinstance(self.card, Response):
                return self.card
            return JSONResponse({"object": "list", "data": [{"id": self.model, "object": "model", **self.card}]})

        @app.post("/v1/chat/completions")
        async def chat(request: Request) -> Response:
            body = json.loads(await request.body())
            number = len(self.bodies)
            self.bodies.append(body)
            self.headers.append(dict(request.headers))
            self.arrived.set()
            work = asyncio.ensure_future(self._reply(number, body))
            leaving = asyncio.ensure_future(_left(request))
            await asyncio.wait([work, leaving], return_when=asyncio.FIRST_COMPLETED)
            leaving.cancel()
            if not work.done():
                self.dropped.set()
                work.cancel()
                return Response(status_code=499)
            return await work

        return app

    async def _reply(self, number: int, body: dict[str, Any]) -> Response:
        if self.play is not None:
            played = self.play(number, body)
            if (reply := await played if isinstance(played, Awaitable) else played) is not None:
                return reply
        request = _request(body)
        completion = await self.teacher.answer(request)
        if completion.failed:
            context = f"This model's maximum context length is {self.teacher.context_tokens} tokens. {completion.error}"
            unfit = completion.finish_reason == "unfit"
            return refuse(400, {"message": context if unfit else completion.error, "type": "BadRequestError"})
        return JSONResponse(answer_of(completion))


class ScriptedOverHttp(OpenAITeacher):
    """A scripted teacher behind a server of its own, which ends with it."""

    def __init__(self) -> None:
        self._own = OpenAIServer(ScriptedTeacher())
        super().__init__(self._own.url, "scripted")

    def close(self) -> None:
        super().close()
        self._own.close()


def answer_of(completion: Completion) -> dict[str, Any]:
    """A completion as vLLM's server words it."""
    logprobs = None
    if completion.alternatives:
        top = [{"token": token, "logprob": chance} for token, chance in completion.alternatives]
        logprobs = {"content": [{**top[0], "top_logprobs": top}]}
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": completion.text},
        "finish_reason": completion.finish_reason,
        "logprobs": logprobs,
    }
    usage = {
        "prompt_tokens": completion.prompt_tokens,
        "completion_tokens": completion.output_tokens,
        "prompt_tokens_details": {"cached_tokens": completion.cached_tokens},
    }
    return {"id": "chatcmpl-1", "object": "chat.completion", "choices": [choice], "usage": usage}


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _request(body: dict[str, Any]) -> ChatRequest:
    schema = body.get("response_format", {}).get("json_schema", {}).get("schema")
    sampling = Sampling(
        temperature=body["temperature"],
        top_p=body["top_p"],
        max_tokens=body.get("max_tokens") or body["max_completion_tokens"],
        stop=tuple(body.get("stop", ())),
        seed=body.get("seed", 0),
        schema=json.dumps(schema, ensure_ascii=False, separators=(",", ":")) if schema else "",
        alternatives=body.get("top_logprobs", 0),
    )
    return ChatRequest(tuple(Message(turn["role"], turn["content"]) for turn in body["messages"]), sampling)
