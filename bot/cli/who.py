"""Who runs a command and when, for logs that people read later."""

from __future__ import annotations

import argparse
import getpass
from datetime import UTC, datetime


def who(args: argparse.Namespace) -> str:
    """What `--by` says, else the account's name on this machine; empty where it has none."""
    if args.by:
        return str(args.by)
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # an account without a name, as in some containers
        return ""


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
