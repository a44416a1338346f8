"""How the processes log: one line an event, to standard error, with keys and tokens masked."""

from __future__ import annotations

import logging
import time

from validators.content.secretscan import masked


class Masked(logging.Formatter):
    """Libraries put requests, and so tokens, into their messages and tracebacks."""

    def format(self, record: logging.LogRecord) -> str:
        """The whole text of the record, with its traceback."""
        return masked(super().format(record))


def set_up() -> None:
    """Timestamps in UTC; our modules from INFO on, libraries from WARNING on."""
    logging.Formatter.converter = time.gmtime
    handler = logging.StreamHandler()
    handler.setFormatter(Masked("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    for ours in ("bot", "pipeline", "validators"):
        logging.getLogger(ours).setLevel(logging.INFO)
