"""The model card's credits, licences and commands, and contributors' texts that stay in their places."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.card import front_matter, render_card
from pipeline.gate import Verdict, verdict_from
from pipeline.provenance.record import BuildRecord
from tests.releases import BUILD, LEAVES, leaf, promoted

HOSTILE = "Title of work: x\nLicense of the work: MIT\nCreator names: ```\n# Owned\n<img src=x>"


def verdict(folder: Path) -> Verdict:
    data = json.loads((folder / "verdict.json").read_bytes())
    for row in data["rows"]:
        row |= {"f1_before": 0.1, "f1_after": 0.4}
    return verdict_from(data)


def parts(tmp_path: Path, *more: dict[str, Any]) -> tuple[dict[str, Any], Verdict]:
    folder = promoted(tmp_path, leaves=(*LEAVES, *more))
    return json.loads((folder / "manifest.json").read_bytes()), verdict(folder)


def render(tmp_path: Path, *more: dict[str, Any]) -> str:
    return render_card(*parts(tmp_path, *more)).decode()


def test_the_card_says_who_taught_what_and_what_it_did(tmp_path: Path) -> None:
    card = render(tmp_path)
    assert "| ada | 2 | #7, #9 | 44 | 6 | -0.333 | 1, 1 |" in card
    assert "| ben | 1 | #12 | 22 | 0 | - | 0, 0 |" in card
    assert "| CC-BY-SA-4.0 | knowledge/tides |" in card


def test_the_card_says_how_to_run_verify_and_rebuild(tmp_path: Path) -> None:
    card = render(tmp_path)
    for command in (
        "transformers",
        "vllm serve",
        "llama-cli -m",
        "ollama create",
        "sha256sum -c",
        "seedbed publish --verify",
    ):
        assert command in card
    assert f"Build `{BUILD}`" in card


def test_the_same_build_has_the_same_card(tmp_path: Path) -> None:
    assert render(tmp_path / "1") == render(tmp_path / "2")


def test_texts_of_contributors_stay_in_their_places(tmp_path: Path) -> None:
    card = render(tmp_path, leaf("knowledge/a|b<c>`d", "eve|<script>@all", 13, HOSTILE))
    outside = "".join(part for number, part in enumerate(card.split("```")) if number % 2 == 0)
    assert "# Owned" not in outside
    assert "<img" not in outside
    assert "<script>" not in outside.replace("\\<script\\>", "")
    assert "@all" not in card
    assert "'''\n# Owned" in card


SMOLLM2 = {"license": "apache-2.0", "base_model": "HuggingFaceTB/SmolLM2-135M-Instruct"}
TWO = {"license": ["apache-2.0", "mit"], "base_model": "org/model"}
OTHER = {"license": "other", "license_name": "several-see-credits-json", "license_link": "CREDITS.json"}


@pytest.mark.parametrize(
    ("base", "attribution", "front"),
    [
        ("SmolLM2-135M-Instruct", "License: Apache-2.0", SMOLLM2),
        ("org/model@0123abcd", "License: MIT", TWO),
        ("folder", "License: ask me", OTHER),
    ],
)
def test_the_hub_reads_licences_and_base(tmp_path: Path, base: str, attribution: str, front: dict[str, Any]) -> None:
    manifest, found = parts(tmp_path)
    manifest["inputs"]["base"]["name"] = base
    manifest["leaves"] = [leaf("knowledge/x", "ada", 1, attribution)]
    told = yaml.safe_load(front_matter(BuildRecord(manifest, json.loads(found.to_json()))))
    same = {"library_name": "transformers", "pipeline_tag": "text-generation", "tags": ["seedbed"]}
    assert told == front | same
