"""Times the reference's parser, `instructlab-schema`, on the leaves of a folder. Runs in an environment of its own.

usage: peer.py FOLDER COUNT   → seconds for the first COUNT leaves, and how many it refuses
"""

from __future__ import annotations

import contextlib
import io
import logging
import sys
import time
from pathlib import Path

from instructlab.schema.taxonomy import TaxonomyParser, TaxonomyReadingException

logging.disable(logging.CRITICAL)
leaves = sorted(Path(sys.argv[1]).rglob("qna.yaml"))[: int(sys.argv[2])]
refused = 0
began = time.perf_counter()
for leaf in leaves:
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            refused += TaxonomyParser().parse(leaf).errors > 0
    except TaxonomyReadingException:
        refused += 1
print(time.perf_counter() - began, refused)
