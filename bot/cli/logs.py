"""How the processes log: one line an event, to standard error."""

from __future__ import annotations

import logging
import time


def set_up() -> None:
    """Timestamps in UTC; our modules from INFO on, libraries from WARNING on."""
    logging.Formatter.converter = time.gmtime
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    for ours in ("bot", "pipeline", "validators"):
        logging.getLogger(ours).setLevel(logging.INFO)
