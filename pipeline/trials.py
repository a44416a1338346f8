"""The search for the leaves to blame, over trials: builds that leave out some of the changed leaves.

A ranking by suspicion is bisected for the shortest front part without which the harm is gone; what remains is made
minimal by ddmin (Zeller & Hildebrandt, Simplifying and Isolating Failure-Inducing Input, TSE 2002). Training is noisy
near a margin, so a trial that alone decides is seconded by another, or voted on. What is asked depends on earlier
verdicts alone, so a search that was killed asks the same questions again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from pipeline.gate import Verdict
from pipeline.victims import kin, standing_harm

SUSPECTED = 0.8  # the second probe leaves out the leaves that hold this share of the known harm
SEARCHES = 3  # how often the search starts anew where a vote overruled a trial
Without = Callable[[frozenset[str]], Verdict]


class Spent(Exception):
    """The trials are used up."""


@dataclass(slots=True)
class Trials:
    """Asks for verdicts, each set once, and remembers which of them still showed harm."""

    without: Without
    victims: frozenset[str]
    most: int
    runs: int = 0
    known: dict[frozenset[str], frozenset[str]] = field(default_factory=dict)

    def harmed(self, excluded: Collection[str]) -> frozenset[str]:
        """What is still harmed. A leaf that is left out does not count itself: nobody learnt it."""
        key = frozenset(excluded)
        if not key:
            return self.victims
        if self.victims <= key:
            return frozenset()
        if key not in self.known:
            if self.runs >= self.most:
                raise Spent
            self.runs += 1
            left = self.victims - key
            found = standing_harm(self.without(key))
            same = left if found is None else {n for n in found - key if any(kin(n, victim) for victim in left)}
            self.known[key] = frozenset(same)
        return self.known[key]

    def vote(self, excluded: Collection[str], ranked: Sequence[str]) -> bool:
        """Whether harm stays, by this trial and at most two that leave out one leaf more, of the least suspected."""
        key = frozenset(excluded)
        first = bool(self.harmed(key))
        more = [key | {leaf} for leaf in reversed(ranked) if leaf not in key | self.victims][:2]
        if any(bool(self.harmed(one)) == first for one in more) or len(more) < 2:
            return first
        self.known[key] = self.harmed(more[0])  # two to one: chance spoke there
        return not first

    def seconded(self, key: frozenset[str], found: frozenset[str]) -> bool:
        """Whether another trial that left out the same of `found` ended the same."""
        harmed = bool(self.harmed(key))
        return any(one != key and one & found == key and bool(self.harmed(one)) == harmed for one in self.known)

    def smallest(self, ranked: Sequence[str]) -> tuple[str, ...]:
        """The smallest set that was seen to end the harm, in the order of suspicion; empty where none was."""
        cured = [key for key in self.known if not self.harmed(key)]
        best = min(cured, key=lambda key: (len(key), sorted(key)), default=frozenset())
        return tuple(leaf for leaf in ranked if leaf in best)


def search(trials: Trials, ranked: Sequence[str], harm: Mapping[str, float]) -> tuple[tuple[str, ...], bool]:
    """A minimal set without which the harm is gone (empty: there is none), and whether that is beyond chance."""
    found: tuple[str, ...] = ()
    for _ in range(SEARCHES):
        found = _isolate(trials, ranked, harm)
        if not found or _stands(trials, found, ranked):
            return found, _confirmed(trials, found, ranked)
    return found, False


def _isolate(trials: Trials, ranked: Sequence[str], harm: Mapping[str, float]) -> tuple[str, ...]:
    """A minimal set without which the harm is gone; empty where it stays with everything left out."""
    low, high = _probe(trials, ranked, harm)
    fixed: list[str] = []
    while high:
        while high - low > 1:  # low leaves harm, high leaves none; so does the leaf at the border matter
            middle = (low + high) // 2
            low, high = (middle, high) if trials.harmed([*fixed, *ranked[:middle]]) else (low, middle)
        border = [*fixed, *ranked[:high]]
        fixed.append(ranked[high - 1])
        if not trials.harmed(fixed):
            return _ddmin(trials, tuple(leaf for leaf in ranked if leaf in fixed))
        if trials.vote(border, ranked):  # no second culprit: the border was chance
            return _isolate(trials, ranked, harm)
        low, high = 0, high - 1
    return ()


def _probe(trials: Trials, ranked: Sequence[str], harm: Mapping[str, float]) -> tuple[int, int]:
    """How many leaves from the front leave harm, and how many none (0: not even all); suspects are tried first."""
    low = 0
    for size in sorted({*_suspects(ranked, harm), len(ranked)}):
        if not trials.harmed(ranked[:size]):
            return low, size
        low = size
    return low, 0


def _suspects(ranked: Sequence[str], harm: Mapping[str, float]) -> set[int]:
    """Sizes of the first probes; none where no leaf is known to do harm."""
    known = [max(0.0, harm.get(leaf, 0.0)) for leaf in ranked]
    total = sum(known)
    if not total:
        return set()
    held = next(size for size in range(1, len(known) + 1) if sum(known[:size]) >= SUSPECTED * total)
    return {1, held} if held <= max(1, len(ranked) // 2) else {1}


def _ddmin(trials: Trials, leaves: tuple[str, ...]) -> tuple[str, ...]:
    """Zeller & Hildebrandt's ddmin: no single leaf of what it returns can be spared."""
    parts = 2
    while len(leaves) > 1:
        chunks = [leaves[len(leaves) * i // parts : len(leaves) * (i + 1) // parts] for i in range(parts)]
        rests = [tuple(leaf for leaf in leaves if leaf not in chunk) for chunk in chunks]
        chunk = next((chunk for chunk in chunks if not trials.harmed(chunk)), None)
        rest = next((rest for rest in rests if not trials.harmed(rest)), None) if chunk is None else None
        if chunk is not None:
            leaves, parts = chunk, 2
        elif rest is not None:
            leaves, parts = rest, max(parts - 1, 2)
        elif parts < len(leaves):
            parts = min(2 * parts, len(leaves))
        else:
            break
    return leaves


def _stands(trials: Trials, found: tuple[str, ...], ranked: Sequence[str]) -> bool:
    """Whether each trial that the answer rests on is seconded by another, or holds by a vote."""
    blamed = frozenset(found)
    resting = [blamed, *(blamed - {leaf} for leaf in found if len(found) > 1)]
    open_ = [key for key in resting if not trials.seconded(key, blamed)]
    return all(trials.vote(key, ranked) == (key != blamed) for key in open_)


def _confirmed(trials: Trials, found: tuple[str, ...], ranked: Sequence[str]) -> bool:
    """Whether the harm was seen to stay while other leaves were left out: else any change at all may have ended it."""
    blamed = frozenset(found)
    others = tuple(leaf for leaf in ranked if leaf not in blamed)
    if not others or any(trials.harmed(key) for key in trials.known if not blamed & key):
        return True
    halves = (others[: (len(others) + 1) // 2], others[(len(others) + 1) // 2 :])
    return any(bool(half) and bool(trials.harmed(half)) for half in halves)
