"""GitHub, or a server that speaks its API, through PyGithub. The only package that imports `github`."""

from __future__ import annotations

from bot.forge.github.checks import Checks
from bot.forge.github.client import GITHUB, PAUSE_S
from bot.forge.github.comments import Comments
from bot.forge.github.commits import Commits
from bot.forge.github.credentials import AppCredentials, KeyUnfit
from bot.forge.github.deliveries import Deliveries
from bot.forge.github.labels import Labels
from bot.forge.github.reviews import Reviews

__all__ = ["GITHUB", "PAUSE_S", "AppCredentials", "GitHubForge", "KeyUnfit"]


class GitHubForge(Commits, Checks, Comments, Reviews, Labels, Deliveries):
    """See `Forge`, and `Account` for what it is made of. Safe to use from several threads: reads go side by side,
    writes one at a time, and what looks before it writes does so alone for its pull request or check."""
