"""The general suite: complete, without repeats, right where it can be worked out, and apart from the anchors."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.anchors import load_prompts
from pipeline.evaluate.general import CATEGORIES, FOLDER, SuiteError, load_general, plain
from pipeline.evaluate.items import general_items, items_digest
from pipeline.evaluate.port import Item
from tests import general_arithmetic

SUITE = load_general()
MATHS = [item for item in SUITE if item.group == "arithmetic"]
SUM = re.compile(r"What is (\d+) (plus|minus|times|divided by) (\d+)\?")
WORKED: dict[str, Callable[[int, int], int]] = {
    "plus": lambda a, b: a + b,
    "minus": lambda a, b: a - b,
    "times": lambda a, b: a * b,
    "divided by": lambda a, b: a // b,
}


def suite_with(folder: Path, line: str) -> Path:
    for category in CATEGORIES:
        (folder / f"{category}.jsonl").write_text(json.dumps({"question": f"{category}?", "answer": "Yes."}) + "\n")
    (folder / "facts.jsonl").write_text('{"question": "Who?", "answer": "Ada."}\n' + line + "\n")
    return folder


def test_it_is_as_large_as_promised_and_half_of_it_has_choices() -> None:
    counts = Counter(item.group for item in SUITE)
    assert set(counts) == set(CATEGORIES)
    assert 400 <= len(SUITE) <= 500
    assert min(counts.values()) >= 50
    assert sum(bool(item.choices) for item in SUITE) >= len(SUITE) / 2
    assert all(item.choices for item in SUITE if item.group == "safety")
    assert len({item.id for item in SUITE}) == len(SUITE)
    assert {item.suite for item in SUITE} == {"general"}
    assert SUITE[0].id == "facts-001"


def test_choices_are_of_the_references_type() -> None:
    for item in SUITE:
        if item.group in ("facts", "arithmetic") and item.choices:
            shared = len(item.reference.split()) - len({len(c.split()) for c in item.choices})
            assert shared >= 0, item
            assert all(abs(len(c.split()) - len(item.reference.split())) <= 3 for c in item.choices), item
        assert len(item.choices) in (0, 1, 2, 3), item


def test_no_anchor_prompt_is_in_it() -> None:
    asked = {plain(item.question) for item in SUITE}
    assert [prompt for prompt in load_prompts() if plain(prompt) in asked] == []


def test_the_arithmetic_is_what_its_script_makes() -> None:
    assert general_arithmetic.PATH.read_text(encoding="utf-8") == general_arithmetic.text()


def test_the_arithmetic_is_right() -> None:
    """Worked out from the questions alone, apart from the script."""
    checked = 0
    for item in MATHS:
        numbers = [int(n) for n in re.findall(r"\d+", item.question)]
        said = [int(n) for n in re.findall(r"\d+", item.reference)]
        if match := SUM.fullmatch(item.question):
            assert said[-1] == WORKED[match[2]](int(match[1]), int(match[3])), item
            assert match[2] != "divided by" or int(match[1]) % int(match[3]) == 0, item
        elif item.question.startswith("Which number comes next"):
            assert len({b - a for a, b in zip(numbers, [*numbers[1:], *said], strict=True)}) == 1, item
        elif item.question.startswith("Which is larger"):
            assert said == sorted(numbers, reverse=True), item
        elif item.question.startswith("Is "):
            assert ("even" in item.reference) == (numbers[0] % 2 == 0), item
        elif "percent" in item.question:
            assert said[-1] * 100 == numbers[0] * numbers[1], item
        elif match := re.fullmatch(r"What is (half|a third|a fifth) of (\d+)\?", item.question):
            assert said[-1] * {"half": 2, "a third": 3, "a fifth": 5}[match[1]] == int(match[2]), item
        else:
            continue
        checked += 1
    assert checked == len(MATHS) - 22  # twelve stories and ten measures, which a person reads


def test_a_story_is_worked_out_as_it_says() -> None:
    for item in MATHS:
        numbers = [int(n) for n in re.findall(r"\d+", item.question)]
        said = [int(n) for n in re.findall(r"\d+", item.reference)]
        if "gives away" in item.question or "fly away" in item.question:
            assert said == [numbers[0] - numbers[1]], item
        elif "buy" in item.question or "pages" in item.question:
            assert said == [sum(numbers)], item
        elif "box" in item.question or "ticket" in item.question:
            assert said == [numbers[0] * numbers[1]], item


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "facts.jsonl:2: not an object"),
        ('{"question": "Why?"}', "facts.jsonl:2: not an object.*answer"),
        ('{"question": "Why? ", "answer": "So."}', "facts.jsonl:2: .*outer spaces"),
        ('{"question": "Why?", "answer": "So.", "choices": "No."}', "facts.jsonl:2: .*list"),
        ('{"question": "Why?", "answer": "So.", "note": "x"}', "facts.jsonl:2: wanted"),
        ('{"question": "Why?", "answer": "So.", "choices": ["No.", "So."]}', "facts.jsonl:2: .*no one right answer"),
        ('{"question": "who", "answer": "Bob."}', "facts.jsonl:2: .*asked in facts.jsonl:1"),
    ],
)
def test_a_broken_suite_is_refused_with_its_place(tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(SuiteError, match=said):
        load_general(suite_with(tmp_path, line))


def test_a_missing_category_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match=r"facts\.jsonl.*reinstall"):
        load_general(tmp_path)


def test_the_files_hold_nothing_else() -> None:
    assert sorted(path.name for path in FOLDER.iterdir()) == sorted(f"{category}.jsonl" for category in CATEGORIES)
    lines = [line for path in FOLDER.iterdir() for line in path.read_text(encoding="utf-8").splitlines()]
    keys = {key for line in lines for key in json.loads(line)}
    assert keys == {"question", "answer", "choices"}


@pytest.mark.parametrize("category", CATEGORIES)
def test_the_page_has_its_numbers(category: str) -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "general-suite.md").read_text(encoding="utf-8")
    items = [item for item in SUITE if item.group == category]
    assert f"| `{category}` | {len(items)} | {sum(bool(item.choices) for item in items)} |" in page


def test_the_digest_names_choices_too() -> None:
    item = Item("a", "general", "facts", "Who?", "Ada.")
    other = Item("a", "general", "facts", "Who?", "Ada.", choices=("Bob.",))
    assert items_digest([item]) != items_digest([other])
    assert items_digest(general_items(())) == items_digest(SUITE)
