"""The memory of what follows from object names."""

from __future__ import annotations

import pytest

from bot.localhub.facts import Facts


def test_a_fact_is_made_once() -> None:
    facts, made = Facts(), []
    for _ in range(3):
        assert facts.get("key", lambda: made.append(1) or "value") == "value"  # type: ignore[func-returns-value]
    assert made == [1]


def test_none_is_a_fact_and_an_error_is_not() -> None:
    facts, made = Facts(), []

    def fail() -> None:
        made.append(1)
        raise ValueError("made in vain")

    for _ in range(2):
        with pytest.raises(ValueError, match="in vain"):
            facts.get("bad", fail)
    assert made == [1, 1]
    assert facts.get("none", lambda: None) is None
    assert facts.get("none", lambda: 1) is None


def test_the_least_recently_used_go_first() -> None:
    facts = Facts(limit=80)
    for name in "abc":
        facts.get(name, lambda name=name: name, lambda _: 10)  # type: ignore[misc]
    for number in range(6):
        facts.get("a", lambda: "again", lambda _: 10)
        facts.get(number, lambda: "new", lambda _: 10)
    assert facts.get("a", lambda: "again") == "a"
    assert facts.get("b", lambda: "again", lambda _: 10) == "again"
    assert facts.get("huge", lambda: "huge", lambda _: 11) == "huge"
    assert facts.get("huge", lambda: "not kept", lambda _: 1) == "not kept"
