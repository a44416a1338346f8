"""Prompts are Jinja files in `prompts/`, one a stage, each cut into chat turns by headings such as `== user ==`."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.flows.filters import strip_control
from pipeline.teacher.port import Message

if TYPE_CHECKING:
    from jinja2 import Template

FOLDER = Path(__file__).with_name("prompts")
_HEADING = re.compile(r"^== (system|example user|example assistant|user) ==\n", re.MULTILINE)


@lru_cache
def prompt(name: str) -> Prompt:
    """The prompt of the file `prompts/<name>.jinja`."""
    return Prompt((FOLDER / f"{name}.jinja").read_text())


class Prompt:
    """A chat to fill in. The file is cut before it is filled, so that no seed text can pose as a turn of its own."""

    def __init__(self, source: str) -> None:
        from jinja2 import Environment, StrictUndefined

        # No escaping: this is plain text for a model, never HTML.
        environment = Environment(autoescape=False, undefined=StrictUndefined, finalize=_plain)  # noqa: S701
        pieces = _HEADING.split(source)[1:]
        self._parts: dict[str, Template] = {
            heading: environment.from_string(body.strip())
            for heading, body in zip(pieces[::2], pieces[1::2], strict=True)
        }
        self.digest = hashlib.sha256(source.encode()).hexdigest()

    def render(self, variables: Mapping[str, object], examples: Sequence[Mapping[str, object]]) -> tuple[Message, ...]:
        """System turn, one user and assistant turn for each of `examples`, and the user's turn."""
        messages = [Message("system", self._parts["system"].render(variables))]
        for example in examples:
            both = {**variables, **example}
            messages.append(Message("user", self._parts["example user"].render(both)))
            messages.append(Message("assistant", self._parts["example assistant"].render(both)))
        messages.append(Message("user", self._parts["user"].render(variables)))
        return tuple(messages)


def _plain(value: object) -> object:
    return strip_control(value).strip() if isinstance(value, str) else value
