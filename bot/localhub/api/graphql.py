"""The two mutations of GitHub's GraphQL API that fold a comment away and show it again; nothing else of it."""

from __future__ import annotations

import re
from typing import Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from bot.localhub import conversation
from bot.localhub.api.context import Caller, Seen, within_grant
from bot.localhub.errors import HubError
from bot.localhub.hub import Hub
from bot.localhub.models import Account, Comment
from bot.localhub.shapes.core import JSON, number_of

router = APIRouter(dependencies=[Depends(within_grant)])
CLASSIFIERS = ("ABUSE", "DUPLICATE", "LOW_QUALITY", "OFF_TOPIC", "OUTDATED", "RESOLVED", "SPAM")
_MUTATION = re.compile(
    r"\s*mutation\s+\w*\s*\(\s*\$(\w+)\s*:\s*\w+!\s*\)\s*"
    r"\{\s*(minimizeComment|unminimizeComment)\s*\(\s*input\s*:\s*\$\1\s*\)\s*\{\s*"
    r"(minimizedComment|unminimizedComment)\s*\{\s*isMinimized\s*\}\s*\}\s*\}\s*\Z"
)


class Query(BaseModel):
    """A GraphQL request."""

    query: str
    variables: dict[str, Any] = {}


class _Refusal(Exception):
    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@router.post("/api/graphql")
def graphql(asked: Query, view: Seen, account: Caller) -> JSON:
    """Errors come with status 200, as GraphQL has them; 401 without an account."""
    if account is None:
        raise HubError(401, "This endpoint requires you to be authenticated.")
    match = _MUTATION.match(asked.query)
    try:
        if match is None:
            raise _Refusal("undefinedField", "localhub knows minimizeComment and unminimizeComment only")
        given = asked.variables.get(match[1])
        folded = _fold(
            view.hub, account, given if isinstance(given, dict) else {}, minimize=match[2] == "minimizeComment"
        )
    except _Refusal as refusal:
        return _errors(refusal, match[2] if match else None)
    return {"data": {match[2]: {match[3]: {"isMinimized": folded}}}}


def _fold(hub: Hub, account: Account, given: dict[str, Any], *, minimize: bool) -> bool:
    reason = str(given.get("classifier"))
    if minimize and reason not in CLASSIFIERS:
        raise _Refusal("argumentLiteralsIncompatible", f"classifier must be one of {', '.join(CLASSIFIERS)}")
    number = number_of("IssueComment", str(given.get("subjectId")))
    row = hub.db.row(Comment, "SELECT * FROM comments WHERE id = ?", number)
    if row is None:
        raise _Refusal("NOT_FOUND", f"Could not resolve to a node with the global id of '{given.get('subjectId')}'")
    repository = hub.repository_by_id(conversation.pull_of(hub, row).repository_id)
    try:
        conversation.minimize(hub, repository, row, account, reason.lower() if minimize else None)
    except HubError as error:
        raise _Refusal("FORBIDDEN", f"{account.login} does not have the correct permissions to fold this") from error
    return minimize


def _errors(refusal: _Refusal, path: str | None) -> JSON:
    error: JSON = {"type": refusal.kind, "message": str(refusal), "locations": [{"line": 1, "column": 1}]}
    if path is None:
        return {"errors": [error]}
    return {"data": {path: None}, "errors": [{**error, "path": [path]}]}
