"""The files of a new leaf: placeholders where the author writes, and comments that teach the format."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import files
from pathlib import PurePosixPath
from typing import Literal, get_args

from validators.content import placeholders as todo
from validators.content.attribution import NAMES
from validators.edits import quoted
from validators.engine import lint
from validators.leaffile import NEWEST
from validators.model import Change, LintConfig
from validators.paths import ATTRIBUTION_FILE, BRANCHES, LEAF_FILE
from validators.rules.placement import proper_name
from validators.source import Source
from validators.yamltree import YamlError, parse

Kind = Literal["skill", "grounded", "knowledge"]
KINDS: tuple[Kind, ...] = get_args(Kind)
PLACES: dict[Kind, str] = {
    "skill": "compositional_skills",
    "grounded": "compositional_skills/grounded",
    "knowledge": "knowledge",
}
"""Where leaves of each kind lie."""
OWN_LICENSE = "Apache-2.0"
"""Under which contributions to a taxonomy come in, if their author says nothing else."""
SCHEMAS = "schemas"
"""The folder of a taxonomy in which editors find the JSON Schemas."""

# Names in a path that say nothing of its topic: trees, slips of them, and steps.
_NO_TOPIC = frozenset((*BRANCHES, "grounded", "skill", "skills", "compositional", "foundational", "/", ".", ".."))
_SEEDS = 5
_PAIRS = 3
_HEAD = """\
# yaml-language-server: $schema={schema}
#
# {purpose}
# Write your own text in place of every TODO, then run: seedbed lint --fix {path}
# Lines that begin with # are comments; delete them if you like. Indent with spaces, as here. Text below a | needs no
# quotes and may have several lines; keep it two spaces further in than its key.

version: {version}
# Your login on GitHub, without @.
created_by: {author}
"""
_PURPOSES: dict[Kind, str] = {
    "skill": "A skill shows the model how to do something. From your examples a teacher model writes many more.",
    "grounded": "A grounded skill shows how to do something with a given text. A teacher model writes many more such.",
    "knowledge": "Knowledge teaches facts from a document. A teacher model asks more such questions about all of it.",
}


def scaffold(
    kind: Kind, path: str, *, author: str = "", task: str = "", domain: str = "", license: str = ""
) -> dict[str, str]:
    """The files of a new leaf in the folder `path` of a taxonomy: POSIX path → text, the editors' schema among them.

    What is not given becomes a placeholder that rule `placeholder-left` finds.
    """
    author = author or todo.LOGIN
    schema = f"{SCHEMAS}/{_schema_name(kind)}.json"
    head = _HEAD.format(
        schema="../" * len(PurePosixPath(path).parts) + schema,
        purpose=_PURPOSES[kind],
        path=path,
        version=NEWEST,
        author=_scalar(author),
    )
    body = _knowledge(task, domain) if kind == "knowledge" else _skill(task, grounded=kind == "grounded")
    return {
        f"{path}/{LEAF_FILE}": head + body,
        f"{path}/{ATTRIBUTION_FILE}": _attribution(kind, path, author, license),
        schema: files("validators").joinpath("schemas", f"v{NEWEST}", f"{_schema_name(kind)}.json").read_text("utf-8"),
    }


def refusals(kind: Kind, path: str, tree: Iterable[str] = ()) -> list[str]:
    """What speaks against a leaf of this kind in this folder, in the words of the rules of group `tree`.

    `tree` holds the other paths of the taxonomy that matter: leaves above and below.
    """
    made = {name: text.encode("utf-8") for name, text in scaffold(kind, path).items()}
    config = LintConfig(select=("tree",))
    report = lint(made, changed=[f"{path}/{LEAF_FILE}"], config=config, change=Change(tree=frozenset(tree)))
    found = [finding.message for finding in report.findings if finding.level != "hint"]
    if not found and not path.startswith(f"{PLACES[kind]}/"):
        found.append(f"{path} is no place for this kind of leaf")
    return found


def suggestion(kind: Kind, path: str) -> str:
    """The folder that the author may have meant: the kind's place, and names as they should be."""
    names = [name for name in PurePosixPath(path).parts if name not in _NO_TOPIC]
    proper = [name for name in map(proper_name, names) if name]
    return "/".join([PLACES[kind], *(proper if len(proper) > 1 else ["<field>", *(proper or ["<topic>"])])])


def _schema_name(kind: Kind) -> str:
    return "knowledge" if kind == "knowledge" else "compositional_skills"


def _skill(task: str, *, grounded: bool) -> str:
    lines = [
        "# What the model should do, in one sentence. The teacher model reads it.",
        *_block("", "task_description", task or todo.TASK),
        "# At least 5 examples, each of another case. Each stands alone: none may need another one to be understood.",
        "seed_examples:",
    ]
    for number in range(1, _SEEDS + 1):
        texts = {"question": todo.QUESTION, "answer": todo.ANSWER}
        if grounded:
            if number == 1:
                lines.append("  # The text that is given, then what a person asks about it. Write both in full.")
            texts = {"context": todo.TEXT, **texts}
        lines += _entry("  ", {name: text.format(number=number) for name, text in texts.items()})
    return "\n".join(lines) + "\n"


def _knowledge(task: str, domain: str) -> str:
    lines = [
        "# The subject, in a word or two.",
        f"domain: {_scalar(domain or todo.DOMAIN)}",
        "# What the document is about, in one line.",
        *_block("", "document_outline", task or todo.OUTLINE),
        "# Where the document lies: Markdown files in a public git repository.",
        "document:",
        f"  repo: {_scalar(todo.REPO)}",
        "  # All 40 digits, so that everybody reads the same text: `git rev-parse HEAD` prints them.",
        f"  commit: {_scalar(todo.COMMIT)}",
        "  # The names of the files; * stands for any characters.",
        "  patterns:",
        f"    - {_scalar(todo.PATTERN)}",
        "# At least 5 passages, copied from different parts of the document without a change, at most 350 words each.",
        "seed_examples:",
    ]
    for number in range(_SEEDS):
        lines += _entry("  ", {"context": todo.PASSAGE.format(number=number + 1)})
        if number == 0:
            lines.append("    # At least 3 questions that this passage answers, with what a person would like to read.")
        lines.append("    questions_and_answers:")
        for at in range(number * _PAIRS + 1, (number + 1) * _PAIRS + 1):
            texts = {"question": todo.QUESTION, "answer": todo.ANSWER}
            lines += _entry("      ", {name: text.format(number=at) for name, text in texts.items()})
    return "\n".join(lines) + "\n"


def _entry(lead: str, texts: dict[str, str]) -> list[str]:
    """One entry of a list: keys with their texts."""
    lines = [line for name, text in texts.items() for line in _block(lead + "  ", name, text)]
    return [f"{lead}- {lines[0].lstrip()}", *lines[1:]]


def _block(lead: str, name: str, text: str) -> list[str]:
    return [f"{lead}{name}: |", f"{lead}  {_one_line(text)}"]


def _one_line(text: str) -> str:
    """A text from the command line without line breaks and other characters that YAML cannot hold."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())


def _scalar(text: str) -> str:
    """A short text as a YAML value: plain where that is read as the same text, else in quotes."""
    text = _one_line(text)
    try:
        root = parse(Source(f"key: {text}\n"))
    except YamlError:
        root = None
    return text if root and root.value == {"key": text} else quoted(text)


def _attribution(kind: Kind, path: str, author: str, license: str) -> str:
    if kind == "knowledge":
        fields = [todo.TITLE, todo.LINK, todo.REVISION, license or todo.LICENSE, todo.CREATORS]
    else:
        title = f"Examples for {PurePosixPath(path).name.replace('_', ' ')}"
        fields = [title, "none, my own work", "", license or OWN_LICENSE, author]
    lines = [f"{name}: {_one_line(text)}\n" for name, text in zip(NAMES.values(), fields, strict=True) if text]
    return "".join(lines)
