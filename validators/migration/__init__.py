"""Carries leaves of version 1 and 2 to version 3."""

from __future__ import annotations

from validators.migration.migrate import Migration, migrate

__all__ = ["Migration", "migrate"]
