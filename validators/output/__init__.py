"""Reports as text for people and in the formats that programs read; strings out, nothing printed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Literal, get_args

from validators.model import Report
from validators.output.plain_json import render_json
from validators.output.text import render_text, visible

Format = Literal["text", "json", "github", "sarif", "rdjson"]
FORMATS: tuple[Format, ...] = get_args(Format)

__all__ = ["FORMATS", "Format", "render", "render_json", "render_text", "visible"]


def render(format: Format, report: Report, files: Mapping[str, bytes], *, color: bool = False) -> str:
    """The report in one of `FORMATS`. `files` holds the contents that were judged, by the paths of the findings.

    `color` has a meaning for "text" alone.
    """
    if format == "text":
        return render_text(report, files, color=color)
    if format == "json":
        return render_json(report)
    # The others are loaded when they are asked for: most people read text.
    other: Callable[[Report, Mapping[str, bytes]], str] = import_module(f"{__name__}.{format}").render
    return other(report, files)
