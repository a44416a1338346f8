"""What a simulated engine saw: requests, sequences, tokens, how many in flight when, what a prefix cache would hit."""

from __future__ import annotations

import time
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.bench.generate_speed import SLOTS, tokens_per_second

BLOCK = 16
"""Tokens of one block of a prefix cache, vLLM's own size: a prefix is shared in whole blocks."""
BOUNDED_TOKENS = 200_000
"""Of the cache that forgets what was not used for longest: about what a small GPU has room for beside the weights."""
ENOUGH = 64
"""In flight from here on the measured engine gives more than five sixths of its top speed."""


class PrefixCache:
    """Blocks of prompts, each known by all the tokens before it, too. `tokens` None: it never forgets."""

    def __init__(self, tokens: int | None = None) -> None:
        self._most = tokens // BLOCK if tokens is not None else None
        self._blocks: OrderedDict[int, None] = OrderedDict()

    def hit(self, prompt: Sequence[str]) -> int:
        """How many tokens of `prompt` are in the cache; afterwards all are. The last token is always computed."""
        known, prefix, missed = 0, 0, False
        for start in range(0, len(prompt) - BLOCK + 1, BLOCK):
            prefix = hash((prefix, *prompt[start : start + BLOCK]))
            missed = missed or prefix not in self._blocks
            known += not missed
            self._blocks[prefix] = None
            self._blocks.move_to_end(prefix)
        while self._most is not None and len(self._blocks) > self._most:
            self._blocks.popitem(last=False)
        return min(known, max(0, len(prompt) - 1) // BLOCK) * BLOCK


@dataclass(slots=True)
class Meter:
    """Counts from its making on. `kinds`: requests by "text" and "verdict" (a schema that asks for true or false).

    A request is one HTTP call; a sequence is one completion, of which a call may ask for many.
    """

    requests: int = 0
    sequences: int = 0
    cancelled: int = 0
    prompt_tokens: int = 0
    output_tokens: int = 0
    ever: int = 0
    bounded: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    first: float | None = None
    last: float = 0.0
    peak: int = 0
    _seconds_at: defaultdict[int, float] = field(default_factory=lambda: defaultdict(float))
    _steps: list[tuple[float, int]] = field(default_factory=list)
    _now: int = 0
    _since: float = 0.0
    _all: PrefixCache = field(default_factory=PrefixCache)
    _some: PrefixCache = field(default_factory=lambda: PrefixCache(BOUNDED_TOKENS))

    def asked(self, prompt: Sequence[str], sequences: int, kind: str) -> int:
        """A prompt has come, for so many sequences; how many of its tokens the bounded cache had."""
        now = time.monotonic()
        self.first = now if self.first is None else self.first
        self.sequences += sequences
        self.kinds[kind] += sequences
        self.prompt_tokens += len(prompt)
        self.ever += self._all.hit(prompt)
        cached = self._some.hit(prompt)
        self.bounded += cached
        return cached

    def answered(self, tokens: int) -> None:
        """A sequence was written."""
        self.output_tokens += tokens
        self.last = time.monotonic()

    def in_flight(self, count: int) -> None:
        """So many sequences are in flight from now on."""
        now = time.monotonic()
        self._seconds_at[self._now] += now - self._since if self._steps else 0.0
        self._steps.append((now, count))
        self._now, self._since, self.peak = count, now, max(self.peak, count)

    def report(self, speed_up: float) -> dict[str, Any]:
        """All figures as JSON has them. Seconds are of the wall clock, from the first request to the last answer."""
        seconds = self.last - self.first if self.first is not None and self.last > self.first else 0.0
        spans = dict(self._seconds_at)
        spans[0] = max(0.0, seconds - sum(span for count, span in spans.items() if count))
        whole = sum(spans.values()) or 1.0
        used = sum(tokens_per_second(count) * span for count, span in spans.items()) / tokens_per_second(SLOTS)
        return {
            "requests": self.requests,
            "sequences": self.sequences,
            "cancelled": self.cancelled,
            "prompt_tokens": self.prompt_tokens,
            "output_tokens": self.output_tokens,
            "kinds": dict(self.kinds),
            "seconds": round(seconds, 3),
            "speed_up": speed_up,
            "in_flight_mean": round(sum(count * span for count, span in spans.items()) / whole, 2),
            "in_flight_peak": self.peak,
            "in_flight_quantiles": _quantiles(spans),
            "in_flight_over_time": self._over_time(24),
            "share_any": round(1 - spans[0] / whole, 4),
            "share_enough": round(sum(span for count, span in spans.items() if count >= ENOUGH) / whole, 4),
            "speed_used": round(used / whole, 4),
            "prefix_share": round(self.ever / self.prompt_tokens, 4) if self.prompt_tokens else 0.0,
            "prefix_share_bounded": round(self.bounded / self.prompt_tokens, 4) if self.prompt_tokens else 0.0,
        }

    def _over_time(self, parts: int) -> list[float]:
        """Mean in flight in each of `parts` equal spans between first request and last answer."""
        if self.first is None or self.last <= self.first:
            return []
        width = (self.last - self.first) / parts
        sums = [0.0] * parts
        for (start, count), (end, _) in zip(self._steps, [*self._steps[1:], (self.last, 0)], strict=True):
            begin, finish = (start - self.first) / width, (min(end, self.last) - self.first) / width
            for part in range(max(0, int(begin)), min(parts, int(finish) + 1)):
                sums[part] += count * max(0.0, min(finish, part + 1) - max(begin, part))
        return [round(total, 1) for total in sums]


def _quantiles(spans: dict[int, float]) -> dict[str, int]:
    """In flight at the 10th, 50th and 90th percentile of the time."""
    whole, passed = sum(spans.values()) or 1.0, 0.0
    found: dict[str, int] = {}
    for count in sorted(spans):
        passed += spans[count]
        for share in (0.1, 0.5, 0.9):
            if passed >= share * whole:
                found.setdefault(f"p{int(share * 100)}", count)
    return found
