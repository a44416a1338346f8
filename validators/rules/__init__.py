"""The rules, one file per family. A new file here is found by itself: it declares rules and registers checks.

Other distributions add rules by an entry point of group `seedbed.rules` that names a module which does the same.
"""

from __future__ import annotations

import pkgutil
from functools import lru_cache
from importlib import import_module

from validators.plugins import load_plugins


@lru_cache(maxsize=1)
def load_rules() -> None:
    """Import every module of this package and every entry point, so that their rules are in the registry.

    Raises BrokenPlugin.
    """
    for module in sorted(info.name for info in pkgutil.iter_modules(__path__)):
        import_module(f"{__name__}.{module}")
    load_plugins()
