"""What the reference does not look at, and what yet harms the model or puzzles the author."""

from __future__ import annotations

import re
from collections.abc import Iterator

from validators.leaffile import LeafFile
from validators.model import Finding
from validators.paths import within_branch
from validators.registry import check, declare

_CONTROL = declare("control-token", "error", "No text holds a chat template's control token.", "default", "content")
_LOGIN = declare("created-by-login", "warning", "`created_by` is a GitHub login.", "default", "content")
_GROUNDED = declare("grounded-path", "hint", "Leaves with contexts lie under `grounded`.", "default", "content")
_HOLD_OUT = declare("too-few-to-hold-out", "warning", "At least two seed examples.", "default", "content")
_PATH = declare("path-name", "warning", "Folders are named with a-z, 0-9 and _.", "default", "content")

# Markers by which chat templates separate turns: <|im_start|>, <|user|>, [INST], <<SYS>>, <s>, <start_of_turn>.
_TOKEN = re.compile(
    r"<\|[a-zA-Z][a-zA-Z0-9_]{1,30}\|>|\[/?INST\]|<</?SYS>>|</?s>|<(?:start|end)_of_turn>|<\uff5c[^\uff5c\n]{1,40}\uff5c>"
)
_LOGIN_FORM = re.compile(r"[A-Za-z0-9](?:-?[A-Za-z0-9]){0,38}(?:\[bot\])?")
_FOLDER = re.compile(r"[a-z0-9_]+")


@check("mapping", _CONTROL)
def control_token(leaf: LeafFile) -> Iterator[Finding]:
    """Control tokens anywhere in the file: in training they would end a turn or forge one."""
    for match in _TOKEN.finditer(leaf.source.text):
        message = f"{match.group()} is a control token of chat models"
        remedy = "Leave it out, or write it apart, such as `< |im_start| >`."
        yield _CONTROL.at(leaf, leaf.source.span(*match.span()), message, remedy)


@check("mapping", _LOGIN)
def created_by_login(leaf: LeafFile) -> Iterator[Finding]:
    """A `created_by` that cannot be a login."""
    node = leaf.root.get("created_by") if leaf.root else None
    if node and isinstance(node.value, str) and node.value and not _LOGIN_FORM.fullmatch(node.value):
        message = f"{node.value[:40]!r} is not a GitHub login"
        remedy = "Write your login without @; it has letters, digits and single hyphens only."
        yield _LOGIN.at(leaf, leaf.source.line_span(node.start), message, remedy)


@check("mapping", _GROUNDED)
def grounded_path(leaf: LeafFile) -> Iterator[Finding]:
    """Skills whose contexts and folder say different things."""
    if leaf.schema_name != "compositional_skills" or leaf.branch != "compositional_skills" or not leaf.seeds():
        return
    under = within_branch(leaf.path)[:1] == ("grounded",)
    with_context = sum(seed.get("context") is not None for seed in leaf.seeds())
    if with_context == len(leaf.seeds()) and not under:
        message = "every seed example has a context, but the leaf is not under compositional_skills/grounded"
        yield _GROUNDED.at(leaf, leaf.top(), message, "Move it there if the answers need the contexts.")
    elif with_context < len(leaf.seeds()) and (under or with_context):
        message = f"{with_context} of {len(leaf.seeds())} seed examples have a context; the leaf is used as freeform"
        yield _GROUNDED.at(leaf, leaf.top(), message, "Give every seed example a context, or none.")


@check("mapping", _HOLD_OUT)
def too_few_to_hold_out(leaf: LeafFile) -> Iterator[Finding]:
    """A single seed example: it is kept for the test, and none is left to generate from."""
    if len(leaf.seeds()) == 1:
        message = "one seed example is kept back for evaluation, so none is left to generate from"
        yield _HOLD_OUT.at(leaf, leaf.source.line_span(leaf.seeds()[0].start), message, "Add at least one more.")


@check("mapping", _PATH)
def path_name(leaf: LeafFile) -> Iterator[Finding]:
    """Folder names that the taxonomy does not use; the path is part of prompts and selections."""
    for folder in within_branch(leaf.path):
        if leaf.branch and not _FOLDER.fullmatch(folder):
            message = f"the folder name {folder[:60]!r} has characters other than a-z, 0-9 and _"
            yield _PATH.at(leaf, leaf.top(), message, "Rename it; use _ between words.")
