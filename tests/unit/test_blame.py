from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Collection, Iterable, Mapping
from math import log2
from statistics import mean

import pytest

from pipeline import statistics
from pipeline.blame import Blame, find_culprits, paired_effect, rank, victim_items
from pipeline.evaluate.port import Item, Score
from pipeline.gate import ALL_LEAVES, Check, Evidence, Verdict, decide
from pipeline.statistics import Interval
from tests.unit.gate_scores import items as gate_items
from tests.unit.gate_scores import scores as gate_scores

VICTIM = "knowledge/victim"
Without = Callable[[frozenset[str]], Verdict]


def verdict(*harmed: str, checks: tuple[Check, ...] = ()) -> Verdict:
    return Verdict("HOLD" if harmed else "PROMOTE", ("because",), (), "base", "b1", checks, harmed=harmed)


def leaves(count: int) -> list[str]:
    return [f"knowledge/leaf{number:02}" for number in range(count)]


class World:
    """Harm is there while the set `harms` says so of the leaves that are left; `asked` are the trials."""

    def __init__(self, changed: Iterable[str], harms: Callable[[frozenset[str]], bool], noise: float = 0.0) -> None:
        self.changed, self.harms, self.noise = frozenset(changed), harms, noise
        self.asked: list[frozenset[str]] = []

    def __call__(self, excluded: frozenset[str]) -> Verdict:
        self.asked.append(excluded)
        harmed = self.harms(self.changed - excluded)
        if excluded and self.noise:
            digest = hashlib.sha256(f"{sorted(excluded)}/{sorted(self.changed)}".encode()).digest()
            harmed ^= int.from_bytes(digest[:4], "big") < self.noise * 2**32  # a set errs always or never
        return verdict(VICTIM) if harmed else verdict()


def one(culprit: str) -> Callable[[frozenset[str]], bool]:
    return lambda learnt: culprit in learnt


def either(culprits: Collection[str]) -> Callable[[frozenset[str]], bool]:
    return lambda learnt: bool(learnt & frozenset(culprits))


def names(blame: Blame) -> list[str]:
    return [culprit.leaf for culprit in blame.culprits]


def test_right_screening_needs_three_trials() -> None:
    changed = leaves(16)
    world = World(changed, one(changed[9]))
    harm = {changed[9]: 0.4, changed[2]: 0.01}
    blame = find_culprits(changed, harm, world, most_runs=20)
    assert names(blame) == [changed[9]]
    assert blame.culprits[0].victims == (VICTIM,)
    assert blame.runs == 3  # without it, without it and another, without half of the others
    assert blame.attributable
    assert changed[9] in blame.why


def test_likeness_leads_where_no_harm_is_known_and_is_never_a_proof() -> None:
    changed = leaves(16)
    like = dict.fromkeys(changed, 0.1) | {changed[9]: 2.0}
    blame = find_culprits(changed, {}, World(changed, one(changed[9])), likeness=like, most_runs=20)
    assert (names(blame), blame.runs) == ([changed[9]], 3)
    misled = find_culprits(changed, {}, World(changed, one(changed[4])), likeness=like, most_runs=20)
    assert names(misled) == [changed[4]]


def test_the_same_questions_are_asked_again_after_a_kill() -> None:
    changed = leaves(20)
    first, second = World(changed, either(changed[3:5])), World(changed, either(changed[3:5]))
    whole = find_culprits(changed, {}, first, most_runs=50)
    kept: dict[frozenset[str], Verdict] = {}

    def stopped(excluded: frozenset[str]) -> Verdict:
        if len(kept) == 4:
            raise KeyboardInterrupt
        return kept.setdefault(excluded, second(excluded))

    with pytest.raises(KeyboardInterrupt):
        find_culprits(changed, {}, stopped, most_runs=50)
    again = find_culprits(changed, {}, lambda e: kept[e] if e in kept else second(e), most_runs=50)
    assert again == whole
    assert second.asked == first.asked  # nothing twice, nothing else


def test_no_set_is_asked_for_twice() -> None:
    for seed in range(50):
        rng = random.Random(seed)
        changed = leaves(rng.randint(2, 30))
        world = World(changed, either(rng.sample(changed, 2)))
        find_culprits(changed, {}, world, most_runs=100)
        assert len(world.asked) == len(set(world.asked))


@pytest.mark.parametrize("screening", ["none", "right", "wrong"])
def test_one_culprit_is_always_found_and_the_trials_are_few(screening: str) -> None:
    """1000 worlds. About 2 log2 k trials are what ddmin alone would take."""
    shares = []
    for seed in range(1000):
        rng = random.Random(f"{screening}/{seed}")
        changed = leaves(rng.randint(2, 64))
        culprit = rng.choice(changed)
        harm = {} if screening == "none" else {leaf: rng.uniform(0.0, 0.1) for leaf in changed}
        if screening == "right":
            harm[culprit] = 0.5
        elif screening == "wrong":
            harm[culprit] = -0.2
        blame = find_culprits(changed, harm, World(changed, one(culprit)), most_runs=100)
        assert names(blame) == [culprit]
        assert blame.runs <= (3 if screening == "right" else log2(len(changed)) + 6), (seed, len(changed))
        shares.append(blame.runs / (2 * log2(len(changed))))
    assert mean(shares) < {"none": 1.05, "right": 0.45, "wrong": 1.3}[screening]


def test_two_culprits_are_both_found() -> None:
    runs = []
    for seed in range(1000):
        rng = random.Random(f"two/{seed}")
        changed = leaves(rng.randint(3, 40))
        culprits = sorted(rng.sample(changed, 2))
        harm = {leaf: rng.uniform(0.0, 0.1) for leaf in changed if rng.random() < 0.5}
        blame = find_culprits(changed, harm, World(changed, either(culprits)), most_runs=100)
        assert names(blame) == culprits
        runs.append(blame.runs / (2 * log2(len(changed))))
        assert blame.runs <= 2 * log2(len(changed)) + 9
    assert mean(runs) < 1.8


def test_many_culprits_and_all_of_them() -> None:
    changed = leaves(9)
    assert names(find_culprits(changed, {}, World(changed, either(changed[2:6])), most_runs=99)) == changed[2:6]
    assert names(find_culprits(changed, {}, World(changed, either(changed)), most_runs=99)) == changed


def test_leaves_that_harm_only_together_need_one_to_go() -> None:
    """Not monotonic in what is learnt: each alone is harmless, and leaving out either is enough."""
    for seed in range(300):
        rng = random.Random(f"together/{seed}")
        changed = leaves(rng.randint(6, 30))
        pair = rng.sample(changed, 2)
        world = World(changed, lambda learnt, pair=pair: learnt.issuperset(pair))  # type: ignore[misc]
        blame = find_culprits(changed, {}, world, most_runs=30)
        assert len(blame.culprits) == 1
        assert names(blame)[0] in pair


def test_a_world_of_coin_tosses_ends_within_the_budget() -> None:
    """Nothing can be learnt there; nothing is asked twice, and what is named was seen to matter."""
    for seed in range(1000):
        rng = random.Random(f"wild/{seed}")
        changed = leaves(rng.randint(2, 12))
        world = World(changed, lambda learnt: True, noise=0.5)
        blame = find_culprits(changed, {}, world, most_runs=25)
        trials = [excluded for excluded in world.asked if excluded]
        assert blame.runs == len(set(trials)) == len(trials) <= 25
        assert set(names(blame)) <= set(changed)


def test_noise_in_single_verdicts_rarely_names_the_innocent() -> None:
    """Each trial errs with one chance in twenty, which is what the gate allows itself."""
    right = wrong = 0
    for seed in range(1000):
        rng = random.Random(f"noise/{seed}")
        changed = leaves(rng.randint(4, 32))
        culprit = rng.choice(changed)
        harm = {leaf: rng.gauss(0.3 if leaf == culprit else 0.0, 0.1) for leaf in changed}
        random.Random(seed).shuffle(changed)
        blame = find_culprits(changed, harm, World(changed, one(culprit), noise=0.05), most_runs=40)
        right += names(blame) == [culprit]
        wrong += bool(blame.culprits) and culprit not in names(blame)
    assert right >= 950  # the issue asks for 9 of 10 plantings
    assert wrong <= 10


def test_harm_that_any_change_ends_is_not_attributed() -> None:
    """At the margin: leaving out whatever you like is enough."""
    changed = leaves(8)
    blame = find_culprits(changed, {changed[0]: 0.1}, World(changed, lambda learnt: len(learnt) == 8), most_runs=20)
    assert not blame.attributable
    assert blame.among == (changed[0],)
    assert "near the margin, or comes from leaves together" in blame.why


def test_harm_that_stays_is_not_attributed() -> None:
    changed = leaves(8)
    blame = find_culprits(changed, {}, World(changed, lambda learnt: True), most_runs=20)
    assert (blame.culprits, blame.among, blame.runs) == ((), (), 1)
    assert "comes from somewhere else" in blame.why


def test_a_spent_budget_says_how_far_it_came() -> None:
    changed = leaves(32)
    culprit = rank(changed, {})[3]
    world = World(changed, one(culprit))
    blame = find_culprits(changed, {}, world, most_runs=3)
    assert not blame.attributable
    assert blame.runs == 3
    assert blame.among == rank(changed, {})[:8]  # all, 16 and 8 were left out, and each ended the harm
    assert "3 trial builds were not enough" in blame.why
    with pytest.raises(ValueError, match="at least one trial"):
        find_culprits(changed, {}, world, most_runs=0)


def test_a_budget_that_ends_at_the_confirmation_names_the_suspect() -> None:
    changed = leaves(4)
    blame = find_culprits(changed, {changed[1]: 1.0}, World(changed, one(changed[1])), most_runs=1)
    assert (blame.culprits, blame.among) == ((), (changed[1],))


def test_no_change_and_no_harm_need_no_trial() -> None:
    assert "No leaf changed" in find_culprits([], {}, World([], lambda learnt: True), most_runs=5).why
    blame = find_culprits(leaves(3), {}, World(leaves(3), lambda learnt: False), most_runs=5)
    assert "not held for harm" in blame.why
    assert (blame.runs, blame.attributable) == (0, False)


def test_one_changed_leaf_is_tried_once() -> None:
    changed = leaves(1)
    blame = find_culprits(changed, {}, World(changed, one(changed[0])), most_runs=5)
    assert (names(blame), blame.runs) == (changed, 1)


def test_a_victim_that_changed_too_is_not_taken_for_the_culprit() -> None:
    """Leaving the victim out would end its harm, and say nothing of who did it."""
    changed = [*leaves(7), VICTIM]
    blame = find_culprits(changed, {VICTIM: 9.0}, World(changed, one(changed[4])), most_runs=20)
    assert names(blame) == [changed[4]]


def test_a_leaf_that_harms_itself_alone_is_its_own_culprit() -> None:
    changed = [*leaves(7), VICTIM]
    blame = find_culprits(changed, {}, World(changed, one(VICTIM)), most_runs=20)
    assert names(blame) == [VICTIM]


def test_each_culprit_has_its_victims_and_its_effect() -> None:
    changed = leaves(12)

    def without(excluded: frozenset[str]) -> Verdict:
        blocked = {"knowledge/a": changed[1], "general/facts": changed[8]}
        return verdict(*(victim for victim, leaf in blocked.items() if leaf not in excluded))

    asked = []

    def effect(with_it: frozenset[str], without_it: frozenset[str], victims: tuple[str, ...]) -> Interval:
        asked.append((with_it, without_it, victims))
        return Interval(0.3, 0.2, 0.4)

    blame = find_culprits(changed, {}, without, most_runs=40, effect_of=effect)
    both = frozenset({changed[1], changed[8]})
    assert [(c.leaf, c.victims) for c in blame.culprits] == [
        (changed[1], ("knowledge/a",)),
        (changed[8], ("general/facts",)),
    ]
    assert asked == [
        (frozenset({changed[8]}), both, ("knowledge/a",)),
        (frozenset({changed[1]}), both, ("general/facts",)),
    ]
    assert blame.culprits[0].effect == Interval(0.3, 0.2, 0.4)


def test_harm_to_others_that_chance_shows_in_a_trial_does_not_mislead() -> None:
    changed = leaves(16)

    def without(excluded: frozenset[str]) -> Verdict:
        return verdict(*([VICTIM] if changed[5] not in excluded else []), *(["knowledge/other"] if excluded else []))

    assert names(find_culprits(changed, {}, without, most_runs=20)) == [changed[5]]


@pytest.mark.parametrize(
    ("victim", "later"),
    [("general", "general/facts"), ("knowledge/geo/", "knowledge/"), ("knowledge/geo/", "knowledge/geo/tarn")],
)
def test_harm_under_another_name_is_still_harm(victim: str, later: str) -> None:
    changed = leaves(6)

    def without(excluded: frozenset[str]) -> Verdict:
        return verdict(*([later if excluded else victim] if changed[2] not in excluded else []))

    assert names(find_culprits(changed, {}, without, most_runs=20)) == [changed[2]]


def test_a_trial_that_is_no_model_or_leaves_it_open_clears_nobody() -> None:
    changed = leaves(4)
    broken = verdict(checks=(Check("sanity", False, "not finite"),))
    unsure = verdict(checks=(Check("leaves", False, "more items", undecided=True, harmed=(VICTIM,)),))
    for trial in (broken, unsure):
        blame = find_culprits(changed, {}, lambda e, trial=trial: trial if e else verdict(VICTIM), most_runs=20)
        assert not blame.attributable
    waived = verdict(checks=(Check("leaves", False, "x", undecided=True, harmed=(VICTIM,), waived="by ada"),))
    blame = find_culprits(changed[:1], {}, lambda e: waived if e else verdict(VICTIM), most_runs=20)
    assert names(blame) == changed[:1]


def test_a_figure_that_is_no_number_is_none() -> None:
    changed = leaves(8)
    harm = {changed[0]: float("nan"), changed[1]: float("inf"), changed[5]: 0.2, "knowledge/gone": 3.0}
    blame = find_culprits(changed, harm, World(changed, one(changed[5])), most_runs=20)
    assert (names(blame), blame.runs) == ([changed[5]], 3)


def test_the_order_of_suspicion() -> None:
    order = rank(["k/a", "k/b", "k/c", "k/d", "k/e", "k/b"], {"k/b": 0.1, "k/d": 0.3, "k/a": -1.0, "k/e": 5.0}, {"k/e"})
    assert order == ("k/d", "k/b", "k/a", "k/c", "k/e")
    assert rank(["k/a", "k/b", "k/c"], {"k/b": 0.1}, (), {"k/c": 2.0, "k/a": 1.0}) == ("k/b", "k/c", "k/a")
    unknown = rank(leaves(30), {})
    assert unknown == rank(reversed(leaves(30)), {})  # type: ignore[arg-type]
    assert unknown != tuple(leaves(30))


class Night:
    """A night judged by the real gate: 12 old leaves, `k` new ones, one of which does harm. Each training moves each
    leaf a little and each question a little, by hash of what was left out."""

    def __init__(self, seed: int, harm: Mapping[str, float]) -> None:
        rng = random.Random(f"night/{seed}")
        self.seed, self.harm = seed, harm
        self.new = [f"knowledge/new{number}" for number in range(rng.randint(3, 12))]
        self.culprit = rng.choice(self.new)
        self.old = [f"compositional_skills/old{number}" for number in range(12)]
        self.items = gate_items(dict.fromkeys([*self.old, *self.new], 24))
        self.before = gate_scores(self.items, {}, seed=1)

    def scores(self, excluded: frozenset[str]) -> list[Score]:
        number = int.from_bytes(hashlib.sha256(f"{self.seed}{sorted(excluded)}".encode()).digest()[:6], "big")
        rng = random.Random(number)
        rise = {leaf: rng.gauss(0.0, 0.03) for leaf in self.old}
        rise |= {leaf: -0.8 for leaf in self.new if leaf not in excluded}
        if self.culprit not in excluded:
            rise |= self.harm
        return gate_scores(self.items, rise, noise=0.1, seed=number)

    def without(self, excluded: frozenset[str]) -> Verdict:
        asked = [item for item in self.items if item.group not in excluded]
        by_id = {score.id: score for score in self.scores(excluded)}
        champion = [score for score, item in zip(self.before, self.items, strict=True) if item.group not in excluded]
        new = frozenset(self.new) - excluded
        candidate = [by_id[item.id] for item in asked]
        return decide(Evidence("b1", asked, champion, candidate, champion, "b0", changed=new))


@pytest.mark.parametrize(
    "harm", [{"compositional_skills/old3": 0.6}, {"general": 0.2}, {"compositional_skills/old1": 0.5, "cat2": 0.4}]
)
def test_planted_culprits_are_found_with_the_gate_itself(
    harm: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The issue's measure is 9 of 10. Half of the nights know nothing of the leaves' harm, half a noisy figure."""
    monkeypatch.setattr(statistics, "DRAWS", 400)
    monkeypatch.setattr(statistics, "FLIPS", 2000)
    right, covered, nights = 0, 0, 10
    for seed in range(nights):
        night = Night(seed, harm)
        rng = random.Random(seed)
        known = {leaf: rng.gauss(0.3 * (leaf == night.culprit), 0.1) for leaf in night.new} if seed % 2 else {}

        def effect(
            with_it: frozenset[str], without: frozenset[str], victims: tuple[str, ...], night: Night = night
        ) -> Interval:
            asked = victim_items(night.items, victims)
            here, there = ({score.id: score for score in night.scores(e)} for e in (with_it, without))
            return paired_effect(asked, here, there, seed="b1")

        blame = find_culprits(night.new, known, night.without, most_runs=12, effect_of=effect)
        right += names(blame) == [night.culprit]
        found = blame.culprits[0].effect if blame.culprits else None
        covered += found is not None and found.low > 0
    assert right >= 0.9 * nights
    assert covered >= 0.9 * nights


def item(name: str, group: str, suite: str = "heldout", cluster: str = "") -> Item:
    return Item(name, suite, group, "q", "a", cluster)  # type: ignore[arg-type]


def test_the_effect_is_paired_and_clustered() -> None:
    items = [item(str(i), "knowledge/a", cluster=f"c{i // 2}") for i in range(12)]
    with_it = {str(i): Score(str(i), 2.0 + 0.01 * (i % 3), 5) for i in range(12)}
    without = {str(i): Score(str(i), 1.5, 5) for i in range(12)}
    effect = paired_effect(items, with_it, without, seed="b1")
    assert effect == paired_effect(items, with_it, without, seed="b1")
    assert effect.mean == pytest.approx(0.51)
    assert 0.5 <= effect.low <= effect.mean <= effect.high <= 0.52
    with pytest.raises(ValueError, match="no item of the victims"):
        paired_effect([], with_it, without, seed="b1")


def test_where_a_lead_was_lost_the_effect_is_what_margins_lost() -> None:
    items = [item(str(i), "chat", "general") for i in range(12)]
    margins = [None if i < 4 else 1.0 for i in range(12)]
    with_it = {
        str(i): Score(str(i), 1.0, 5, margin=None if margin is None else margin - 0.6)
        for i, margin in enumerate(margins)
    }
    without = {str(i): Score(str(i), 1.5, 5, margin=margin) for i, margin in enumerate(margins)}
    assert paired_effect(items, with_it, without, victims=["lead/chat"], seed="b1").mean == pytest.approx(0.6)
    assert paired_effect(items, with_it, without, victims=["general/chat"], seed="b1").mean == pytest.approx(-0.5)


def test_victims_as_a_verdict_names_them_have_their_items() -> None:
    items = [
        item("1", "knowledge/geo/tarn"),
        item("2", "knowledge/geo/loch"),
        item("3", "knowledge/geography"),
        item("4", "facts", "general"),
        item("5", "safety", "general"),
        item("6", "knowledge/geo/tarn", "audit"),
    ]

    def held(*victims: str) -> str:
        return "".join(found.id for found in victim_items(items, victims))

    assert held("knowledge/geo/tarn") == "1"
    assert held("knowledge/geo/") == "12"
    assert held(ALL_LEAVES) == "123"
    assert [held(name) for name in ("general", "drift", "choices")] == ["45"] * 3
    assert (held("lead/facts"), held("lead/safety")) == ("4", "5")
    assert (held("general/facts"), held("safety"), held("general/facts", "knowledge/geography")) == ("4", "5", "34")
