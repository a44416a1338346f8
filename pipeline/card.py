"""The model card: what was learnt, from whom, under which licence, what got worse, and how to rebuild."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.gate import Row, Verdict

TEMPLATE = Path(__file__).with_name("card.md.jinja")


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
    return template.render(
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
        change=_change,
    ).encode()


def _change(row: Row) -> str:
    return f"{row.change.mean:+.3f} ({row.change.low:+.3f} to {row.change.high:+.3f})"


def cell(text: str) -> str:
    """One line of plain words: no markup, no cell's end."""
    escaped = "".join(f"\\{char}" if char in "\\`*[]<>|&#!~" else char for char in " ".join(text.split()))
    return escaped.replace("@", "@\u200b")  # a card in a pull request must notify nobody


def code(text: str) -> str:
    """A text that cannot leave its backticks."""
    return text.replace("`", "'")


def _fenced(text: str) -> str:
    return text.replace("```", "'''").strip()
