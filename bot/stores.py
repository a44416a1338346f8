"""The store of the settings, and what housekeeping needs to know of them."""

from __future__ import annotations

from bot.settings import Making
from pipeline.housekeeping import Limits, Places
from pipeline.housekeeping.places import DAY_S
from pipeline.store.choose import open_store
from pipeline.store.port import Store


def store_of(settings: Making) -> Store:
    """Datasets, states of pull requests, builds. Raises `StoreError` where there is no driver for `store_url`."""
    return open_store(settings.store_url or settings.state_dir / "store")


def places_of(settings: Making) -> Places:
    """What housekeeping looks after. Raises `StoreError`."""
    return Places.below(settings.state_dir, store_of(settings))


def limits_of(settings: Making) -> Limits:
    """What the store has room for."""
    return Limits(int(settings.store_max_gb * 1e9) or None, settings.store_max_days * DAY_S or None)
