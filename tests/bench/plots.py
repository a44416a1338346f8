"""Plots of what benches found, as SVG: points with their intervals, joined where they belong to one series."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 840, 380, 70, 310, 40, 50
COLOURS = ("#0b6e4f", "#c8553d", "#3a6ea5", "#8e6c8a", "#b8860b", "#555555")
Point = tuple[float, float, float, float]
"""x, y, and the ends of y's interval."""


def plot(title: str, across: str, up: str, series: Mapping[str, Sequence[Point]]) -> str:
    """An SVG document. `across`, `up`: what the axes show, with units."""
    points = [point for of in series.values() for point in of]
    x = _scale([one[0] for one in points], LEFT, WIDTH - RIGHT)
    y = _scale([value for one in points for value in one[1:]] + [0.0], HEIGHT - BOTTOM, TOP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        f'font-size="12"><rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<text x="{LEFT}" y="22" font-size="15">{escape(title)}</text>',
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 12}" text-anchor="middle">{escape(across)}</text>',
        f'<text transform="translate(16 {HEIGHT / 2}) rotate(-90)" text-anchor="middle">{escape(up)}</text>',
    ]
    for value in _ticks([one for point in points for one in point[1:]] + [0.0]):
        parts.append(
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}" '
            f'stroke="{"#888" if value == 0 else "#e4e4e4"}"/>'
            f'<text x="{LEFT - 8}" y="{y(value) + 4:.1f}" text-anchor="end">{value:+.2g}</text>'
        )
    places = [point[0] for point in points]
    counted = all(place == int(place) for place in places)
    for value in sorted(set(places)) if counted else _ticks(places):
        parts.append(f'<text x="{x(value):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{value:.3g}</text>')
    for number, (name, of) in enumerate(series.items()):
        parts += _series(name, of, number, x, y)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _series(name: str, points: Sequence[Point], number: int, x: _Scale, y: _Scale) -> list[str]:
    colour = COLOURS[number % len(COLOURS)]
    joined = " ".join(f"{x(at):.1f},{y(value):.1f}" for at, value, _, _ in points)
    made = [f'<polyline points="{joined}" fill="none" stroke="{colour}" stroke-width="2"/>']
    for at, value, low, high in points:
        made.append(
            f'<line x1="{x(at):.1f}" x2="{x(at):.1f}" y1="{y(low):.1f}" y2="{y(high):.1f}" stroke="{colour}"/>'
            f'<circle cx="{x(at):.1f}" cy="{y(value):.1f}" r="4" fill="{colour}"/>'
        )
    line = TOP + 14 + 18 * number
    made.append(f'<circle cx="{WIDTH - RIGHT + 14}" cy="{line - 4}" r="4" fill="{colour}"/>')
    made.append(f'<text x="{WIDTH - RIGHT + 24}" y="{line}">{escape(name)}</text>')
    return made


class _Scale:
    """From a value to a place on the paper."""

    def __init__(self, low: float, high: float, begin: float, end: float) -> None:
        self.low, self.high, self.begin, self.end = low, high, begin, end

    def __call__(self, value: float) -> float:
        return self.begin + (value - self.low) / (self.high - self.low) * (self.end - self.begin)


def _scale(values: Sequence[float], begin: float, end: float) -> _Scale:
    low, high = min(values), max(values)
    room = 0.06 * (high - low) or 1.0
    return _Scale(low - room, high + room, begin, end)


def _ticks(values: Sequence[float]) -> list[float]:
    """A few round values that cover `values`."""
    low, high = min(values), max(values)
    step = next(
        (
            size
            for power in range(-4, 6)
            for size in (10.0**power, 2 * 10.0**power, 5 * 10.0**power)
            if (high - low) / size <= 6
        ),
        1.0,
    )
    first = int(low // step)
    found = [round(step * at, 6) for at in range(first, first + 12)]
    return [value for value in found if low - step / 4 <= value <= high + step / 4]
