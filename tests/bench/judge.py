"""The reference's verdict on each leaf below a folder, as JSON: path → errors (−1: it died). Runs where peer.py runs.

usage: judge.py FOLDER        yamllint is called in the process instead of as one, which changes nothing but the time
"""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import Any

from instructlab.schema.taxonomy import DEFAULT_YAMLLINT_CONFIG, TaxonomyParser, TaxonomyReadingException
from yamllint import linter
from yamllint.config import YamlLintConfig

logging.disable(logging.CRITICAL)
_CONFIG = YamlLintConfig(DEFAULT_YAMLLINT_CONFIG)


class Parser(TaxonomyParser):  # type: ignore[misc]
    """The reference's parser, without the two programs that it starts for each file."""

    def __init__(self) -> None:
        super().__init__(message_format="LOGGING")
        self.yq_available = False

    def _yamllint(self, text: str, taxonomy: Any) -> None:
        for problem in linter.run(text, _CONFIG):
            if problem.level == "error":
                taxonomy.error(problem.message)


def errors(leaf: Path) -> int:
    """Errors of one leaf; a missing or empty attribution counts as one, as in `check-yaml.py`."""
    try:
        taxonomy = Parser().parse(leaf)
    except TaxonomyReadingException:
        return -1
    attribution = leaf.with_name("attribution.txt")
    present = attribution.is_file() and attribution.stat().st_size > 0
    return int(taxonomy.errors) or int(taxonomy.version > 1 and not present)


folder = Path(sys.argv[1])
leaves = (leaf for pattern in ("*.yaml", "*.yml") for leaf in folder.rglob(pattern))
print(json.dumps({str(leaf.relative_to(folder)): errors(leaf) for leaf in leaves}))
