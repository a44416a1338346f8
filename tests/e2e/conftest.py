"""One judge for all scenarios: GitHub's own API description, between the bot's client and localhub."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.world import World, world
from tests.openapi import Judge, judge


@pytest.fixture(scope="session")
def openapi() -> Iterator[Judge]:
    with judge() as it:
        yield it


@pytest.fixture
def town(tmp_path: Path, openapi: Judge) -> Iterator[World]:
    """A world whose bot speaks to localhub through the judge; a violation by either fails the scenario."""

    def through_the_judge(hub: str) -> str:
        openapi.hub = hub
        return openapi.url

    openapi.violations.clear()
    before = openapi.judged
    with world(tmp_path, api_url=through_the_judge) as it:
        yield it
    assert openapi.judged > before, "the bot went around the judge"
    assert openapi.violations == []
