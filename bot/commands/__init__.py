"""What people may type in a comment: one table makes parser, help, documentation and permission check."""

from __future__ import annotations

from bot.commands.parser import Asked, parse
from bot.commands.table import BY_NAME, COMMANDS, Command

__all__ = ["BY_NAME", "COMMANDS", "Asked", "Command", "parse"]
