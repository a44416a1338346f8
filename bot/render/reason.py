"""Why something failed, as people are told."""

from __future__ import annotations

from bot.render.escape import one_line


def reason(error: BaseException | str, *, limit: int = 1000) -> str:
    """An exception's text (its class where it has none) on one line, which masks keys and tokens. Not yet escaped."""
    text = str(error) or (type(error).__name__ if isinstance(error, BaseException) else "")
    return one_line(text, limit=limit)
