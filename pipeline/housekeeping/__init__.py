"""Looking after what is stored: saying what there is, finding and mending faults, removing what nobody needs."""

from __future__ import annotations

from pipeline.housekeeping.collect import Collected, Limits, collect
from pipeline.housekeeping.places import Places
from pipeline.housekeeping.repair import Action, repair
from pipeline.housekeeping.stats import stats
from pipeline.housekeeping.verify import Fault, verify

__all__ = ["Action", "Collected", "Fault", "Limits", "Places", "collect", "repair", "stats", "verify"]
