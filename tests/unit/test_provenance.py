"""Credits, licences, bill of materials, statement: what they say, and that the same build says the same bytes."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from pipeline.provenance import bom, credits, statement
from pipeline.provenance.licences import NOT_STATED, Policy, check, problems, roll_up, stated_licences, works
from pipeline.provenance.record import ProvenanceError, commit_date, describe_files, read_record
from tests.building import bare_repository
from tests.releases import BUILD, DATE, LEAVES, OWN, leaf, promoted, record


def test_credits_name_every_leaf_with_its_measured_effect(tmp_path: Path) -> None:
    told = json.loads(credits.credit(record(tmp_path)))
    greetings, rhymes, tides, winds = told["leaves"]
    assert greetings["effect"] == {
        "questions": 4, "before": 3.0, "after": 2.4, "change": -0.6, "low": -0.9, "high": -0.3
    }  # fmt: skip
    assert (greetings["author"], greetings["pull_request"], greetings["licences"]) == ("ada", 7, ["CC-BY-4.0"])
    assert rhymes["trained_rows"] == 22
    assert tides["effect"] is None
    assert (winds["effect"]["change"], winds["effect"]["low"]) == (-0.4, None)  # one question knows no interval
    assert tides["works"][0] == {
        "title": "Tides", "link": "", "revision": "", "licences": ["CC-BY-SA-4.0"], "creators": ["W, V"]
    }  # fmt: skip
    assert told["licences"]["CC-BY-SA-4.0"] == ["knowledge/tides"]


def test_credits_are_rolled_up_by_author(tmp_path: Path) -> None:
    ada, ben, cleo = credits.authors(record(tmp_path))
    assert ada["leaves"] == ["compositional_skills/greetings", "compositional_skills/rhymes"]
    assert (ada["pull_requests"], ada["trained_rows"], ada["questions"]) == ([7, 9], 44, 6)
    assert ada["change"] == pytest.approx((-0.6 * 4 + 0.2 * 2) / 6, abs=1e-6)
    assert (ada["improved"], ada["worsened"]) == (1, 1)
    assert (ben["author"], ben["change"], ben["questions"]) == ("ben", None, 0)
    assert (cleo["change"], cleo["improved"]) == (-0.4, 0)


def test_the_same_build_gives_the_same_bytes(tmp_path: Path) -> None:
    one, other = record(tmp_path / "1"), record(tmp_path / "2")
    files = describe_files(tmp_path / "1" / "builds" / BUILD / "model", ["model.safetensors"])
    assert credits.credit(one) == credits.credit(other)
    assert bom.bill(one, files) == bom.bill(other, files)
    assert statement.state(one, files) == statement.state(other, files)


@pytest.mark.parametrize(
    ("text", "stated"),
    [
        (OWN, ("CC-BY-4.0",)),
        ("License of the work: CC-BY-4.0\n\nTitle: x\nLicense: MIT", ("CC-BY-4.0", "MIT")),
        ("This is my own work, under Apache-2.0.", ("Apache-2.0",)),
        ("Title of work: x\nCreator names: y", (NOT_STATED,)),
        ("", (NOT_STATED,)),
    ],
)
def test_what_an_attribution_states(text: str, stated: tuple[str, ...]) -> None:
    assert stated_licences(text) == stated


@pytest.mark.parametrize(
    ("stated", "accepted"),
    [
        ("CC-BY-4.0", True),
        ("Creative Commons Attribution-ShareAlike 4.0 International", True),
        ("Public Domain", True),
        ("MIT OR GPL-3.0-only", True),
        ("MIT AND GPL-3.0-only", False),
        ("CC-BY-NC-4.0", False),
        ("all rights reserved", False),
        (NOT_STATED, False),
    ],
)
def test_the_policy_accepts_what_may_be_passed_on(stated: str, accepted: bool) -> None:
    assert Policy().accepts(stated) is accepted


def test_the_policy_is_the_operators(tmp_path: Path) -> None:
    found = record(tmp_path)
    assert problems(found, Policy()) == []
    assert problems(found, Policy(("CC-BY-4.0",))) == ["leaf knowledge/tides is under CC-BY-SA-4.0"]
    assert Policy(("GPL-3.0-only",)).accepts("GPL-3.0-only")
    assert not Policy(("MIT",)).accepts("public domain")


def test_a_leaf_without_a_known_licence_is_named(tmp_path: Path) -> None:
    bad = leaf("knowledge/rumours", "eve", 13, "Title of work: Rumours\nLicense of the work: ask me")
    with pytest.raises(ProvenanceError, match="leaf knowledge/rumours states no licence that is known: ask me") as said:
        check(record(tmp_path, leaves=(*LEAVES, bad)), Policy())
    assert "licences_allowed" in str(said.value)


def test_licences_are_rolled_up(tmp_path: Path) -> None:
    assert roll_up(record(tmp_path)) == {
        "CC-BY-4.0": ["compositional_skills/greetings", "compositional_skills/rhymes", "knowledge/winds"],
        "CC-BY-SA-4.0": ["knowledge/tides"],
    }


def test_works_keep_what_people_wrote() -> None:
    (work,) = works("Title of work: A <b>\nLink to work: https://example.org/x\nRevision: 3\nCreator names: Ada")
    assert (work.title, work.link, work.revision, work.creators) == ("A <b>", "https://example.org/x", "3", ("Ada",))


def test_the_bill_keeps_to_the_official_schema(tmp_path: Path) -> None:
    odd = leaf("knowledge/odd", "eve", None, "Title of work: Odd\nLicense of the work: something of ours")
    found = record(tmp_path, leaves=(*LEAVES, odd))
    files = describe_files(tmp_path / "builds" / BUILD / "model", ["model.safetensors"])
    data = bom.bill(found, files)
    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(data.decode())
    assert error is None


def test_the_bill_names_model_base_and_data(tmp_path: Path) -> None:
    found = record(tmp_path)
    files = describe_files(tmp_path / "builds" / BUILD / "model", ["model.safetensors"])
    told = json.loads(bom.bill(found, files))
    model = told["metadata"]["component"]
    assert told["metadata"]["timestamp"] == DATE
    assert (model["type"], model["version"]) == ("machine-learning-model", f"build-{BUILD}")
    assert model["components"][0]["hashes"][0]["content"] == files[0].sha256
    kinds = [component["type"] for component in told["components"]]
    assert kinds == ["machine-learning-model", *["data"] * 4, "library", "library"]
    assert told["components"][0]["licenses"] == [{"license": {"id": "Apache-2.0"}}]
    refs = {component["bom-ref"] for component in told["components"]}
    assert {entry["ref"] for entry in model["modelCard"]["modelParameters"]["datasets"]} <= refs
    metrics = model["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]
    assert metrics[0]["confidenceInterval"] == {"lowerBound": "-0.900000", "upperBound": "-0.300000"}
    assert "confidenceInterval" not in metrics[2]


def test_the_statement_names_files_and_what_they_were_made_from(tmp_path: Path) -> None:
    found = record(tmp_path)
    files = describe_files(tmp_path / "builds" / BUILD / "model", ["model.safetensors", "config.json"])
    told = json.loads(statement.state(found, files, taxonomy_url="https://example.org/t.git"))
    assert told["_type"] == "https://in-toto.io/Statement/v1"
    assert told["predicateType"] == "https://slsa.dev/provenance/v1"
    assert [subject["name"] for subject in told["subject"]] == ["config.json", "model.safetensors"]
    definition, details = told["predicate"]["buildDefinition"], told["predicate"]["runDetails"]
    by_name = {entry["name"]: entry for entry in definition["resolvedDependencies"]}
    assert by_name["base:SmolLM2-135M-Instruct"]["digest"] == {"sha256": "d" * 64}
    assert by_name["taxonomy"]["digest"] == {"gitCommit": "c" * 40}
    assert by_name["taxonomy"]["uri"] == f"git+https://example.org/t.git@{'c' * 40}"
    assert {"recipe", "environment", "mixture", "dataset:knowledge/tides"} <= set(by_name)
    assert details["metadata"] == {"invocationId": BUILD, "startedOn": DATE}
    raw = (tmp_path / "builds" / BUILD / "manifest.json").read_bytes()
    assert details["byproducts"][0]["digest"]["sha256"] == hashlib.sha256(raw).hexdigest()


def test_a_date_that_nobody_told_is_left_out(tmp_path: Path) -> None:
    found = read_record(promoted(tmp_path))
    assert "timestamp" not in json.loads(bom.bill(found, ()))["metadata"]
    assert "startedOn" not in json.loads(statement.state(found, ()))["predicate"]["runDetails"]["metadata"]


def test_the_date_is_that_of_the_taxonomy_commit(tmp_path: Path) -> None:
    commit = bare_repository(tmp_path / "t.git")
    assert commit_date(tmp_path / "t.git", commit) == "2023-11-14T22:13:20Z"
    with pytest.raises(ProvenanceError, match="cannot be read from"):
        commit_date(tmp_path / "t.git", "9" * 40)


def test_a_damaged_record_is_told(tmp_path: Path) -> None:
    folder = promoted(tmp_path)
    (folder / "verdict.json").write_text("{")
    with pytest.raises(ProvenanceError, match=r"verdict\.json cannot be read .*; the ledger branch seedbed/builds"):
        read_record(folder)
