from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.leaf_texts import KNOWLEDGE_PATH, SKILL_PATH, knowledge, skill, tree
from validators import LintConfig, lint
from validators.migration.migrate import Migration, migrate
from validators.migration.passages import find, passages

COMPAT = LintConfig(select=("compat",))

LAMPS = """\
# The lamps of Low Pier

The lamp of Low Pier burned whale oil until the keeper planted rapeseed behind the tower.

Its glass was ground in a workshop at Orrin Head, by two sisters who never saw the sea.

The light is seen from nineteen miles, and from twenty one when the frost has cleaned the air.

A bell of bronze stands beside the door, and it is rung by hand whenever fog hides the rocks.

The stairs count two hundred and six steps, of which the topmost nine are made of larch.
"""


def old_knowledge(pairs: int = 5, *, version: int | None = None, dash: str = "  ", extra: str = "") -> str:
    lines = [] if version is None else [f"version: {version}"]
    lines += ["created_by: keeper", "domain: lamps", "seed_examples:"]
    for i in range(pairs):
        lines += [f"{dash}- question: What of lamp {i}?", f"{dash}  answer: |", f"{dash}    It has {i} wicks.", ""]
    return "\n".join([*lines[:-1], ""]) + "task_description: How lamps are kept\n" + extra


DOCUMENT = "document:\n  repo: https://github.com/example/lamps\n  commit: " + "a1" * 20 + "\n  patterns: [lamps.md]\n"


def migrated(path: str, text: str, *, document: str = "") -> Migration:
    """What becomes of a leaf; whatever it is, doing it twice must change nothing, and values must be there."""
    files = tree(path, text)
    result = migrate(path, files, document=document)
    again = migrate(path, files | {path: result.text.encode()})
    assert again.text == result.text
    if not result.problem:
        assert again.steps == ()
        assert again.missing == result.missing
        report = lint(files | {path: result.text.encode()}, changed=[path], config=COMPAT)
        known = {finding.rule for finding in result.missing} | {"trailing-spaces", "new-line-at-end-of-file"}
        assert {finding.rule for finding in report.findings if finding.level == "error"} <= known
    return result


def rules(result: Migration) -> list[str]:
    return [finding.rule for finding in result.missing]


def test_version_3_stays_byte_for_byte() -> None:
    for path, text in ((SKILL_PATH, skill()), (KNOWLEDGE_PATH, knowledge())):
        text = "\ufeff# mine\r\n" + text.replace("version: 3", "version:   3 # yes")
        result = migrate(path, tree(path, text.encode("utf-8")))
        assert (result.text, result.steps, result.complete) == (text, (), True)


def test_a_skill_gets_the_version_line_and_nothing_else() -> None:
    result = migrated(SKILL_PATH, "# About paint.\n---\n" + skill(version=None, context=True))
    assert result.text == "# About paint.\n---\n" + skill(context=True)
    assert result.steps == ("added `version: 3`",)
    assert result.complete


def test_a_skill_of_version_2_keeps_its_comments_and_line_ends() -> None:
    text = skill(version=2).replace("version: 2", "version: 2  # old").replace("\n", "\r\n")
    result = migrated(SKILL_PATH, text)
    assert result.text == text.replace("version: 2", "version: 3")
    assert result.steps == ("`version: 2` is now `version: 3`",)


def test_unknown_keys_become_comments_where_they_stand() -> None:
    text = """\
created_by: painter-1
domain: arts
task_description: Say which paint a mixture gives.
seed_examples:
  - attribution:
      - source: self-authored

        license: Apache-2.0
    question: What do red and blue give?
    answer: |
      Purple.
    # Mixed by hand.
    source: |
      my own
        paint box
  - question: And red and white?
    answer: Pink.
    source: [mine]
"""
    result = migrated(SKILL_PATH, text)
    assert (
        result.text
        == """\
version: 3
created_by: painter-1
# domain: arts
task_description: Say which paint a mixture gives.
seed_examples:
  # attribution:
  #   - source: self-authored
  #
  #     license: Apache-2.0
  - question: What do red and blue give?
    answer: |
      Purple.
    # Mixed by hand.
    # source: |
    #   my own
    #     paint box
  - question: And red and white?
    answer: Pink.
    # source: [mine]
"""
    )
    assert result.steps == (
        "`domain` became a comment: version 3 has no such key there",
        "`attribution` of a seed example became a comment: version 3 has no such key there",
        "`source` of a seed example became comments (2 times): version 3 has no such key there",
        "added `version: 3`",
    )


def test_misspelt_keys_are_set_right_and_what_is_missing_is_listed_with_its_place() -> None:
    text = skill(seeds=3, version=None).replace("created_by", "created.by").replace("seed_examples", "seed-examples")
    result = migrated(SKILL_PATH, text)
    assert result.text == skill(seeds=3)
    assert [(f.rule, f.line, f.help) for f in result.missing] == [("schema-too-few", 4, "Add 2 more.")]
    assert not result.complete


def test_no_text_is_taken_for_a_version() -> None:
    text = skill(version=None) + "revision: Corrected by my aunt\n"
    result = migrated(SKILL_PATH, text)
    assert result.text == "version: 3\n" + text.replace("revision", "# revision")


def test_keys_of_the_other_kind_stay_to_be_seen() -> None:
    result = migrated(SKILL_PATH, skill(version=1) + DOCUMENT)
    assert result.text == skill() + DOCUMENT
    assert rules(result) == ["schema-unknown-key"]


def test_an_empty_task_is_listed_and_not_invented() -> None:
    text = skill(version=None).replace("Say which paint a mixture gives.", "''")
    result = migrated(SKILL_PATH, text)
    assert result.text == "version: 3\n" + text
    assert [(f.rule, f.line) for f in result.missing] == [("schema-empty-text", 3)]


def test_what_a_new_version_asks_for_beside_the_file() -> None:
    result = migrate(SKILL_PATH, tree(SKILL_PATH, skill(version=None), attribution=None))
    assert rules(result) == ["attribution-missing"]


def test_knowledge_without_a_document_is_grouped_by_three_under_placeholders() -> None:
    text = old_knowledge(4).replace("  - question: What of lamp 1?", "  # The big one.\n  - question: What of lamp 1?")
    text = text.replace("seed_examples:\n", "seed_examples:  # all of them\n  # The first.\n")
    result = migrated(KNOWLEDGE_PATH, text)
    assert (
        result.text
        == """\
version: 3
created_by: keeper
domain: lamps
# TODO seedbed migrate: say where the document lies
document:
  repo: "TODO: give the address of the git repository that holds the document"
  commit: "TODO: give the commit, 40 digits"
  patterns:
    - "TODO: name the document's file, such as comets.md"
seed_examples:  # all of them
  # TODO seedbed migrate: add 3 more contexts, each with 3 questions
  # TODO seedbed migrate: copy the passage that answers this into the context
  - context: |
      TODO: copy here the passage of the document that answers these questions
    questions_and_answers:
      # The first.
      - question: What of lamp 0?
        answer: |
          It has 0 wicks.

      # The big one.
      - question: What of lamp 1?
        answer: |
          It has 1 wicks.

      - question: What of lamp 2?
        answer: |
          It has 2 wicks.

  # TODO seedbed migrate: copy the passage that answers this into the context, and add 2 more questions
  - context: |
      TODO: copy here the passage of the document that answers these questions
    questions_and_answers:
      - question: What of lamp 3?
        answer: |
          It has 3 wicks.
document_outline: How lamps are kept
"""
    )
    assert [(f.rule, f.line) for f in result.missing] == [
        ("placeholder-left", 6),
        ("placeholder-left", 7),
        ("placeholder-left", 9),
        ("schema-too-few", 10),
        ("placeholder-left", 14),
        ("placeholder-left", 32),
        ("schema-too-few", 33),
    ]
    assert "grouped 4 questions under 2 contexts" in result.steps


def test_list_style_of_the_author_is_kept() -> None:
    result = migrated(KNOWLEDGE_PATH, old_knowledge(3, version=2, dash="", extra=DOCUMENT))
    assert result.text.startswith(
        """\
version: 3
created_by: keeper
domain: lamps
seed_examples:
# TODO seedbed migrate: add 4 more contexts, each with 3 questions
# TODO seedbed migrate: copy the passage that answers this into the context
- context: |
    TODO: copy here the passage of the document that answers these questions
  questions_and_answers:
  - question: What of lamp 0?
    answer: |
      It has 0 wicks.
"""
    )
    findings = lint(tree(KNOWLEDGE_PATH, result.text), config=COMPAT).findings
    assert {f.rule for f in findings} == {"schema-too-few"}


def test_a_document_gives_the_contexts_verbatim() -> None:
    questions = [
        ("What did the keeper plant?", "The keeper planted rapeseed."),
        ("Who ground the glass?", "Two sisters ground it in a workshop."),
        ("What did the lamp burn?", "It burned whale oil."),
        ("How many steps have the stairs?", "Two hundred and six, nine of larch."),
        ("How far is the light seen?", "Nineteen miles, or twenty one after frost."),
        ("When is the bell rung?", "When fog hides the rocks."),
        ("Who sells umbrellas in Samarkand?", "Nobody knows."),
    ]
    lines = "".join(f"- answer: {answer}\n  question: {question}\n" for question, answer in questions)
    text = "created_by: keeper\ndomain: lamps\nseed_examples:\n" + lines + DOCUMENT + "document_outline: Lamps\n"
    result = migrated(KNOWLEDGE_PATH, text, document=LAMPS)
    seeds = yaml.safe_load(result.text)["seed_examples"]
    assert [seed["context"].strip() for seed in seeds[:2]] == [
        "# The lamps of Low Pier\n\n"
        "The lamp of Low Pier burned whale oil until the keeper planted rapeseed behind the tower.",
        "Its glass was ground in a workshop at Orrin Head, by two sisters who never saw the sea.",
    ]
    assert [[pair["question"] for pair in seed["questions_and_answers"]] for seed in seeds] == [
        ["What did the keeper plant?", "What did the lamp burn?"],
        ["Who ground the glass?"],
        ["How many steps have the stairs?"],
        ["How far is the light seen?"],
        ["When is the bell rung?"],
        ["Who sells umbrellas in Samarkand?"],
    ]
    assert "grouped 7 questions under 6 contexts, 5 of them taken from the document" in result.steps
    assert rules(result).count("placeholder-left") == 1


def test_a_complete_leaf_can_come_out_of_a_document() -> None:
    parts = passages(LAMPS)
    lines = ""
    for part in parts:
        words = part.rpartition("\n")[2].rstrip(".").split()
        lines += "".join(
            f"  - question: What about {' '.join(words[i : i + 3])}?\n    answer: {' '.join(words[i:])}\n"
            for i in (1, 4, 7)
        )
    text = "version: 2\ncreated_by: k\ndomain: d\ndocument_outline: o\n" + DOCUMENT + "seed_examples:\n" + lines
    result = migrated(KNOWLEDGE_PATH, text, document=LAMPS.replace("\n", "\r\n"))
    assert result.complete
    assert "TODO" not in result.text
    assert [seed["context"].strip() for seed in yaml.safe_load(result.text)["seed_examples"]] == parts


def test_contexts_that_the_author_gave_stay_with_their_questions() -> None:
    text = """\
created_by: keeper
domain: lamps
document_outline: Lamps
seed_examples:
  - context: |
      Oil burns.
    question: Does oil burn?
    answer: It does.
  - question: Is glass clear?
    context: Glass is clear.   # as we know
    answer: It is.
  - answer: Yes.
    context: |
      Oil burns.
    question: Really?
  - question: Lost?
    answer: "No,
      found."
    context:
"""
    result = migrated(KNOWLEDGE_PATH, text + DOCUMENT)
    assert result.text.partition("seed_examples:\n")[2] == (
        """\
  # TODO seedbed migrate: add 2 more contexts, each with 3 questions
  # TODO seedbed migrate: add 1 more question
  - context: |
      Oil burns.
    questions_and_answers:
      - question: Does oil burn?
        answer: It does.
      - answer: Yes.
        question: Really?
  # TODO seedbed migrate: add 2 more questions
  - context: Glass is clear.   # as we know
    questions_and_answers:
      - question: Is glass clear?
        answer: It is.
  # TODO seedbed migrate: copy the passage that answers this into the context, and add 2 more questions
  - context: |
      TODO: copy here the passage of the document that answers these questions
    questions_and_answers:
      - question: Lost?
        answer: "No,
          found."
"""
        + DOCUMENT
    )


def test_examples_that_have_their_contexts_already_are_not_touched() -> None:
    text = knowledge().replace("version: 3", "version: 2")
    assert migrated(KNOWLEDGE_PATH, text).text == knowledge()
    mixed = text + "  # flat\n  - question: What of all lamps?\n    answer: They shine.\n"
    result = migrated(KNOWLEDGE_PATH, mixed)
    assert result.text.startswith(knowledge())
    assert len(yaml.safe_load(result.text)["seed_examples"]) == 6


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("document:\n", 'document:\n  # TODO seedbed migrate: say where the document lies\n  repo: "TODO: give', 13),
        ("document: # soon\n  pattern: [a.md]\n", "  patterns: [a.md]\n", 13),
    ],
)
def test_a_document_that_lacks_parts_gets_placeholders_for_them(old: str, new: str, line: int) -> None:
    result = migrated(KNOWLEDGE_PATH, old_knowledge(3, extra=old))
    assert new in result.text
    assert "# soon" not in old or "document: # soon\n" in result.text
    assert rules(result).count("placeholder-left") >= 3


def test_an_outline_that_is_there_makes_the_task_a_comment() -> None:
    result = migrated(KNOWLEDGE_PATH, old_knowledge(3, extra=DOCUMENT + "document_outline: Lamps\n"))
    assert "\n# task_description: How lamps are kept\n" in result.text


@pytest.mark.parametrize("empty", ["''", '""  # later', "", "|"])
def test_an_empty_task_becomes_an_outline_to_be_written(empty: str) -> None:
    text = old_knowledge(3).replace(" How lamps are kept", f" {empty}".rstrip())
    result = migrated(KNOWLEDGE_PATH, text)
    assert yaml.safe_load(result.text)["document_outline"] == "TODO: say in one line what the document is about"
    assert ("# later" in empty) == ("# later" in result.text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"seed_examples": []}\n', "in braces"),
        ("haiku:\n  question: a\n  answer: b\n", "none of a leaf's keys"),
        ("created_by: [\n", "line 1: "),
    ],
)
def test_what_cannot_be_carried_over_is_left_and_says_why(text: str, words: str) -> None:
    result = migrate(SKILL_PATH, tree(SKILL_PATH, text))
    assert result.text == text
    assert words in result.problem
    assert not result.complete


def test_foundational_skills_and_empty_files_are_left() -> None:
    for path, text in (("foundational_skills/a/qna.yaml", skill(version=1)), (SKILL_PATH, "# nothing\n")):
        assert migrate(path, tree(path, text)).text == text


def test_a_list_in_brackets_is_listed_and_left() -> None:
    text = "created_by: a\ndomain: b\nseed_examples: [{question: a, answer: b}]\ndocument_outline: o\n" + DOCUMENT
    result = migrated(KNOWLEDGE_PATH, text)
    assert result.text == "version: 3\n" + text
    assert "schema-version" in rules(result)


def test_neighbouring_passages_join_where_contexts_are_enough() -> None:
    document = "\n\n".join(f"Passage {word} speaks of {word} and of what {word} does all day." for word in NAMES)
    pairs = [(f"What does {word} do?", f"It is {word}.") for word in NAMES]
    found, left = find(pairs, document)
    assert left == []
    assert [part.pairs for part in found] == [[0, 1, 2], [3, 4, 5], [6], [7], [8]]
    assert all(part.passage in document for part in found)


def test_more_than_five_pairs_share_a_passage_in_portions() -> None:
    document = "The bell of bronze is rung by hand whenever fog hides the rocks.\n\nNobody asks about larch steps here."
    found, left = find([("When is the bell rung?", f"In fog {i}.") for i in range(7)], document)
    assert ([len(part.pairs) for part in found], left) == ([3, 4], [])
    assert found[0].passage == found[1].passage


def test_long_paragraphs_are_cut_at_sentences() -> None:
    paragraph = " ".join(f"Sentence {i} has exactly seven words here." for i in range(200))
    parts = passages(paragraph)
    assert len(parts) > 3
    assert all(len(part.split()) <= 320 and part in paragraph and part.endswith(".") for part in parts)


NAMES = ("anvils", "bellows", "chisels", "drills", "engines", "files", "gauges", "hammers", "irons")

TEXT = st.text(st.sampled_from(list("aé b:#-'\"|>\n\t\\{}[]&*!%@,?\u2028\x850")), max_size=40)
STYLES = st.sampled_from(["|", ">", "'", '"', None])


class _Styled(str):
    style: str | None = None


def _dump(data: object, indent: int, flush: bool) -> str:
    class Dumper(yaml.SafeDumper):
        def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
            super().increase_indent(flow, indentless and flush)

    Dumper.add_representer(
        _Styled, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style=text.style)
    )
    return yaml.dump(data, Dumper=Dumper, indent=indent, sort_keys=False, allow_unicode=True, width=30)


@st.composite
def styled(draw: st.DrawFn) -> _Styled:
    text = _Styled(draw(TEXT))
    text.style = draw(STYLES)
    return text


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries({"question": styled(), "answer": styled()}, optional={"source": styled()}), max_size=8
    ),
    st.sampled_from([2, 4]),
    st.booleans(),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([KNOWLEDGE_PATH, SKILL_PATH]),
    st.sampled_from(["", LAMPS]),
)
def test_no_text_is_lost_however_it_is_written(
    seeds: list[dict[str, str]], indent: int, flush: bool, line_end: str, path: str, document: str
) -> None:
    root = {"created_by": "a", "task_description": "t", "seed_examples": seeds, "domain": "d"}
    text = _dump(root, indent, flush).replace("\n", line_end)
    old = yaml.safe_load(text)
    result = migrated(path, text, document=document)
    assert not result.problem
    new = yaml.safe_load(result.text)
    pairs = [
        (pair["question"], pair["answer"])
        for seed in new["seed_examples"]
        for pair in seed.get("questions_and_answers", [seed])
    ]
    assert sorted(pairs) == sorted((seed["question"], seed["answer"]) for seed in old["seed_examples"])
    comments = sum(line.lstrip().startswith("# source:") for line in result.text.splitlines())
    assert comments == sum("source" in seed for seed in seeds)


def test_what_the_seed_examples_say_of_their_source_becomes_the_attribution() -> None:
    told = "    attribution:\n      - source: self-authored\n        license: Apache-2.0\n"
    seeds = "".join(f"  - question: Say {n}.\n    answer: The number {n} in full.\n{told}" for n in range(5))
    text = f"created_by: ada-lovelace\ntask_description: Say numbers.\nseed_examples:\n{seeds}"
    path = "compositional_skills/a/numbers/qna.yaml"
    done = migrate(path, {path: text.encode()})
    assert done.complete
    assert done.attribution == (
        "Title of work: Own work\nLicense of the work: Apache-2.0\nCreator names: ada-lovelace\n"
    )
    beside = path.replace("qna.yaml", "attribution.txt")
    assert migrate(path, {path: text.encode(), beside: b"Mine.\n"}).attribution == ""
