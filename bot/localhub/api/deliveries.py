"""Pages of a delivery log: they are found through `cursor` in the Link header, as on GitHub."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import Depends, Request, Response

from bot.localhub.deliveries import Deliveries, Seen
from bot.localhub.errors import HubError
from bot.localhub.models import Delivery, Hook


@dataclass(frozen=True, slots=True)
class DeliveryPage:
    """`cursor`, `per_page` and `status` of a request; adds the Link header to the response."""

    request: Request
    response: Response
    below: int | None
    size: int
    seen: Seen

    def cut(self, log: Deliveries, hook: Hook) -> list[Delivery]:
        """The wanted part of a hook's log, newest first; what waits to be sent is not in it yet."""
        rows = log.listed(hook, below=self.below, limit=self.size + 1, seen=self.seen)
        if len(rows) > self.size:
            target = self.request.url.include_query_params(cursor=rows[self.size - 1].id, per_page=self.size)
            self.response.headers["Link"] = f'<{target}>; rel="next"'
        return rows[: self.size]


def page_of(
    request: Request,
    response: Response,
    per_page: int = 30,
    cursor: str | None = None,
    status: Literal["success", "failure"] | None = None,
) -> DeliveryPage:
    """Reads the query; raises 400 for a cursor that is none."""
    if cursor is not None and not re.fullmatch(r"[0-9]{1,18}", cursor):
        raise HubError(400, "Invalid cursor")
    below = int(cursor) if cursor else None
    return DeliveryPage(request, response, below, min(100, max(1, per_page)), status or "sent")


Cursor = Annotated[DeliveryPage, Depends(page_of)]
