"""Whether a leaf's form fits its place: contexts and `grounded`, knowledge and skills."""

from __future__ import annotations

import re
from collections.abc import Iterator

from validators.examples import Example
from validators.leaffile import LeafFile
from validators.model import Finding, Span
from validators.paths import within_branch
from validators.registry import check, declare
from validators.yamltree import Node

_GROUPS = ("default", "tree")
_SKILLS = "compositional_skills"

_GROUNDED = declare(
    "grounded-path",
    "warning",
    "A skill lies under `grounded` if, and only if, all its seed examples have a context.",
    *_GROUPS,
    reason="The two kinds of skills are taught in different ways. Where only some examples have a context, the "
    "contexts are not used.",
    example=Example(base="grounded", bad_path="compositional_skills/writing/notices/qna.yaml"),
)
_IN_SKILLS = declare(
    "knowledge-in-skills",
    "warning",
    "A leaf with a document lies under `knowledge`.",
    *_GROUPS,
    reason="The tree decides how a leaf is read: facts and their document are not looked for in a skill.",
    example=Example(base="knowledge", bad_path="compositional_skills/geography/tarn_skerry/qna.yaml"),
)
_IN_KNOWLEDGE = declare(
    "skill-in-knowledge",
    "warning",
    "A leaf under `knowledge` has a document.",
    *_GROUPS,
    reason="Knowledge is generated from a document that everybody can check. Examples alone teach a manner, not facts.",
    example=Example(bad_path="knowledge/writing/ship_names/qna.yaml"),
)
_FACTS = declare(
    "facts-in-skill",
    "hint",
    "A skill shows how to do something; facts are knowledge.",
    *_GROUPS,
    reason="From a few examples the teacher cannot know more facts of the kind, so it invents them. Knowledge brings "
    "the document that they stand in.",
    example=Example(
        bad="task_description: Provide information about boats of the north.\n",
        good="task_description: Find a name for a boat that fits its work.\n",
    ),
)
_OF_KNOWLEDGE = ("document", "document_outline")
_INFORMS = re.compile(
    r"\W*(?:(?:to|this|the) [^.\n]{0,60}?)?\b(?:(?:provid|giv|add|shar|teach|learn|tell|offer|present)(?:e|es|s|ing)?\b"
    r"[^.\n]{0,60}?\b(?:information|knowledge|facts|details)\b|informs? [^.\n]{0,20}?about\b)",
    re.IGNORECASE,
)


@check("mapping", _GROUNDED)
def grounded_path(leaf: LeafFile) -> Iterator[Finding]:
    """Skills whose contexts and folder say different things."""
    seeds = leaf.seeds() if leaf.branch == _SKILLS else []
    if not seeds or any(seed.get("questions_and_answers") for seed in seeds):
        return
    bare = [seed for seed in seeds if seed.get("context") is None]
    if within_branch(leaf.path)[:1] == ("grounded",):
        if len(bare) == len(seeds):
            message = "the leaf lies under grounded, but no seed example has a context"
            yield _GROUNDED.at(leaf, leaf.top(), message, f"If the skill needs no given text, {_move(leaf)}")
        elif bare:
            message = f"{len(bare)} of {len(seeds)} seed examples have no context"
            yield _GROUNDED.at(leaf, _line(leaf, bare[0]), message, "Under grounded, give every seed example one.")
    elif not bare:
        message = f"every seed example has a context, but the leaf is not under {_SKILLS}/grounded"
        yield _GROUNDED.at(leaf, leaf.top(), message, f"If the answers need the contexts, {_move(leaf)}")
    elif len(bare) < len(seeds):
        message = f"{len(bare)} of {len(seeds)} seed examples have no context, so no context is used"
        remedy = f"Give every seed example a context and move the leaf under {_SKILLS}/grounded; or write what the "
        yield _GROUNDED.at(leaf, _line(leaf, bare[0]), message, remedy + "question needs into the question.")


def _move(leaf: LeafFile) -> str:
    """The order to move the folder to where skills of the other kind lie."""
    old = leaf.path.rpartition("/")[0]
    inside = within_branch(leaf.path)
    rest = [name for name in inside if name != "grounded"]
    above = old.split("/")[: -len(inside)] if inside else old.split("/")
    new = "/".join([*above, *(() if inside[:1] == ("grounded",) else ("grounded",)), *rest])
    return f"move the leaf's folder to {new}."


@check("mapping", _IN_SKILLS, _IN_KNOWLEDGE)
def clothes(leaf: LeafFile) -> Iterator[Finding]:
    """Leaves whose form says one thing and whose tree the other."""
    if leaf.mapping is None or leaf.branch not in ("knowledge", _SKILLS):
        return
    sign = _sign_of_knowledge(leaf, leaf.mapping)
    if sign and leaf.branch == _SKILLS:
        message = f"`{sign.text}` belongs to knowledge, but the leaf lies under {_SKILLS}"
        remedy = "If it teaches facts from a document, move its folder to knowledge/; if it teaches how to do "
        yield _IN_SKILLS.at(leaf, leaf.span(sign), message, remedy + "something, leave this key out.")
    elif not sign and leaf.branch == "knowledge" and leaf.seeds() and not leaf.mapping.get("domain"):
        message = "this leaf has the form of a skill, but lies under knowledge"
        remedy = f"If it teaches how to do something, move its folder to {_SKILLS}/; if it teaches facts, add "
        yield _IN_KNOWLEDGE.at(leaf, leaf.top(), message, remedy + "`domain`, `document_outline` and `document`.")


def _sign_of_knowledge(leaf: LeafFile, root: Node) -> Node | None:
    """The first key that only knowledge has."""
    for name in _OF_KNOWLEDGE:
        if entry := root.entry(name):
            return entry[0]
    for seed in leaf.seeds():
        if entry := seed.entry("questions_and_answers"):
            return entry[0]
    return None


def _line(leaf: LeafFile, node: Node) -> Span:
    return leaf.source.line_span(node.start)


@check("mapping", _FACTS)
def facts_in_skill(leaf: LeafFile) -> Iterator[Finding]:
    """Skills without contexts whose description promises information."""
    node = leaf.mapping.get("task_description") if leaf.mapping and leaf.branch == _SKILLS else None
    if node is None or not isinstance(node.value, str) or any(seed.get("context") for seed in leaf.seeds()[:1]):
        return
    if _INFORMS.match(node.value[:200]):
        message = "this description promises facts, not a skill"
        remedy = "If the answers are facts, add them as knowledge, with the document that they stand in; else say what "
        yield _FACTS.at(leaf, leaf.span(node), message, remedy + "the model learns to do.")
