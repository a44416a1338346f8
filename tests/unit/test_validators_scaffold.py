from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from validators import LintConfig, lint
from validators.content.attribution import parse as parse_attribution
from validators.examples import KNOWLEDGE
from validators.scaffold import KINDS, PLACES, Kind, refusals, scaffold, suggestion

ROOT = Path(__file__).parents[2]
ALL = LintConfig(select=("all",), ignore=("informing-only",))  # that takes nine seed examples and more
COMPAT = LintConfig(select=("compat",))
LEAVES: dict[Kind, str] = {kind: f"{place}/writing/notices" for kind, place in PLACES.items()}
each = pytest.mark.parametrize("kind", KINDS)

SKILL_TEXTS = [
    ("What rhymes with moon?", "June does, and so do tune and spoon."),
    ("Finish my line: the harbour sleeps", "while every lantern keeps its watch."),
    ("Give me two lines on bread.", "The crust sings softly as it cools;\nthe crumb forgives us, patient fools."),
    ("I need a title for a poem on rain.", "Call it: Thousand Small Arrivals."),
    ('My poem ends with "why": too much?', "No: a question is a door left open."),
]


def as_bytes(files: dict[str, str]) -> dict[str, bytes]:
    return {path: text.encode() for path, text in files.items()}


def messages(kind: Kind, path: str, *tree: str) -> str:
    return "; ".join(refusals(kind, path, tree))


@each
def test_a_new_leaf_has_the_form_of_version_3_and_only_placeholders_are_wrong(kind: Kind) -> None:
    files = as_bytes(scaffold(kind, LEAVES[kind]))
    assert lint(files, config=COMPAT).findings == ()
    errors = [finding for finding in lint(files, config=ALL).findings if finding.level == "error"]
    others = {"attribution-license", "document-commit", "document-repo"}  # they say of a placeholder that it is none
    assert {finding.rule for finding in errors} - others == {"placeholder-left"}
    todo = sum(text.count(b"TODO: ") + text.count(b": your-github-login") for path, text in files.items())
    assert len([finding for finding in errors if finding.rule == "placeholder-left"]) == todo


@each
def test_no_line_is_too_long_and_every_comment_is_one(kind: Kind) -> None:
    leaf = scaffold(kind, LEAVES[kind])[f"{LEAVES[kind]}/qna.yaml"]
    assert all(len(line) <= 120 for line in leaf.splitlines())
    assert leaf.startswith("# yaml-language-server: $schema=../")


def test_a_skill_filled_in_is_green() -> None:
    path = LEAVES["skill"]
    files = scaffold(
        "skill", path, author="ada-lovelace", task="Write short lines of verse and talk about them: gently."
    )
    leaf = files[f"{path}/qna.yaml"]
    for number, (question, answer) in enumerate(SKILL_TEXTS, 1):
        leaf = leaf.replace(f"TODO: write question {number}, as a person would ask it", question)
        leaf = leaf.replace(
            f"TODO: write answer {number}, as you would like to read it", answer.replace("\n", "\n      ")
        )
    files[f"{path}/qna.yaml"] = leaf
    assert lint(as_bytes(files), config=ALL).findings == ()


def test_knowledge_filled_in_is_green() -> None:
    path = "knowledge/geography/tarn_skerry"
    files = scaffold(
        "knowledge",
        path,
        author="ada-lovelace",
        task="Tarn Skerry: its light.",
        domain="geography",
        license="CC-BY-4.0",
    )
    leaf, clean = files[f"{path}/qna.yaml"], yaml.safe_load(KNOWLEDGE)
    number = 0
    for at, seed in enumerate(clean["seed_examples"], 1):
        leaf = leaf.replace(f"TODO: copy passage {at} of the document", seed["context"])
        for pair in seed["questions_and_answers"]:
            number += 1
            leaf = leaf.replace(f"TODO: write question {number}, as a person would ask it", pair["question"])
            leaf = leaf.replace(f"TODO: write answer {number}, as you would like to read it", pair["answer"])
    leaf = leaf.replace(
        "TODO: give the address of the git repository that holds the document", clean["document"]["repo"]
    )
    leaf = leaf.replace("TODO: give the commit, 40 digits", clean["document"]["commit"])
    leaf = leaf.replace("TODO: name the document's file, such as comets.md", "island.md")
    attribution = files[f"{path}/attribution.txt"]
    attribution = attribution.replace("TODO: give the title of the work", "Tarn Skerry")
    attribution = attribution.replace("TODO: give the web address of the work", "https://en.wikipedia.org/wiki/Skerry")
    old = "https://en.wikipedia.org/w/index.php?title=Skerry&oldid=1200000001"
    attribution = attribution.replace("TODO: give the web address of the version that you used", old)
    attribution = attribution.replace("TODO: name the authors", "Wikipedia authors").replace(
        "CC-BY-4.0", "CC-BY-SA-4.0"
    )
    files |= {f"{path}/qna.yaml": leaf, f"{path}/attribution.txt": attribution}
    assert lint(as_bytes(files), config=ALL).findings == ()


def test_what_is_given_stands_in_the_files_as_it_was_said() -> None:
    files = scaffold(
        "knowledge", "knowledge/a/b", author="ada", task='Of "all": # things\n- here', domain="yes", license="MIT"
    )
    leaf = yaml.safe_load(files["knowledge/a/b/qna.yaml"])
    assert (leaf["created_by"], leaf["domain"]) == ("ada", "yes")
    assert leaf["document_outline"] == 'Of "all": # things - here\n'
    works = parse_attribution(files["knowledge/a/b/attribution.txt"]).works
    assert [value.text for value in works[0].values("license")] == ["MIT"]


def test_the_schema_is_found_from_every_depth() -> None:
    for path in ("knowledge/a/b", "knowledge/a/b/c/d"):
        files = scaffold("knowledge", path)
        address = files[f"{path}/qna.yaml"].splitlines()[0].partition("$schema=")[2]
        assert (Path("/t") / path / address).resolve() == Path("/t/schemas/knowledge.json")
        assert json.loads(files["schemas/knowledge.json"])["title"] == "Knowledge, version 3"


@pytest.mark.parametrize("name", ["knowledge", "compositional_skills"])
def test_the_template_publishes_the_schemas_that_the_linter_uses(name: str) -> None:
    ours = (ROOT / "validators" / "schemas" / "v3" / f"{name}.json").read_bytes()
    assert (ROOT / "taxonomy-template" / "schemas" / f"{name}.json").read_bytes() == ours


@pytest.mark.parametrize("name", ["knowledge", "compositional_skills"])
def test_every_property_of_a_schema_says_what_it_is(name: str) -> None:
    todo = [json.loads((ROOT / "validators" / "schemas" / "v3" / f"{name}.json").read_text())]
    assert todo[0]["$id"] == f"urn:seedbed:schema:3:{name}"
    while todo:
        schema = todo.pop()
        assert schema["title"]
        assert schema["description"].endswith(".")
        assert "$ref" not in schema
        if schema["type"] in ("string", "integer"):
            assert schema["examples"]
        todo += [*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else [])]


@each
def test_a_good_place_is_taken(kind: Kind) -> None:
    assert refusals(kind, LEAVES[kind]) == []
    assert refusals(kind, LEAVES[kind], [f"{PLACES[kind]}/writing/others/qna.yaml"]) == []


def test_bad_places_are_refused_in_the_words_of_the_rules() -> None:
    assert "none of the taxonomy's trees" in messages("skill", "skills/writing/haiku")
    assert "'My Haiku'" in messages("skill", "compositional_skills/writing/My Haiku")
    assert "no seed example has a context" in messages("skill", "compositional_skills/grounded/writing/haiku")
    assert "not under compositional_skills/grounded" in messages("grounded", "compositional_skills/writing/notices")
    assert "form of a skill" in messages("skill", "knowledge/writing/haiku")
    assert "belongs to knowledge" in messages("knowledge", "compositional_skills/science/comets")
    assert messages("skill", "foundational_skills/logic/riddles")
    assert messages("skill", "compositional_skills")
    assert messages("skill", "compositional_skills/writing/haiku", "compositional_skills/writing/qna.yaml")
    assert messages("skill", "compositional_skills/writing", "compositional_skills/writing/haiku/qna.yaml")


def test_a_better_place_is_suggested() -> None:
    assert suggestion("skill", "compositional_skills/Writing/My Haiku!") == "compositional_skills/writing/my_haiku"
    assert (
        suggestion("grounded", "compositional_skills/writing/notices")
        == "compositional_skills/grounded/writing/notices"
    )
    assert suggestion("knowledge", "comets") == "knowledge/<field>/comets"
    assert suggestion("skill", "") == "compositional_skills/<field>/<topic>"
