"""The environment of every git process that localhub starts."""

from __future__ import annotations

import os


def environment(**extra: str) -> dict[str, str]:
    """No configuration of the machine or the user reaches git; `extra` is added."""
    base = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": os.devnull,
        "LC_ALL": "C.UTF-8",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
    }
    return {**base, **extra}
