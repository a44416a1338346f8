"""What scripted teachers answer in the contract's tests, also in their children."""

from __future__ import annotations

import asyncio
import os

from pipeline.teacher.port import ChatRequest, TeacherError
from pipeline.teacher.scripted import echo

ENDLESS = "Count from one to a thousand in words, and go on for ever."


async def reply(request: ChatRequest) -> str:
    """An echo; but what is endless waits until it is cancelled, and some words end the engine or the process."""
    text = request.messages[-1].content
    if text == ENDLESS:
        await asyncio.Event().wait()
    if "break" in text:
        raise TeacherError("the engine is broken")
    if "crash" in text:
        raise LookupError("no such bird")
    if "kill" in text:
        os._exit(9)
    return echo(request)


def late(request: ChatRequest) -> int:
    """Turns to wait: the first requests longest."""
    return 500 - request.sampling.seed
