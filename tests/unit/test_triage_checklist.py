"""The reviewer's checklist: what the bot can tell, in words, and what it leaves to people."""

from __future__ import annotations

import re

from hypothesis import given

from bot.pulls import Decision, LintPart, PullState, TriagePart
from bot.reading import PullFiles
from bot.render import texts
from bot.render.triage import lines
from bot.triage import overlap
from bot.triage.checklist import POINTS, Line, fill
from bot.triage.topics import WORDS, sensitive
from pipeline.store.memory import MemoryStore
from tests.integration.bot_bench import GOOD, LEAF, QNA
from tests.unit.test_bot_escape import FORBIDDEN, NASTY, plain_text, tokens
from validators.engine import lint
from validators.model import Change, Finding, Report
from validators.registry import RULES
from validators.rules import load_rules

KNOWLEDGE = "knowledge/science/otters"


def read(files: dict[str, bytes] = GOOD, leaves: tuple[str, ...] = (LEAF,), tree: tuple[str, ...] = ()) -> PullFiles:
    change = Change(tree=frozenset({*files, *tree}))
    return PullFiles(files, tuple(files), leaves, (), change)


def finding(rule: str, level: str = "warning", path: str = QNA, message: str = "something `x` is off") -> Finding:
    return Finding(rule, level, path, 3, 1, 3, 2, message, "mend it")  # type: ignore[arg-type]


def report(*findings: Finding) -> Report:
    return Report(findings, 2)


def of(name: str, filled: tuple[Line, ...]) -> list[Line]:
    title = texts.POINTS[name][0]
    return [line for line in filled if line[1].startswith(f"{title}: ")]


def test_every_rule_of_the_list_is_a_rule_of_the_linter() -> None:
    load_rules()
    named = [rule for point in POINTS for rule in point.rules]
    assert set(named) <= set(RULES)
    assert len(set(named)) == len(named)
    assert {point.name for point in POINTS} | {"topics", "overlap"} == set(texts.POINTS)


def test_a_good_leaf_leaves_nothing_open_but_what_the_linter_says() -> None:
    found = lint(GOOD, changed=tuple(GOOD))
    filled = fill(found, read())
    assert {mark for mark, _ in of("licence", filled)} == {"ok"}
    assert of("overlap", filled)[0][0] == "ok"
    assert not of("document", filled)  # a skill has none


def test_errors_must_change_and_the_rest_is_looked_at() -> None:
    wrong = report(
        finding("attribution-license", "error", f"{LEAF}/attribution.txt", "the licence is not accepted"),
        finding("model-name"),
        finding("model-name", path="knowledge/a/qna.yaml"),
    )
    filled = fill(wrong, read())
    place = f"`{LEAF}/attribution.txt`"
    assert of("licence", filled) == [("bad", f"Licence: the licence is not accepted ({place})")]
    assert of("voice", filled) == [("look", f"Voice: something `x` is off (`{QNA}` and 1 more)")]
    assert of("signoff", filled)[0][0] == "ok"


def test_what_could_not_be_read_is_not_called_fine() -> None:
    filled = fill(report(finding("yaml-syntax", "error")), read())
    assert of("examples", filled) == [("look", texts.POINT_UNREAD.format(point="Examples", path=QNA))]
    assert of("licence", filled)[0][0] == "ok"  # attribution.txt was read


def test_knowledge_has_a_document() -> None:
    files = {f"{KNOWLEDGE}/qna.yaml": b"version: 3\n"}
    filled = fill(report(finding("document-commit", "error")), read(files, (KNOWLEDGE,)))
    assert of("document", filled)[0][0] == "bad"
    assert of("support", filled)[0][0] == "ok"


def test_without_leaves_there_is_no_list() -> None:
    assert fill(report(), read({}, ())) == ()


def test_sensitive_words_are_for_a_person_to_look_at() -> None:
    files = {QNA: GOOD[QNA].replace(b"Moss", b"A dosage of moss and a Gun")}
    filled = of("topics", fill(report(), read(files)))
    assert [mark for mark, _ in filled] == ["look", "look"]
    assert "`dosage` may be about medical advice" in filled[0][1]
    assert sensitive(["the gunwale of a taxonomy, bombastic"]) == []
    assert set(WORDS) == set(texts.TOPICS)


def test_namesakes_elsewhere_in_the_taxonomy_are_shown() -> None:
    twin = "compositional_skills/grounded/sleep"
    filled = of("overlap", fill(report(), read(tree=(f"{twin}/qna.yaml",))))
    assert filled == [("look", f"Overlap: `{LEAF}` has the same name as `{twin}`")]


def test_other_open_pull_requests_on_the_same_leaf_are_shown() -> None:
    store = MemoryStore()
    mine, theirs = PullState(7, LintPart("a" * 40, leaves=(LEAF,))), PullState(8, LintPart("b" * 40, leaves=(LEAF,)))
    for state in (mine, theirs):
        overlap.note(store, PullState(state.number), state)
    assert overlap.others(store, 7, [LEAF, KNOWLEDGE]) == {LEAF: [8]}
    filled = of("overlap", fill(report(), read(), {LEAF: [8]}))
    assert filled == [("look", f"Overlap: `{LEAF}` is also changed by pull request #8")]
    moved = PullState(8, LintPart("c" * 40, leaves=(KNOWLEDGE,)))
    overlap.note(store, theirs, moved)
    assert overlap.others(store, 7, [LEAF, KNOWLEDGE]) == {KNOWLEDGE: [8]}
    overlap.note(store, moved, PullState(8, moved.lint, triage=TriagePart("merged")))
    assert overlap.others(store, 7, [LEAF, KNOWLEDGE]) == {}


@given(NASTY)
def test_foreign_words_in_the_list_are_shown_and_not_obeyed(text: str) -> None:
    filled = fill(report(finding("model-name", message=f"this says {text}", path=f"{text}/qna.yaml")), read())
    triage = TriagePart("on-hold", checklist=filled, hold=Decision("grace", "", why=text))
    head, _, _, listed, _ = lines(PullState(7, triage=triage))
    for markdown in (head.removeprefix("**On hold.**"), listed):
        assert not {token.type for token in tokens(markdown)} & FORBIDDEN
        assert texts.MARKER not in markdown
        assert not re.search(r"@[A-Za-z0-9]|#\d|GH-\d", plain_text(markdown), re.IGNORECASE)


def test_the_list_is_folded_and_counts() -> None:
    filled: tuple[Line, ...] = (("ok", "Licence: fine"), ("look", "Voice: names `GPT`"), ("bad", "Sign-off: missing"))
    blocks = list(lines(PullState(7, triage=TriagePart("needs-review", checklist=filled))))
    assert blocks[1] == "<details><summary>For the reviewer: 1 of 3 points of the checklist look fine</summary>"
    assert blocks[3] == "- ✅ Licence: fine.\n- 👀 Voice: names `GPT`.\n- ❌ Sign-off: missing."
    assert blocks[4] == "</details>"
