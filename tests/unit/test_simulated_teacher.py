"""The teacher that the generation bench measures with: as fast as the curve says, and right in what it counts."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from pipeline.flows import filters
from tests.bench import generate_texts as texts
from tests.bench.generate_leaves import TAXONOMY, documents, edited, knowledge, skills
from tests.bench.generate_meter import BLOCK, Meter, PrefixCache
from tests.bench.generate_replies import chat_reply, completion_reply, seeds_of
from tests.bench.generate_speed import MEASURED, SLOTS, SimulatedEngine, tokens_per_second
from tests.bench.simulated_teacher import SimulatedTeacher
from validators import lint


class Clock(asyncio.SelectorEventLoop):
    """A loop whose time passes only in sleep, and then at once."""

    now = 0.0

    def time(self) -> float:
        return self.now

    def _run_once(self) -> None:
        waiting = [timer.when() for timer in self._scheduled if not timer.cancelled()]  # type: ignore[attr-defined]
        if not self._ready and waiting:  # type: ignore[attr-defined]
            self.now = max(self.now, min(waiting))
        super()._run_once()  # type: ignore[misc]


def timed(work: Callable[[], Coroutine[Any, Any, Any]]) -> tuple[float, Any]:
    """Seconds of a simulated clock, and the result."""
    loop = Clock()
    try:
        return (result := loop.run_until_complete(work())) and loop.now, result
    finally:
        loop.close()


@pytest.mark.parametrize(("count", "speed"), MEASURED)
def test_the_curve_goes_through_the_measured_points(count: int, speed: float) -> None:
    assert tokens_per_second(count) == speed


def test_the_curve_is_straight_between_them_and_flat_beyond() -> None:
    assert tokens_per_second(0) == 0
    assert tokens_per_second(6) == pytest.approx((76 + 138) / 2)
    assert tokens_per_second(10_000) == MEASURED[-1][1]


@pytest.mark.parametrize("count", [1, 4, 32, 256])
def test_equal_sequences_end_together_when_the_engine_has_written_them_all(count: int) -> None:
    async def write() -> bool:
        engine = SimulatedEngine()
        await asyncio.gather(*(engine.write(50) for _ in range(count)))
        return True

    seconds, _ = timed(write)
    assert seconds == pytest.approx(50 * count / tokens_per_second(count), rel=1e-6)


def test_a_longer_sequence_has_the_engine_for_itself_once_the_shorter_is_done() -> None:
    async def write() -> list[int]:
        engine, ends = SimulatedEngine(speed_up=10), []

        async def one(length: int) -> None:
            await engine.write(length)
            ends.append(length)

        await asyncio.gather(one(30), one(10))
        return ends

    seconds, ends = timed(write)
    assert ends == [10, 30]
    assert seconds == pytest.approx((20 / tokens_per_second(2) + 20 / tokens_per_second(1)) / 10, rel=1e-6)


def test_what_finds_no_place_waits_and_what_is_cancelled_gives_its_place_away() -> None:
    async def write() -> tuple[int, int]:
        peaks: list[int] = []
        engine = SimulatedEngine(changed=peaks.append)
        tasks = [asyncio.ensure_future(engine.write(10)) for _ in range(SLOTS + 5)]
        await asyncio.sleep(0.1)
        for task in tasks[:10]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return max(peaks), engine.in_flight

    _, (peak, left) = timed(write)
    assert (peak, left) == (SLOTS, 0)


def test_a_prefix_cache_hits_whole_blocks_of_a_shared_beginning() -> None:
    cache, prompt = PrefixCache(), [str(number) for number in range(5 * BLOCK + 3)]
    assert cache.hit(prompt) == 0
    assert cache.hit(prompt) == 5 * BLOCK
    assert cache.hit([*prompt[: 2 * BLOCK], "other", *prompt]) == 2 * BLOCK
    assert cache.hit(prompt[: 2 * BLOCK]) == BLOCK, "the last token is always computed"
    assert cache.hit(["other", *prompt]) == 0


def test_a_bounded_cache_forgets_what_was_not_used_for_longest() -> None:
    cache = PrefixCache(2 * BLOCK)
    first, second = ([f"{name}{number}" for number in range(2 * BLOCK + 1)] for name in "ab")
    assert [cache.hit(one) for one in (first, first, second, first)] == [0, 2 * BLOCK, 0, 0]


def test_a_meter_weighs_what_was_in_flight_by_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("tests.bench.generate_meter.time.monotonic", lambda: now)
    meter = Meter()
    meter.asked(["a"] * 20, 2, "text")
    for at, count in ((0.0, 2), (6.0, 1), (8.0, 0), (9.0, 1), (10.0, 0)):
        now = at
        meter.in_flight(count)
    meter.answered(7)
    report = meter.report(1.0)
    assert report["in_flight_mean"] == pytest.approx((2 * 6 + 1 * 2 + 1 * 1) / 10)
    assert (report["share_any"], report["in_flight_peak"], report["seconds"]) == (0.9, 2, 10.0)
    assert report["in_flight_quantiles"] == {"p10": 0, "p50": 2, "p90": 2}
    assert report["in_flight_over_time"][0] == 2.0
    used = (6 * tokens_per_second(2) + 3 * tokens_per_second(1)) / 10 / tokens_per_second(256)
    assert report["speed_used"] == pytest.approx(used, abs=1e-3)


FREEFORM = "Now generate 3 such questions. Return each question between [Start of Question] and [End of Question] tags."
JUDGE = (
    "[Start of Question]\nWhy?\n[End of Question]\nrate it on a scale of 1 to 3\n"
    "* Return the evaluation between [Start of Evaluation] and [End of Evaluation] tags.\n"
    "* Return the score between [Start of Score] and [End of Score] tags."
)


def test_the_references_prompts_are_answered_in_their_tags() -> None:
    questions = re.findall(r"\[Start of Question\](.*?)\[End of Question\]", completion_reply(FREEFORM, 0).text, re.S)
    assert len({one.strip() for one in questions}) == 3
    judged = completion_reply(JUDGE, 0).text
    assert re.search(r"\[Start of Score\]\s*3\s*\[End of Score\]", judged)
    assert re.search(r"\[Start of Evaluation\]\s*\w.*\[End of Evaluation\]", judged, re.S)


def test_the_same_prompt_and_seed_have_the_same_reply_and_others_another() -> None:
    replies = [completion_reply(FREEFORM, seed).text for seed in (1, 1, 2)]
    assert replies[0] == replies[1] != replies[2]


KNOWN = seeds_of([TAXONOMY])
SCHEMA = {
    "type": "object",
    "properties": {"score": {"type": "integer", "enum": [1, 2, 3]}, "safe": {"type": "boolean"}},
}


def verdict(question: str, answer: str, context: str = "") -> dict[str, Any]:
    """What the teacher says of a pair."""
    given = f"Text:\n{context}\n\nTask: any\n\n" if context else ""
    prompt = f"{given}Judge.\n\nQuestion:\n{question}\n\nAnswer:\n{answer}"
    found: dict[str, Any] = json.loads(chat_reply([{"role": "user", "content": prompt}], SCHEMA, 0, KNOWN).text)
    return found


@pytest.mark.parametrize("leaf", [leaf for leaf, _ in skills()], ids=lambda leaf: leaf.path)
def test_its_judge_tells_seeds_from_corruptions_of_them(leaf: Any) -> None:
    good, other = leaf.seeds[0], leaf.seeds[1]
    pair = good.pairs[0]
    assert verdict(pair.question, pair.answer, good.context) == {"score": 3, "safe": True}
    assert verdict(pair.question, other.pairs[0].answer, good.context) == {"score": 1, "safe": False}
    assert verdict(pair.question, pair.answer.rsplit(" ", 2)[0], good.context)["score"] == 1
    if good.context:
        assert verdict(pair.question, pair.answer, other.context)["score"] == 1


def test_its_judge_is_pleased_with_its_own_answers() -> None:
    for number in range(20):
        question = texts.question(number)
        messages = [{"role": "user", "content": f"Answer it.\n\nQuestion: {question}"}]
        answer = chat_reply(messages, None, 0, {}).text
        assert verdict(question, answer)["score"] == 3


def test_questions_and_answers_are_of_their_lengths_and_no_near_duplicates() -> None:
    questions = [texts.question("leaf", number) for number in range(150)]
    lengths = [len(texts.tokens(one)) for one in questions]
    assert 16 < sum(lengths) / len(lengths) < 20
    answers = [texts.answer(one) for one in questions]
    assert 50 < sum(len(texts.tokens(one)) for one in answers) / len(answers) < 70
    near = sum(any(filters.duplicate(one, other) for other in questions[:place]) for place, one in enumerate(questions))
    assert near <= 2


def test_a_list_of_prompts_and_n_make_so_many_sequences_each_counted() -> None:
    async def ask() -> tuple[dict[str, Any], dict[str, Any]]:
        teacher = SimulatedTeacher(1.0, {})
        reply = await teacher.completions({"prompt": ["test1", "test2"], "n": 3, "max_tokens": 1})
        return reply, teacher.meter.report(1.0)

    reply, report = asyncio.run(ask())
    assert [choice["finish_reason"] for choice in reply["choices"]] == ["length"] * 6
    assert reply["usage"]["completion_tokens"] == 6
    assert (report["requests"], report["sequences"], report["in_flight_peak"]) == (1, 6, 6)


def test_the_benchs_own_leaves_are_good_and_their_seeds_stand_in_the_document() -> None:
    files = {str(path.relative_to(TAXONOMY)): path.read_bytes() for path in TAXONOMY.rglob("*") if path.is_file()}
    assert {finding.rule for finding in lint(files).findings} == {"informing-only"}, (
        "as of most leaves, and nothing else"
    )
    assert len(skills()) == 10
    (leaf, _), *_ = knowledge()
    assert leaf.document is not None
    document = documents(leaf.document)
    whole = " ".join(" ".join(file.text for file in getattr(document, "files", ())).split())
    assert all(" ".join(seed.context.split()) in whole for seed in leaf.seeds)


def test_an_edited_leaf_differs_in_one_answer() -> None:
    (leaf, _), *_ = skills()
    changed = edited(leaf)
    pairs = zip(leaf.seeds, changed.seeds, strict=True)
    assert sum(before != after for before, after in pairs) == 1
