"""Where a leaf's texts come from: the `attribution.txt` beside it."""

from __future__ import annotations

from collections.abc import Iterator

from validators.leaffile import LeafFile
from validators.model import Finding, Span
from validators.paths import ATTRIBUTION_FILE, beside
from validators.registry import check, declare

_MISSING = declare("attribution-missing", "error", f"{ATTRIBUTION_FILE} lies beside the leaf.", "compat", "attribution")
_EMPTY = declare("attribution-empty", "error", f"{ATTRIBUTION_FILE} says something.", "compat", "attribution")
_REMEDY = "Say the work's title, link, revision, licence (SPDX) and creators; for your own work, name yourself."


@check("mapping", _MISSING, _EMPTY)
def attribution(leaf: LeafFile) -> Iterator[Finding]:
    """A leaf without attribution. Version 1 and foundational skills need none, as in the reference."""
    if leaf.version <= 1 or leaf.branch == "foundational_skills":
        return
    path = beside(leaf.path, ATTRIBUTION_FILE)
    if path not in leaf.files:
        # Shown on the leaf's own file: the missing one has no line that a forge could annotate.
        message = f"the leaf has no {ATTRIBUTION_FILE}"
        yield _MISSING.at(leaf, leaf.top(), message, f"Add {ATTRIBUTION_FILE} beside it. {_REMEDY}")
    elif not leaf.attribution:
        yield _EMPTY.at(leaf, Span(), f"{ATTRIBUTION_FILE} is empty", _REMEDY, path=path)
