"""The part of GitHub's REST API that localhub speaks, under `/api/v3` as on GitHub Enterprise Server."""

from __future__ import annotations

from fastapi import APIRouter

from bot.localhub.api import accounts, checks, comments, git_data, hooks, labels, pulls

router = APIRouter(prefix="/api/v3")
for _module in (accounts, git_data, pulls, comments, labels, checks, hooks):
    router.include_router(_module.router)
# The greedy one comes last: a ref may contain slashes, and `/commits/{ref}/check-runs` must be tried before it.
router.add_api_route("/repos/{owner}/{repo}/commits/{ref:path}", git_data.get_commit, methods=["GET"])
