"""How the GGUF files are run: a Modelfile for Ollama, and the commands of llama.cpp as a page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from pipeline.publishing.gguf.make import Made
from pipeline.publishing.gguf.vocabulary import chat_template

MODELFILE, PAGE = "Modelfile", "README.md"
PREFERRED = ("q8_0", "f16", "q4_1", "q4_0")  # for a person with one file to choose: the smallest that is nearly exact
_START, _END = "<|im_start|>", "<|im_end|>"
# Ollama's templates are Go's, and a ChatML model's Jinja template is not among those that it knows by itself.
_CHATML = f"""{{{{- range .Messages }}}}{_START}{{{{ .Role }}}}
{{{{ .Content }}}}{_END}
{{{{ end }}}}{_START}assistant
"""


def best(made: Sequence[Made]) -> Made | None:
    """The file that a person who asks for none in particular should have."""
    there = {one.kind: one for one in made if one.file}
    return next((there[kind] for kind in PREFERRED if kind in there), None)


def write_texts(model: Path, out: Path, made: Sequence[Made]) -> None:
    """Write `Modelfile` and `README.md` beside the files, where there are any. Raises `OSError`."""
    chosen = best(made)
    if chosen is not None:
        (out / MODELFILE).write_text(modelfile(model, chosen.file), encoding="utf-8")
    (out / PAGE).write_text(page(made), encoding="utf-8")


def modelfile(model: Path, file: str) -> str:
    """Ollama's description of the model in `file`; a chat in ChatML also brings its template and default system."""
    settings = json.loads((model / "tokenizer_config.json").read_text(encoding="utf-8"))
    template = chat_template(model, settings)
    lines = [f"FROM ./{file}"]
    if _START in template and _END in template:
        lines.append(f'TEMPLATE """{_CHATML}"""')
        if system := default_system(template):
            lines.append(f'SYSTEM """{system}"""')
        lines += [f'PARAMETER stop "{_END}"', f'PARAMETER stop "{_START}"']
    return "\n".join([*lines, ""])


def default_system(template: str) -> str:
    """What a ChatML template puts before a chat that has no system turn of its own; "" for nothing."""
    from jinja2 import TemplateError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    try:
        said = environment.from_string(template).render(messages=[{"role": "user", "content": "x"}])
    except TemplateError:
        return ""
    head = f"{_START}system\n"
    text = said.removeprefix(head).partition(_END)[0] if said.startswith(head) else ""
    return "" if '"""' in text else text.strip()


def page(made: Sequence[Made]) -> str:
    """What there is, how far from the model it scores, and how to run it."""
    rows = [
        f"| {one.kind.upper()} | {f'`{one.file}`' if one.file else 'not released: ' + _cell(one.reason)} "
        f"| {'-' if one.rise is None else f'{one.rise:+.4f}'} | {one.allowed:.2f} |"
        for one in made
    ]
    lines = [
        "# GGUF files",
        "",
        "Each was loaded again and scored on questions of the build. Rise: by how many nats per token of the reference",
        "answer it scores worse than the model that it was made from; a file above the bound is not released.",
        "",
        "| format | file | rise | bound |",
        "|---|---|---|---|",
        *rows,
    ]
    return "\n".join([*lines, *_commands(made), ""])


def _commands(made: Sequence[Made]) -> list[str]:
    chosen = best(made)
    if chosen is None:
        return []
    return [
        "",
        "In this folder:",
        "",
        "```sh",
        f"llama-cli -m {chosen.file} -cnv --jinja          # llama.cpp: a chat",
        f"llama-server -m {chosen.file} --jinja --port 8080  # llama.cpp: an OpenAI-compatible server",
        "ollama create seedbed -f Modelfile && ollama run seedbed",
        "```",
    ]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "\\<")[:300]
