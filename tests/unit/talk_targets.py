"""What answers in a child in place of a model."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any


def echo(payload: dict[str, Any], emit: Any) -> dict[str, Any]:
    """Says who it is, how many messages it sees and the last one; dies or fails when told to."""
    asked = payload["messages"][-1]["content"]
    if asked == "die":
        os._exit(9)
    if asked == "fail":
        raise ValueError("this message takes 9000 tokens")
    emit({"loaded": True})
    with_adapter = f"+{Path(payload['adapter']).name}" if payload["adapter"] else ""
    text = f"{Path(payload['model']).parent.name}{with_adapter} {len(payload['messages'])} {asked}"
    for piece in text.split(" "):
        emit({"piece": f"{piece} "})
    emit({"piece": "\x1b[2J\nend"})
    return {"text": text, "ended": asked != "long", "tokens": 3, "forgotten": 2 if asked == "long" else 0}
