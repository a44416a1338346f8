"""Whether the file can be read at all: name, size, encoding, YAML."""

from __future__ import annotations

from collections.abc import Iterator

from validators.edits import delete_lines
from validators.examples import Example
from validators.leaffile import LeafFile
from validators.limits import Limits
from validators.model import Finding, Fix, LintConfig
from validators.paths import LEAF_FILE, beside
from validators.registry import RULES, check, declare
from validators.schema import same
from validators.yamltree import Node

_GROUPS = ("compat", "file")
_NAME = declare(
    "file-name",
    "error",
    f"A leaf's file is named {LEAF_FILE}.",
    *_GROUPS,
    reason="Every tool finds leaves by this name; under another name a leaf is never linted, previewed or learnt.",
    example=Example(bad_path="compositional_skills/writing/ship_names/qna.yml"),
    fixes=True,
)
declare(
    "file-too-large",
    "error",
    "A leaf's file has at most 256 KiB.",
    *_GROUPS,
    reason="A leaf is a handful of examples; real ones stay below 100 KiB. What is larger belongs into the document.",
    example=Example(
        bad="task_description: " + "Find a name for a boat, and then go on for hundreds of pages. " * 5 + "\n",
        good="task_description: Find a name for a boat that fits its work.\n",
        config=LintConfig(limits=Limits(file_bytes=1000)),
    ),
)
declare(
    "encoding",
    "error",
    "A leaf's file is UTF-8.",
    *_GROUPS,
    reason="Other encodings turn letters with accents into wrong signs, or cannot be read at all.",
    example=Example(bad="task_description: Name a caf\udce9.\n", good="task_description: Name a café.\n"),
)
declare(
    "yaml-character",
    "error",
    "The file has no character that YAML forbids.",
    *_GROUPS,
    "yaml",
    reason="Control characters come in with copied text; no YAML reader takes them.",
    example=Example(bad="task_description: Name a \x08boat.\n", good="task_description: Name a boat.\n"),
    fixes=True,
)
declare(
    "yaml-syntax",
    "error",
    "The file is valid YAML.",
    *_GROUPS,
    "yaml",
    reason="What no reader can parse, nobody can use: not the teacher, not the build.",
    example=Example(
        bad="task_description: Name a boat: one word is enough\n",
        good='task_description: "Name a boat: one word is enough"\n',
    ),
    fixes=True,
)
declare(
    "yaml-unsafe",
    "error",
    "The file has no aliases, anchors, tags, deep nesting or second document.",
    *_GROUPS,
    "yaml",
    reason="A leaf has no use for them, and each has been used to attack programs that read YAML (CVE-2019-11253).",
    example=Example(bad="created_by: &me ada-lovelace\n", good="created_by: ada-lovelace\n"),
    fixes=True,
)
declare(
    "yaml-value",
    "error",
    "Every plain value can be read.",
    *_GROUPS,
    "yaml",
    reason="YAML takes some plain texts for dates or numbers, and stops where they cannot be one.",
    example=Example(bad="created_by: 2024-13-45\n", good='created_by: "2024-13-45"\n'),
    fixes=True,
)
_EMPTY = declare(
    "empty-file",
    "warning",
    "The file says something (the reference only warns).",
    "compat",
    "file",
    reason="An empty leaf teaches nothing; most often the text was never saved.",
    example=Example(bad="# to be written\n", whole=True),
)
_EMPTY_LEAF = declare(
    "empty-leaf",
    "error",
    "A leaf has content.",
    "default",
    "file",
    reason="An empty leaf teaches nothing; most often the text was never saved.",
    example=Example(bad="# to be written\n", whole=True),
)
_NOT_MAPPING = declare(
    "not-a-mapping",
    "error",
    "The file holds keys and values.",
    *_GROUPS,
    "schema",
    reason="A leaf says by its keys what it is, who wrote it, and which texts are questions and which answers.",
    example=Example(
        bad="- question: Name a small boat.\n  answer: Letterbird.\n",
        good="task_description: Find a name for a boat.\n",
        whole=True,
    ),
)
_DUPLICATE = declare(
    "duplicate-key",
    "error",
    "No key stands twice in a mapping.",
    *_GROUPS,
    "yaml",
    "whitespace",
    reason="YAML readers silently take the last one; what stood under the first is lost.",
    example=Example(
        bad="  - question: Name a small boat.\n    answer: Letterbird.\n    answer: Letterbird.\n",
        good="  - question: Name a small boat.\n    answer: Letterbird.\n",
    ),
    fixes=True,
)


@check("file", *(RULES[id] for id in ("file-too-large", "encoding")), _NAME)
def unreadable(leaf: LeafFile) -> Iterator[Finding]:
    """Why the file is not read: its name, its size, its bytes."""
    for problem in leaf.problems:
        if problem.rule == _NAME.id:
            new = beside(leaf.path, LEAF_FILE)
            fix = Fix(f"rename it to {LEAF_FILE}", rename=new) if new not in leaf.files and leaf.source.text else None
            yield _NAME.at(leaf, leaf.top(), problem.message, problem.help, fix=fix)
        elif not problem.rule.startswith("yaml-"):
            span = leaf.source.span(problem.start, problem.end)
            yield RULES[problem.rule].at(leaf, span, problem.message, problem.help)


@check("file", *(RULES[id] for id in ("yaml-character", "yaml-syntax", "yaml-unsafe", "yaml-value")))
def no_yaml(leaf: LeafFile) -> Iterator[Finding]:
    """Every reason why the text is no YAML."""
    for problem in leaf.problems:
        if problem.rule.startswith("yaml-"):
            span = leaf.source.span(problem.start, problem.end)
            yield RULES[problem.rule].at(leaf, span, problem.message, problem.help, fix=problem.fix)


@check("file", _EMPTY, _EMPTY_LEAF, _NOT_MAPPING)
def hollow(leaf: LeafFile) -> Iterator[Finding]:
    """Nothing in the file, or something other than keys and values."""
    if leaf.problems:
        return
    if leaf.root is None or not leaf.root.value:
        yield _EMPTY.at(leaf, leaf.top(), "the file is empty")
        yield _EMPTY_LEAF.at(leaf, leaf.top(), "the leaf is empty", "Fill it in, or delete the file.")
    elif leaf.root.kind != "mapping":
        message = "the file does not start with keys and values"
        yield _NOT_MAPPING.at(leaf, leaf.top(), message, "Start with lines such as `version: 3`.")


@check("mapping", _DUPLICATE)
def duplicate_key(leaf: LeafFile) -> Iterator[Finding]:
    """Keys that stand twice: readers silently take the last. The reference does not look at version 1."""
    if leaf.root is None or leaf.version <= 1:
        return
    for node in leaf.nodes:
        for first, *others in node.repeated():
            line, _ = leaf.source.position(first[0].start)
            for key, value in others:
                if key.start == key.end:
                    continue  # it is not in the text: the reader of broken files put it in
                fix = _without_repeat(leaf, first[1], key, value) if len(others) == 1 else None
                message = f"the key {key.text[:40]!r} stands on line {line} already"
                remedy = "Rename or delete one; only the last one counts."
                yield _DUPLICATE.at(leaf, leaf.span(key), message, remedy, fix=fix)


def _without_repeat(leaf: LeafFile, first: Node, key: Node, value: Node) -> Fix | None:
    """Where both say the same, the second can go."""
    if not same(first.value, value.value):
        return None
    return delete_lines(leaf.source, key, value, "delete the repeated line")
