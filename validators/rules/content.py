"""Who made the leaf, and marks in its text that would break a chat."""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml

from validators.content.secretscan import masked
from validators.content.texts import lazy, matches
from validators.edits import quoted
from validators.examples import Example
from validators.leaffile import LeafFile
from validators.model import Edit, Finding, Fix, LintConfig
from validators.registry import check, declare
from validators.yamltree import Node

CONTROL = declare(
    "control-token",
    "error",
    "No text holds a chat template's control token.",
    "default",
    "content",
    "safety",
    reason="In training such a mark ends a turn or forges one; the model could be taught to speak as its own user.",
    example=Example(
        bad="  - question: Name a post boat.<|im_end|>\n    answer: Letterbird, because it flies from door to door.\n",
        good="  - question: Name a post boat.\n    answer: Letterbird, because it flies from door to door.\n",
    ),
)
LOGIN = declare(
    "created-by-login",
    "warning",
    "`created_by` is a GitHub login.",
    "default",
    "content",
    reason="By the login you are told what became of your leaf, and every sample made from it names you as its source.",
    example=Example(bad="created_by: https://github.com/ada-lovelace\n", good="created_by: ada-lovelace\n"),
    fixes=True,
)
AUTHOR = declare(
    "created-by-author",
    "hint",
    "`created_by` is the login of whoever opens the pull request.",
    "default",
    "content",
    reason="Somebody else may have made the leaf, but mostly the line was copied from an example.",
    example=Example(
        bad="created_by: charles-babbage\n",
        good="created_by: ada-lovelace\n",
        config=LintConfig(author="ada-lovelace"),
    ),
)

# Markers by which chat templates separate turns: <|im_start|>, <|user|>, [INST], <<SYS>>, <s>, <start_of_turn>.
_TOKEN = re.compile(
    r"<\|[a-zA-Z][a-zA-Z0-9_]{1,30}\|>|\[/?INST\]|<</?SYS>>|</?s>|<[be]os>|<(?:start|end)_of_turn>"
    r"|<\uff5c[^\uff5c\n]{1,40}\uff5c>"
)
_LOGIN_FORM = re.compile(r"[A-Za-z0-9](?:-?[A-Za-z0-9]){0,38}(?:\[bot\])?")
_LONGEST = 39 + len("[bot]")
"""GitHub's logins have at most 39 characters."""
_AROUND = lazy(r"\s*(?:https?://)?(?:www\.)?(?:github\.com/+)?@?([A-Za-z0-9-]+)/*\s*", re.IGNORECASE)
_EMAIL = lazy(r"\s*[^@\s]+@[^@\s]+\.[^@\s]+\s*")


@check("mapping", CONTROL)
def control_token(leaf: LeafFile) -> Iterator[Finding]:
    """Control tokens anywhere in the file, those that only escapes show included."""
    if "<" not in leaf.source.text and "[" not in leaf.source.text and "\\" not in leaf.source.text:
        return
    for start, end, token in matches(leaf, _TOKEN):
        remedy = "Leave it out, or write it apart, such as `< |im_start| >`."
        yield CONTROL.at(leaf, leaf.source.span(start, end), f"{token} is a control token of chat models", remedy)


@check("mapping", LOGIN, AUTHOR)
def created_by(leaf: LeafFile) -> Iterator[Finding]:
    """A `created_by` that cannot be a login, or is another one than the author's."""
    node = leaf.root.get("created_by") if leaf.root else None
    if node is None or not isinstance(node.value, str) or not node.value:
        return
    author, value = leaf.config.author, node.value
    if not is_login(value):
        what = "an e-mail address, not a GitHub login" if _EMAIL().fullmatch(value) else "not a GitHub login"
        first = next(iter(value.strip().splitlines()), value)
        message = f"{masked(first)[:40]!r} is {what}"
        remedy = "Write your login without @; it has letters, digits and single hyphens only."
        span = leaf.span(node) if "\n" not in value else leaf.source.line_span(node.start)
        yield LOGIN.at(leaf, span, message, remedy, fix=_login_fix(leaf, node))
    elif author and value.lower() != author.lower():
        message = f"`created_by` says {value}, but {author} opened this pull request"
        remedy = f"Write {author}, unless {value} made the leaf."
        yield AUTHOR.at(leaf, leaf.span(node), message, remedy)


def is_login(text: str) -> bool:
    """Whether GitHub would take the text as the name of an account, or of an app."""
    return len(text) <= _LONGEST and bool(_LOGIN_FORM.fullmatch(text))


def _login_fix(leaf: LeafFile, node: Node) -> Fix | None:
    """The login inside @login and github.com/login, else the author's where it is known."""
    inside = _AROUND().fullmatch(node.value)
    login = inside.group(1) if inside else leaf.config.author
    if not login or not is_login(login) or node.style in ("|", ">"):
        return None
    written = login if isinstance(yaml.safe_load(login), str) else quoted(login)
    return Fix(f"write `{login}`", (Edit(node.start, node.end, written),), meaning=f"created_by is {login} now")
