"""Which of several engines gets a request: the one that has read its beginning before, unless that one is too busy."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping

from pipeline.teacher.port import ChatRequest

HEAD_CHARACTERS = 512
"""So much of the first user turn, and all before it, decides: requests that share it share an engine's prefix cache."""
_LOAD = 1.25
"""No engine holds more than so many times its fair share of what is in flight."""


def prefix_of(request: ChatRequest) -> str:
    """What requests about one leaf or one chunk have in common: the turns before the user's, and that one's head."""
    parts = []
    for message in request.messages:
        parts.append(
            f"{message.role}:{message.content[:HEAD_CHARACTERS] if message.role == 'user' else message.content}"
        )
        if message.role == "user":
            break
    return hashlib.sha256("\0".join(parts).encode(errors="backslashreplace")).hexdigest()


def choose(prefix: str, loads: Mapping[int, int]) -> int:
    """The engine for a prefix; `loads`: requests in flight by engine, of those that live. At least one must.

    Rendezvous hashing (Thaler and Ravishankar 1998), so that an engine that dies or comes moves only its own prefixes;
    with bounded loads (Mirrokni et al. 2016), so that none starves beside one that many prefixes fell to.
    """
    most = math.ceil(_LOAD * (sum(loads.values()) + 1) / len(loads))
    ranked = sorted(loads, key=lambda engine: hashlib.sha256(f"{prefix}:{engine}".encode()).digest())
    return next(engine for engine in ranked if loads[engine] < most)
