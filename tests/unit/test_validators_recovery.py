from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from validators.limits import Limits
from validators.model import Edit
from validators.recovery import Recovered, recover
from validators.recovery.patch import Mended
from validators.source import Source
from validators.yamlhelp import Problem
from validators.yamltree import Node, YamlError, parse

TOP = "version: 3\ntask_description: Name boats.\ncreated_by: ada\n"
HEAD = TOP + "seed_examples:\n"
LAST = "  - question: Name a ship.\n    answer: Star.\n"
STAR = {"question": "Name a ship.", "answer": "Star."}
CLEAN = HEAD + LAST


def pair(question: str, answer: str = "Gull.") -> str:
    """A leaf whose first example has these two lines, as they are written."""
    return f"{HEAD}  - question: {question}\n    answer: {answer}\n{LAST}"


def is_yaml(text: str) -> bool:
    try:
        parse(Source(text))
    except YamlError:
        return False
    return True


def collide(one: Edit, other: Edit) -> bool:
    same = (one.start, one.end) == (other.start, other.end)
    return same or (one.start < other.end and other.start < one.end)


def applied(text: str, problems: tuple[Problem, ...]) -> str:
    """The text with all fixes that do not collide."""
    edits: list[Edit] = []
    for problem in problems:
        new = problem.fix.edits if problem.fix else ()
        if not any(collide(one, other) for one in new for other in edits):
            edits += new
    return Mended(text, edits).text


def mended(text: str) -> str:
    """The text after as many rounds of fixes as it takes."""
    for _ in range(30):
        if is_yaml(text):
            return text
        new = applied(text, recover(Source(text)).problems)
        if new == text:
            return text
        text = new
    raise AssertionError("the fixes do not come to an end")


def first_seed(text: str) -> Any:
    root = parse(Source(text))
    assert root is not None
    return root.value["seed_examples"][0]


def words(text: str) -> str:
    return "".join(character for character in text if character.isalpha())


BOTH = dict[str, str]
# (name, text, the places at fault, a part of the first message, the first example once mended)
CASES: list[tuple[str, str, list[str], str, Any]] = [
    (
        "text behind the marker",
        pair("| Name a boat.", "|The text starts here\n      and goes on."),
        ["Name a boat.", "The text starts here"],
        "begins on the line of the block marker",
        {"question": "Name a boat.\n", "answer": "The text starts here\nand goes on.\n"},
    ),
    (
        "text behind a folding marker",
        pair("Why?", ">- Because it\n      floats."),
        ["Because it"],
        "the text of `answer` begins on the line of the block marker",
        {"question": "Why?", "answer": "Because it floats."},
    ),
    (
        "a digit behind the marker",
        pair("How much?", "|2 cups of tea"),
        ["2 cups of tea"],
        "block marker",
        {"question": "How much?", "answer": "2 cups of tea\n"},
    ),
    (
        "signs behind the marker",
        pair("Why?", "|.\n      It floats."),
        ["."],
        "signs stand behind the block marker",
        {"question": "Why?", "answer": "It floats.\n"},
    ),
    (
        "a table instead of a marker",
        pair("Draw.", "| a | b |\n      | 1 | 2 |"),
        ["| a | b |"],
        "block marker",
        {"question": "Draw.", "answer": "| a | b |\n| 1 | 2 |\n"},
    ),
    (
        "a sign of the text that looks like a marker",
        pair(">50 boats?", "|x| < 5 holds"),
        [">", "|"],
        "starts with `>`",
        {"question": ">50 boats?", "answer": "|x| < 5 holds"},
    ),
    (
        "a block that is not indented",
        HEAD
        + "  - answer: |\n    It floats: always.\n\n    - on water\n    # and so on\n    end\n    question: Why?\n"
        + LAST,
        ["It floats: always."],
        "the text of `answer` is not indented further than its key",
        {"question": "Why?", "answer": "It floats: always.\n\n- on water\n# and so on\nend\n"},
    ),
    (
        "a line of a block at the left edge",
        pair("Why?", "|\n      It floats.\nIt is light: very.\n      It swims."),
        ["It is light: very."],
        "not indented further than its key",
        {"question": "Why?", "answer": "It floats.\nIt is light: very.\nIt swims.\n"},
    ),
    (
        "a line of a block that is indented less",
        pair("Why?", "|\n        It floats.\n      It swims.\n        It sails."),
        ["It swims."],
        "is indented less than the first",
        {"question": "Why?", "answer": "It floats.\nIt swims.\nIt sails.\n"},
    ),
    (
        "the first line of a block indented more",
        pair("Why?", "|\n        It floats.\n      It swims.\n      It sails."),
        ["It floats."],
        "the first line of the text of `answer` is indented further",
        {"question": "Why?", "answer": "It floats.\nIt swims.\nIt sails.\n"},
    ),
    (
        "a block that begins with code",
        pair("Why?", "|\n          a = 1\n            b\n      It swims.\n      It sails.\n      End."),
        ["It swims."],
        "is indented less than the first",
        {"question": "Why?", "answer": "    a = 1\n      b\nIt swims.\nIt sails.\nEnd.\n"},
    ),
    (
        "a blank line longer than the block",
        pair("Why?", "|\n          \n      It floats."),
        ["          "],
        "a blank line above the text of `answer`",
        {"question": "Why?", "answer": "\nIt floats.\n"},
    ),
    (
        "a line of a plain text at its key's column",
        pair("Why does it\n    float?"),
        ["float?"],
        "not indented further than its key",
        {"question": "Why does it float?", "answer": "Gull."},
    ),
    (
        "a colon in a text",
        pair("What is this: a boat?"),
        [":"],
        "the text of `question` has a colon with a space behind it",
        {"question": "What is this: a boat?", "answer": "Gull."},
    ),
    (
        "a colon and both quotes in a text",
        pair('He said: "it\'s" a boat'),
        [":"],
        "has a colon",
        {"question": 'He said: "it\'s" a boat', "answer": "Gull."},
    ),
    (
        "a colon in a text of some lines",
        pair("What is\n      this: a boat?"),
        [":"],
        "has a colon",
        {"question": "What is this: a boat?", "answer": "Gull."},
    ),
    (
        "a colon in a list",
        pair("How?", "Steps are:\n      1. first: sit\n      2. row"),
        [":"],
        "has a colon",
        {"question": "How?", "answer": "Steps are:\n1. first: sit\n2. row\n"},
    ),
    (
        "a colon in a text below its key",
        pair("\n      What is: this\n      boat?"),
        [":"],
        "has a colon",
        {"question": "What is: this boat?", "answer": "Gull."},
    ),
    (
        "a second colon",
        pair(": What is it?"),
        [":"],
        "a second colon",
        {"question": "What is it?", "answer": "Gull."},
    ),
    (
        "a comment in the middle",
        pair("Use the # sign\n      to mark it"),
        ["#"],
        "ends at ` #`",
        {"question": "Use the # sign to mark it", "answer": "Gull."},
    ),
    (
        "signs that YAML keeps for itself",
        pair("@you", "`code` is"),
        ["@", "`"],
        "starts with `@`",
        {"question": "@you", "answer": "`code` is"},
    ),
    (
        "a list where a text should be",
        pair("- one", "? maybe"),
        ["-", "?"],
        "starts with `-`",
        {"question": "- one", "answer": "? maybe"},
    ),
    (
        "brackets of the text",
        pair("[gull](https://gull.example) what", "{name} sails"),
        ["[", "{"],
        "starts with `[`",
        {"question": "[gull](https://gull.example) what", "answer": "{name} sails"},
    ),
    (
        "bold text",
        pair("**Gull** or tern", "%d boats"),
        ["*", "%"],
        "starts with `*`",
        {"question": "**Gull** or tern", "answer": "%d boats"},
    ),
    (
        "text that looks like a date",
        pair("2024-13-45", "="),
        ["2024-13-45", "="],
        "looks like a date",
        {"question": "2024-13-45", "answer": "="},
    ),
    (
        "an unclosed quote",
        pair('"Name a\n      boat.', '"Gull."'),
        ['"'],
        "the quote that opens the text of `question` is never closed",
        {"question": "Name a boat.", "answer": "Gull."},
    ),
    (
        "a quote closed by another sign",
        pair('"Name a boat.”'),
        ['"'],
        "never closed",
        {"question": "Name a boat.", "answer": "Gull."},
    ),
    (
        "quotes inside quotes",
        pair('"He said "row" to me"', "'It's 'new' he's said'"),
        ['"', "'"],
        "a quote inside the quoted text of `question`",
        {"question": 'He said "row" to me', "answer": "It's 'new' he's said"},
    ),
    (
        "an apostrophe in single quotes",
        pair("'Ann''s \"boat\" isn't here'"),
        ["'"],
        "ends it too early",
        {"question": "Ann's \"boat\" isn't here", "answer": "Gull."},
    ),
    (
        "an apostrophe at the beginning",
        pair("'Twas a boat"),
        ["'"],
        "starts with an apostrophe",
        {"question": "'Twas a boat", "answer": "Gull."},
    ),
    (
        "quoted words in a text",
        pair('"Gull" and "Tern"', '"Gull" is one'),
        [' and "Tern"', " is one"],
        "text stands behind the quote that closes `question`",
        {"question": '"Gull" and "Tern"', "answer": '"Gull" is one'},
    ),
    (
        "text on the line behind a closing quote",
        pair('"Name a boat."\n      Or a ship.'),
        ['"'],
        "text stands behind the quote",
        {"question": '"Name a boat." Or a ship.', "answer": "Gull."},
    ),
    (
        "a comma behind a closing quote",
        pair('"Name a boat.",'),
        [","],
        "text stands behind the quote",
        {"question": "Name a boat.", "answer": "Gull."},
    ),
    (
        "quotes typed twice",
        pair('""Name a boat.""', '"Gull.""'),
        ['"', '"'],
        "ends it too early",
        {"question": "Name a boat.", "answer": "Gull."},
    ),
    (
        "backslashes in double quotes",
        pair('"\\d and \\frac{1}{2} and \\"x\\""', '"C:\\Users\\new"'),
        ["\\d", "\\U"],
        "`\\d` in the double quotes of `question` is no escape",
        {"question": '\\d and \\frac{1}{2} and "x"', "answer": "C:\\Users\\new"},
    ),
    (
        "a key without its colon",
        HEAD + "  - question What is it?\n    answer |\n      A boat: a gull.\n" + LAST,
        ["question", "answer"],
        "the colon after `question` is missing",
        {"question": "What is it?", "answer": "A boat: a gull.\n"},
    ),
    (
        "a list's key without its colon",
        TOP + "seed_examples\n" + LAST,
        ["seed_examples"],
        "the colon after `seed_examples` is missing",
        STAR,
    ),
    (
        "a key without the space",
        HEAD + "  - question:What is: it?\n    answer:|Gull.\n" + LAST,
        [":", ":"],
        "the space after `question:` is missing",
        {"question": "What is: it?", "answer": "Gull.\n"},
    ),
    (
        "typographic colon and quotes",
        HEAD + "  - question： What is it?\n    ‘context’: Birds: all\n    answer = Gull.\n" + LAST,
        ["question：", "‘context’:", ":", "answer ="],
        "is not written as YAML writes a key",
        {"question": "What is it?", "context": "Birds: all", "answer": "Gull."},
    ),
    (
        "tabs as indentation",
        HEAD + "\t- question: What is it?\n\t  answer: |\n\t\t\tA boat.\n\t\t\t  Or so.\n",
        ["\t", "\t  ", "\t\t\t"],
        "a tab is used as indentation",
        {"question": "What is it?", "answer": "A boat.\n  Or so.\n"},
    ),
    (
        "no-break spaces as indentation",
        HEAD + LAST + "\u00a0\u00a0- question: What?\n    answer: Gull.\n",
        ["\u00a0\u00a0"],
        "a space that is none to YAML",
        STAR,
    ),
    (
        "a tab behind the hyphen",
        HEAD + "  -\tquestion: What?\n    answer: Gull.\n",
        ["\t"],
        "a list's item begins with a hyphen and a space",
        {"question": "What?", "answer": "Gull."},
    ),
    (
        "other bullets",
        HEAD + "  • question: What?\n    answer: Gull.\n  1. question: Who?\n    answer: Tern.\n",
        ["• ", "1. "],
        "a list's item begins with a hyphen and a space",
        {"question": "What?", "answer": "Gull."},
    ),
    (
        "a hyphen without its space",
        HEAD + "  -question: What?\n   answer: Gull.\n" + LAST,
        ["-"],
        "a list's item begins with a hyphen and a space",
        {"question": "What?", "answer": "Gull."},
    ),
    (
        "an item at another column",
        HEAD + LAST + " - question: What?\n   answer: |\n      Gull.\n" + LAST,
        [" "],
        "`- question` is indented by 1 space, the lines beside it by 2 spaces",
        STAR,
    ),
    (
        "a key at another column",
        HEAD + "  - question: What?\n   answer: >\n    Gull.\n" + LAST,
        ["   "],
        "`answer` is indented by 3 spaces, the lines beside it by 4 spaces",
        {"question": "What?", "answer": "Gull.\n"},
    ),
    (
        "a key of the example at the left edge",
        HEAD + "  - answer: Gull.\nquestion: What?\n    context: Birds.\n" + LAST,
        ["q"],
        "`question` is indented by no spaces",
        {"question": "What?", "answer": "Gull.", "context": "Birds."},
    ),
    (
        "a key of the top indented",
        "version: 3\n created_by: ada\nseed_examples:\n" + LAST,
        [" "],
        "`created_by` is indented by 1 space, the lines beside it by no spaces",
        STAR,
    ),
    (
        "a key swallowed by a text above",
        "version: 3\ntask_description: |\n  Name boats.\n  seed_examples:\n- question: What?\n  answer: Gull.\n",
        ["  "],
        "`seed_examples` is indented by 2 spaces",
        {"question": "What?", "answer": "Gull."},
    ),
    (
        "an example without its hyphen",
        HEAD + LAST + "  question: What?\n    answer: Gull.\n" + LAST,
        ["question"],
        "the hyphen before `question` is missing",
        STAR,
    ),
    (
        "the first example without its hyphen",
        HEAD + "  question: What?\n    answer: Gull.\n" + LAST,
        ["question"],
        "the hyphen before `question` is missing",
        {"question": "What?", "answer": "Gull."},
    ),
    (
        "examples without the key of their list",
        TOP + LAST,
        ["-"],
        "the line `seed_examples:` above the first example is missing",
        STAR,
    ),
    (
        "an example on the line of the list's key",
        TOP + "seed_examples: - question: What?\n    answer: Gull.\n",
        ["-"],
        "what belongs below `seed_examples:` begins on the same line",
        {"question": "What?", "answer": "Gull."},
    ),
    (
        "a block marker before a list",
        TOP + "seed_examples: |\n- question: What?\n  answer: Gull.\n",
        ["|"],
        "signs stand where the list of `seed_examples` begins",
        {"question": "What?", "answer": "Gull."},
    ),
    ("a line that begins a document", TOP + "---\nseed_examples:\n" + LAST, ["---"], "ends the document here", STAR),
    ("a line that ends a document", TOP + "...\nseed_examples:\n" + LAST, ["..."], "ends the document here", STAR),
    (
        "a rule of hyphens in a text",
        pair("What?", "|\n      Gull.\n---\n      Tern."),
        ["---"],
        "not indented further than its key",
        {"question": "What?", "answer": "Gull.\n---\nTern.\n"},
    ),
    ("a Markdown fence", f"```yaml\n{CLEAN}```\n", ["```yaml", "```"], "a Markdown fence", STAR),
    (
        "a comment of another language",
        f"{TOP}// examples\nseed_examples:\n{LAST}",
        ["//"],
        "a comment begins with",
        STAR,
    ),
    (
        "control characters",
        pair("Na\x08me a boat\x92s\x0bbow."),
        ["\x08", "\x92", "\x0b"],
        "the character U+0008 is not allowed",
        {"question": "Name a boat’s bow.", "answer": "Gull."},
    ),
    ("a byte order mark", f"{TOP}\ufeffseed_examples:\n{LAST}", ["\ufeff"], "a byte order mark", STAR),
    (
        "a line separator",
        pair("What?", "|\n      Gull\u2028or tern."),
        ["\u2028"],
        "the character U+2028 ends the line",
        {"question": "What?", "answer": "Gull or tern.\n"},
    ),
]


@pytest.mark.parametrize(
    ("text", "places", "said", "seed"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_a_fault_is_found_at_its_cause_and_mended(text: str, places: list[str], said: str, seed: Any) -> None:
    assert not is_yaml(text)
    found = recover(Source(text))
    assert [text[problem.start : problem.end] for problem in found.problems] == places
    assert said in found.problems[0].message
    assert all(problem.fix and problem.fix.title and problem.help for problem in found.problems)
    new = applied(text, found.problems)
    assert first_seed(new) == seed
    assert found.root is not None
    assert found.root.value["seed_examples"][0] == seed


@pytest.mark.parametrize("text", [case[1] for case in CASES], ids=[case[0] for case in CASES])
def test_a_mend_touches_nothing_but_the_fault(text: str) -> None:
    before, after = text.splitlines(), mended(text).splitlines()
    assert LAST.splitlines()[0].strip() in "\n".join(after) or LAST not in text
    assert sum(line not in after for line in before) <= 6


@pytest.mark.parametrize("ending", ["\r\n", "\r"])
def test_other_line_endings_stay(ending: str) -> None:
    text = pair("| What?", "Gull: a bird").replace("\n", ending)
    new = mended(text)
    assert new.replace(ending, "").count("\n") == 0
    assert first_seed(new) == {"question": "What?\n", "answer": "Gull: a bird"}


def rules(text: str) -> list[tuple[str, bool]]:
    return [(problem.rule, problem.fix is not None) for problem in recover(Source(text)).problems]


def test_what_evidently_is_text_may_be_quoted_and_the_rest_stays_unsafe() -> None:
    assert rules(pair("*Gull* or tern", "&c and so on")) == [("yaml-syntax", True), ("yaml-unsafe", True)]
    assert rules(pair("!important thing")) == [("yaml-unsafe", True)]
    assert rules(pair("&q What?", "*q")) == [("yaml-unsafe", False), ("yaml-unsafe", False)]
    assert rules(pair("!!python/object:os.system x")) == [("yaml-unsafe", False)]
    assert rules(f"{CLEAN}<<: {{a: b}}\n") == [("yaml-unsafe", False)]
    assert rules(pair("[" * 40 + "]" * 40))[0] == ("yaml-unsafe", False)


def test_an_anchor_that_nobody_uses_can_go() -> None:
    text = CLEAN.replace("ada", "&me ada")
    assert rules(text) == [("yaml-unsafe", True)]
    assert mended(text) == CLEAN


def test_of_several_documents_the_first_is_read() -> None:
    found = recover(Source(f"{CLEAN}---\n{CLEAN}"))
    assert [(problem.rule, problem.fix) for problem in found.problems] == [("yaml-unsafe", None)]
    assert found.root is not None
    assert found.root.value["seed_examples"] == [STAR]


def test_what_nobody_can_know_is_left_out_of_the_reading() -> None:
    text = f"My boats\n\n{HEAD}<<<<<<< ours\n{LAST}=======\n{LAST}>>>>>>> theirs\n"
    found = recover(Source(text))
    assert [text[problem.start : problem.end] for problem in found.problems] == [
        "My boats",
        "<<<<<<< ours",
        "=======",
        ">>>>>>> theirs",
    ]
    assert all(problem.fix is None for problem in found.problems)
    assert found.root is not None
    assert found.root.value["seed_examples"] == [STAR, STAR]


def test_a_text_behind_a_blank_line_is_moved_by_nobody() -> None:
    found = recover(Source(f"{CLEAN}\nThat is all.\n"))
    assert [problem.fix for problem in found.problems] == [None]
    assert found.root is not None


def test_many_faults_are_found_in_one_pass() -> None:
    text = (
        HEAD
        + "  - question: | What is it: a boat?\n   answer: 'It's a gull'\n"
        + "\t- question:Who?\n    answer: @tern\n"
        + "  - question: Why\n    answer |\n    It floats.\n"
        + "document\n  repo: https://github.com/ada/boats\n  commit: abc\n  patterns:\n    - *.md\n"
    )
    found = recover(Source(text))
    lines = [Source(text).position(problem.start)[0] for problem in found.problems]
    assert lines == [5, 6, 6, 7, 7, 8, 10, 11, 12, 16]
    new = parse(Source(mended(text)))
    assert new is not None
    assert new.value["seed_examples"] == [
        {"question": "What is it: a boat?\n", "answer": "It's a gull"},
        {"question": "Who?", "answer": "@tern"},
        {"question": "Why", "answer": "It floats.\n"},
    ]
    assert new.value["document"]["patterns"] == ["*.md"]


def test_places_are_those_of_the_original_text() -> None:
    text = pair("| What\x08?", "Gull: a bird")
    root = recover(Source(text)).root
    assert root is not None
    seed = root.value and root.get("seed_examples")
    assert seed is not None
    [(question, asked), (answer, said)] = seed.items[0].entries
    assert text[question.start : question.end] == "question"
    assert text[asked.start : asked.end] == "| What\x08?"
    assert text[answer.start : answer.end] == "answer"
    assert text[said.start : said.end] == "Gull: a bird"


def test_nothing_to_complain_of() -> None:
    found = recover(Source(CLEAN))
    assert found.problems == ()
    assert found.root == parse(Source(CLEAN))


def test_hopeless_texts_have_a_problem_and_no_tree() -> None:
    for text in ('{"version": 3, "a": "b\n}', "[" * 5000, "\x00" * 9000, "%TAG ! x\n" * 20 + "--- a\n"):
        found = recover(Source(text))
        assert found.problems
        assert found.root is None


def test_too_many_values_stay_an_error() -> None:
    found = recover(Source("\n".join(f"- {i}" for i in range(30))), Limits(nodes=10))
    assert [problem.rule for problem in found.problems] == ["yaml-unsafe"]


HOSTILE = {
    "keys": "a:\n" * 7900,
    "faults": "a: b: c\n" * 7900,
    "quotes": 'a: "\n' * 7900,
    "one quote": 'a: "' + "x\n" * 7900,
    "strays": "- answer: |\n" + "text: here\nmore\n" * 3900,
    "low lines": "seed_examples:\n- answer: |\n" + "text\n" * 7900,
    "bare keys": "question\n" * 7900,
    "hyphens": "- " * 100_000,
    "brackets": "a: " + "{a: " * 50_000,
    "backslashes": 'a: "' + "\\q" * 100_000 + '"\n',
    "inner quotes": 'a: "' + '" "' * 60_000 + "\n",
    "blank lines": "a: b: c\n" + "\t\n" * 7900,
    "controls": "a\x01" * 100_000,
    "separators": "a: |\n  " + "a\u2028" * 100_000,
    "lines": "x\n" * 100_000,
    "deep": "".join(" " * i + "a:\n" for i in range(700)),
    "tabs in a block": "a: |\n" + "\tx\n" * 7900,
    "keys on one line": "questions_and_answers: - " * 10_000,
    "properties": "&a " * 80_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_texts_cost_little(text: str) -> None:
    started = time.process_time()
    recover(Source(text))
    assert time.process_time() - started < 2  # well under one on a machine that does nothing else


# --- properties

PIECES = [
    *[" ", "  ", "\t", "\n", "\n\n", "- ", "-", ": ", ":", "|", "> ", "'", '"', "\\", "#", " # ", "?", ",", "]", "{"],
    *["---\n", "...\n", "question: ", "answer", "context: |\n", "seed_examples:", "@", "*x", "%", "\u00a0", "\ufeff"],
    *["“", "：", "\x00", "\x85", "\u2028", "\r", "\r\n", "<<: ", "Note: "],
]
LEAF = (
    "# boats\n"
    + HEAD
    + "  - context: |\n      A gull is a boat.\n\n        It is: light.\n    question: What is a gull?\n"
    + "    answer: >-\n      A boat, and\n      a bird.\n"
    + "  - question: \"Who's 'Ada'?\"\n    answer: 'A \"sailor\"'\n    context: she sails\n      every day\n"
    + LAST
    + "document:\n  repo: https://github.com/ada/boats\n  commit: abc\n  patterns:\n    - '*.md'\n    - boats.md\n"
)


@st.composite
def broken_leaves(draw: st.DrawFn) -> str:
    text = LEAF
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        kind = draw(st.sampled_from(("insert", "delete", "indent")))
        if kind == "insert":
            text = text[:at] + draw(st.sampled_from(PIECES)) + text[at:]
        elif kind == "delete":
            text = text[:at] + text[at + draw(st.integers(1, 8)) :]
        else:
            start = text.rfind("\n", 0, at) + 1
            text = text[:start] + " " * draw(st.integers(0, 8)) + text[start:].lstrip(" ")
    return text


def check_places(node: Node, size: int) -> None:
    """Every node lies within the text, and behind what stands before it."""
    assert 0 <= node.start <= node.end <= size
    before = 0
    for part in node.items or [part for entry in node.entries for part in entry]:
        assert part.start >= before
        before = part.start
        check_places(part, size)


def check(text: str, found: Recovered) -> None:
    size = len(text)
    for problem in found.problems:
        assert problem.rule in ("yaml-syntax", "yaml-value", "yaml-unsafe", "yaml-character")
        assert 0 <= problem.start <= problem.end <= size
        if problem.fix:
            assert Mended(text, problem.fix.edits).text != text
            assert all(0 <= edit.start <= edit.end <= size for edit in problem.fix.edits)
    assert list(found.problems) == sorted(found.problems, key=lambda problem: (problem.start, problem.end))
    if found.root:
        check_places(found.root, size)


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.text(max_size=80), st.lists(st.sampled_from(PIECES), max_size=30).map("".join)))
def test_any_text_is_read_to_the_end(text: str) -> None:
    found = recover(Source(text))
    check(text, found)
    assert bool(found.problems) or is_yaml(text)


@settings(max_examples=250, deadline=None)
@given(broken_leaves())
def test_a_broken_leaf_is_read_and_mended_without_loss(text: str) -> None:
    found = recover(Source(text))
    check(text, found)
    if is_yaml(text):
        return
    assert found.problems
    if all(problem.fix for problem in found.problems):
        assert is_yaml(applied(text, found.problems))
    new = mended(text)
    assert words(new) == words(text) or "seed_examples" in new  # a missing key may have been added
    assert len(words(new)) >= len(words(text))
    assert mended(new) == new
