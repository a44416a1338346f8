"""Failures that pass by themselves. What raises one says so; the engine runs the step again later, durably."""

from __future__ import annotations


class TryAgain(Exception):
    """Nothing is wrong with the work itself.

    `after_s`: seconds to wait at least; None leaves that to the engine. `patience_s`: seconds after which waiting ends.
    """

    after_s: float | None = None
    patience_s: float = 7200.0  # rate limits last an hour; twice that, and something else is wrong
