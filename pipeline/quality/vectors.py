"""Vectors of unit length that can be asked for the ones near another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy

    Matrix = numpy.ndarray[tuple[int, ...], numpy.dtype[numpy.float32]]


class Vectors:
    """A growing matrix of vectors, float32, one a row."""

    def __init__(self) -> None:
        self._rows: Matrix | None = None
        self._count = 0

    def add(self, vector: Sequence[float]) -> None:
        """Add a vector; its number is how many were added before."""
        import numpy

        if self._rows is None:
            self._rows = numpy.zeros((64, len(vector)), numpy.float32)
        if self._count == len(self._rows):
            self._rows = numpy.concatenate([self._rows, numpy.zeros_like(self._rows)])
        self._rows[self._count] = vector
        self._count += 1

    def near(self, vector: Sequence[float], least: float) -> Iterator[tuple[int, float]]:
        """(number, cosine) of those whose cosine is at least `least`, the nearest first."""
        import numpy

        if self._rows is None:
            return
        cosines = self._rows[: self._count] @ numpy.asarray(vector, numpy.float32)
        found = ((int(number), round(float(cosines[number]), 4)) for number in numpy.flatnonzero(cosines >= least))
        yield from sorted(found, key=lambda hit: (-hit[1], hit[0]))
