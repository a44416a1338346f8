"""Prompts are Jinja files in `prompts/`, one a stage, each cut into chat turns by headings such as `== user ==`.

`prompts/plain/` shows examples to small teachers, `prompts/schema/` instructs large ones. A taxonomy may bring files of
the same names in its own folder `prompts/`; they are read from its base commit and win.
"""

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
TAXONOMY_FOLDER = "prompts"
MAX_BYTES = 32_000
_HEADING = re.compile(r"^== (system|example user|example assistant|user) ==\n", re.MULTILINE)


class PromptError(ValueError):
    """A prompt file cannot be used. The message names the file, says what is wrong and what to do."""


class Prompt:
    """A chat to fill in. The file is cut before it is filled, so that no seed text can pose as a turn of its own."""

    def __init__(self, source: str, name: str = "prompt") -> None:
        """Raises `PromptError` where it is no template, or lacks its system or its user turn."""
        from jinja2 import StrictUndefined, TemplateError
        from jinja2.sandbox import ImmutableSandboxedEnvironment

        # No escaping: this is plain text for a model, never HTML. Sandboxed: a taxonomy may bring its own.
        environment = ImmutableSandboxedEnvironment(autoescape=False, undefined=StrictUndefined, finalize=_plain)
        pieces = _HEADING.split(source)[1:]
        try:
            self._parts: dict[str, Template] = {
                heading: environment.from_string(body.strip())
                for heading, body in zip(pieces[::2], pieces[1::2], strict=True)
            }
        except TemplateError as error:
            raise PromptError(f"{name}: not a Jinja template: {error}") from error
        lacking = [heading for heading in ("system", "user") if heading not in self._parts]
        if lacking:
            raise PromptError(f"{name}: lacks the heading `== {lacking[0]} ==`; copy the packaged file and change that")
        self.name = name
        self.source = source
        self.digest = hashlib.sha256(source.encode()).hexdigest()

    def render(
        self, variables: Mapping[str, object], examples: Sequence[Mapping[str, object]] = ()
    ) -> tuple[Message, ...]:
        """System turn, user and assistant turn for each of `examples`, the user's turn. Raises `PromptError`."""
        from jinja2 import TemplateError

        try:
            messages = [Message("system", self._parts["system"].render(variables))]
            for example in examples:
                both = {**variables, **example}
                messages.append(Message("user", self._parts["example user"].render(both)))
                messages.append(Message("assistant", self._parts["example assistant"].render(both)))
            messages.append(Message("user", self._parts["user"].render(variables)))
        except (TemplateError, KeyError, TypeError) as error:
            raise PromptError(f"{self.name}: cannot be filled in: {error}") from error
        return tuple(messages)


class Prompts:
    """The packaged prompts, with `overrides`: name such as "plain/freeform_question" → file content."""

    def __init__(self, overrides: Mapping[str, str] | None = None) -> None:
        """Raises `PromptError` where an override is no prompt, or replaces nothing."""
        self._own = {name: Prompt(source, name) for name, source in (overrides or {}).items()}
        unknown = sorted(name for name in self._own if not (FOLDER / f"{name}.jinja").is_file())
        if unknown:
            raise PromptError(f"{unknown[0]}: there is no such prompt; {', '.join(names())} are known")

    def get(self, name: str) -> Prompt:
        """The prompt `name`."""
        return self._own.get(name) or packaged(name)


def prompts_of(files: Mapping[str, bytes]) -> Prompts:
    """The packaged prompts with those that a taxonomy brings: path in its repository → content.

    Raises `PromptError` for a file that cannot be used: what maintainers merged is never passed over in silence.
    """
    overrides: dict[str, str] = {}
    for path, content in sorted(files.items()):
        name = prompt_name(path)
        if name is None:
            continue
        if len(content) > MAX_BYTES:
            raise PromptError(f"{path}: longer than {MAX_BYTES} bytes; a prompt that long leaves no room for an answer")
        try:
            overrides[name] = content.decode()
        except UnicodeDecodeError as error:
            raise PromptError(f"{path}: not UTF-8 ({error}); save it as UTF-8") from error
    return Prompts(overrides) if overrides else PACKAGED


def prompt_name(path: str) -> str | None:
    """The name of the prompt in a taxonomy's file, None where it is none: `prompts/plain/judge_pair.jinja`."""
    inside, prefix, suffix = path.removeprefix(f"{TAXONOMY_FOLDER}/"), path.startswith(f"{TAXONOMY_FOLDER}/"), ".jinja"
    return inside.removesuffix(suffix) if prefix and inside.endswith(suffix) else None


@lru_cache
def packaged(name: str) -> Prompt:
    """The prompt of the file `prompts/<name>.jinja`."""
    return Prompt((FOLDER / f"{name}.jinja").read_text(encoding="utf-8"), name)


def names() -> list[str]:
    """All prompts, as "plain/freeform_question"."""
    return sorted(path.relative_to(FOLDER).with_suffix("").as_posix() for path in FOLDER.rglob("*.jinja"))


PACKAGED = Prompts()


def _plain(value: object) -> object:
    return strip_control(value).strip() if isinstance(value, str) else value
