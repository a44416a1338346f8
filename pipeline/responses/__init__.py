"""Every answer that a teacher ever gave, by request key, in one SQLite file: nothing that costs is done twice."""

from __future__ import annotations

from pipeline.responses.responses import Responses

__all__ = ["Responses"]
