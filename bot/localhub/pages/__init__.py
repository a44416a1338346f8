"""Pages to read and write pull requests in a browser. Plain HTML, no script, nothing loaded from elsewhere."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from bot.localhub.pages import actions, apps, collaboration, hooks, pulls, repos

router = APIRouter(default_response_class=HTMLResponse, include_in_schema=False)
for _module in (apps, actions, collaboration, hooks, pulls, repos):  # repos last: its paths are the greediest
    router.include_router(_module.router)
