"""The rules, one file per family. A new file here is found by itself: it declares rules and registers checks."""

from __future__ import annotations

import pkgutil
from functools import lru_cache
from importlib import import_module


@lru_cache(maxsize=1)
def load_rules() -> None:
    """Import every module of this package, so that its rules are in the registry."""
    for module in sorted(info.name for info in pkgutil.iter_modules(__path__)):
        import_module(f"{__name__}.{module}")
