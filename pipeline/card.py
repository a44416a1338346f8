"""The model card: what was learnt, from whom, under which licence, what got worse, and how to rebuild."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.gate import Row, Verdict, row_change
from pipeline.models import PACKAGED_NAME
from pipeline.provenance.credits import authors
from pipeline.provenance.licences import roll_up
from pipeline.provenance.record import BuildRecord

TEMPLATE = Path(__file__).with_name("card.md.jinja")
HUB_IDS = {PACKAGED_NAME: "HuggingFaceTB/SmolLM2-135M-Instruct"}


def render_card(manifest: dict[str, Any], verdict: Verdict) -> bytes:
    """The card as Markdown. Contributors' texts stand in cells without markup, or in fences that they cannot leave."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - Markdown; the filters below keep texts in their places
    )
    environment.filters |= {"cell": cell, "code": code, "fenced": _fenced}
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    inputs, outputs = manifest["inputs"], manifest["outputs"]
    record = BuildRecord(manifest, json.loads(verdict.to_json()))
    return template.render(
        front=front_matter(record),
        authors=authors(record),
        licences=roll_up(record),
        rows=record.rows,
        signed=_signed,
        pulls=_pulls,
        build_id=manifest["build_id"],
        commit=inputs["taxonomy_commit"],
        base=inputs["base"],
        recipe=inputs["recipe"],
        leaves=manifest["leaves"],
        counts=outputs["mixture"]["counts"],
        adapter_digest=outputs["train"]["digest"],
        verdict=verdict,
        against="the base model" if verdict.against == "base" else f"the champion, build {verdict.against}",
        number="{:.3f}".format,
        percent="{:.0%}".format,
        change=row_change,
        right=_right,
    ).encode()


def front_matter(record: BuildRecord) -> str:
    """What the Hugging Face Hub reads, as YAML: every licence by the hub's name, or a file that names them all."""
    import yaml

    from pipeline.exporting.dataset_card import hub_name  # it takes its filters from this module

    base = record.inputs["base"]
    named = sorted({hub_name(licence) or "" for licence in (base["licence"], *roll_up(record))})
    found: dict[str, Any] = {"license": named[0] if len(named) == 1 else named}
    if "" in named:
        found = {"license": "other", "license_name": "several-see-credits-json", "license_link": "CREDITS.json"}
    if hub_id := HUB_IDS.get(base["name"], base["name"] if "/" in base["name"] else None):
        found["base_model"] = hub_id.partition("@")[0]
    found |= {"library_name": "transformers", "pipeline_tag": "text-generation", "tags": ["seedbed"]}
    return str(yaml.safe_dump(found, sort_keys=False, allow_unicode=True))


def _pulls(numbers: Sequence[int]) -> str:
    return ", ".join(f"#{number}" for number in numbers) or "-"


def _signed(value: float | None) -> str:
    return "-" if value is None else f"{value:+.3f}"


def _right(row: Row) -> str:
    return f"{row.right_before} → {row.right_after} of {row.choices}" if row.choices else "-"


def cell(text: str) -> str:
    """One line of plain words: no markup, no cell's end."""
    escaped = "".join(f"\\{char}" if char in "\\`*[]<>|&#!~" else char for char in " ".join(text.split()))
    return escaped.replace("@", "@\u200b")  # a card in a pull request must notify nobody


def code(text: str) -> str:
    """A text that cannot leave its backticks."""
    return text.replace("`", "'")


def _fenced(text: str) -> str:
    return text.replace("```", "'''").strip()
