"""What stands between the network and the API, from the outside in: rate limits, ETags, faults on demand."""

from __future__ import annotations

from bot.localhub.edge.etags import ETags
from bot.localhub.edge.failing import Failing
from bot.localhub.edge.limiting import Limiting

__all__ = ["ETags", "Failing", "Limiting"]
