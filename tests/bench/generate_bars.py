"""What the bench found: figures to print, and bars that hold or are missed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Bar:
    """A figure next to what it must reach, `at_least` or at most."""

    text: str
    value: float
    bar: float
    at_least: bool = True

    @property
    def holds(self) -> bool:
        """Whether it is reached."""
        return self.value >= self.bar if self.at_least else self.value <= self.bar

    def __str__(self) -> str:
        sign = "≥" if self.at_least else "≤"
        word = "holds" if self.holds else "MISSED"
        return f"{self.text}: {_shown(self.value)} (bar: {sign} {_shown(self.bar)}) {word}"


@dataclass
class Findings:
    """Of one setting. `figures`: everything that was measured, as JSON has it."""

    title: str
    bars: list[Bar] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)

    def say(self, line: str) -> None:
        """Print a line of figures at once: a setting takes minutes."""
        print(f"  {line}", flush=True)

    def hold(self, text: str, value: float, bar: float, *, at_least: bool = True) -> None:
        """Note a bar and print it."""
        self.bars.append(Bar(text, value, bar, at_least))
        self.say(str(self.bars[-1]))

    def to_json(self) -> dict[str, Any]:
        """As JSON has it."""
        bars = [{"text": b.text, "value": b.value, "bar": b.bar, "holds": b.holds} for b in self.bars]
        return {"title": self.title, "bars": bars, "figures": self.figures}


def sparkline(values: list[float], most: float) -> str:
    """Bars of eight heights, the highest for `most`; a dot for nothing."""
    heights = "▁▂▃▄▅▆▇█"
    return "".join("·" if value <= 0 else heights[min(7, int(8 * value / most))] for value in values)


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 or value == int(value) else f"{value:.3g}"
