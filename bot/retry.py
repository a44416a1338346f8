"""Failures that pass by themselves. What raises one says so; the engine runs the step again later, durably."""

from __future__ import annotations


class TryAgain(Exception):
    """Nothing is wrong with the work itself. `after_s`: seconds to wait at least; None leaves that to the engine."""

    after_s: float | None = None
