"""localhub: a small GitHub-compatible server over bare git repositories, for demo, tests and trying Seedbed out."""

from __future__ import annotations

from bot.localhub.hub import Hub
from bot.localhub.server import Server, create_app, serve

__all__ = ["Hub", "Server", "create_app", "serve"]
