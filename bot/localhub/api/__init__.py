"""The part of GitHub's REST API that localhub speaks, under `/api/v3` as on GitHub Enterprise Server."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from bot.localhub.api import (
    accounts,
    app_hook,
    apps,
    assignees,
    checks,
    comments,
    forks,
    git_data,
    git_write,
    graphql,
    hooks,
    labels,
    pulls,
    rate_limit,
    reviews,
    statuses,
)
from bot.localhub.api.context import within_grant
from bot.localhub.api.route import OneHop

_rest = APIRouter(prefix="/api/v3")
for _module in (
    accounts, git_data, git_write, pulls, reviews, comments, assignees, labels, checks, statuses, forks, hooks, apps,
    app_hook, rate_limit,
):  # fmt: skip
    _rest.include_router(_module.router)
# The greedy one comes last: a ref may contain slashes, and `/commits/{ref}/check-runs` must be tried before it.
_rest.add_api_route(
    "/repos/{owner}/{repo}/commits/{ref:path}", git_data.get_commit, methods=["GET"], route_class_override=OneHop
)
router = APIRouter(dependencies=[Depends(within_grant)])
router.include_router(_rest)
router.include_router(graphql.router)
