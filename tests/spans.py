"""Reads findings back: does the place of each select the text that its message talks about?"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from validators import Finding, Report
from validators.source import Source

Test = Callable[[str, str, str], bool]
"""(selected text, message, whole text of the file) → whether the place is right."""


def misplaced(report: Report, files: Mapping[str, bytes]) -> Iterator[str]:
    """One line for each finding whose place does not hold what it says."""
    for finding in report.findings:
        text = files.get(finding.path, b"").decode("utf-8", "replace").removeprefix("\ufeff")
        part = selected(finding, text)
        if not EXPECTED[finding.rule](part, finding.message, text):
            place = f"{finding.path}:{finding.line}:{finding.column}"
            yield f"{finding.rule} {place} selects {part[:60]!r}: {finding.message}"


def selected(finding: Finding, text: str) -> str:
    """The characters of the finding's place."""
    source = Source(text)
    start = source.start_of(finding.line) + finding.column - 1
    return text[start : source.start_of(finding.end_line) + finding.end_column - 1]


def _whole(part: str, message: str, text: str) -> bool:
    """The finding is about the file: nothing is selected, or its first line that says something."""
    lines = (line.strip() for line in text.splitlines())
    return not part.strip() or part.strip() in (line for line in lines if line)


def _named(part: str, message: str, text: str) -> bool:
    """The message names what is selected, perhaps cut short, perhaps without its quotes."""
    part = part.strip().strip("\"'")
    short = " ".join(part.split())[:24]
    quoted = re.match(r"'(.+?)'", message)  # the line around it is selected where its own place is not to be told
    if quoted and quoted[1] in part and "\n" not in part:
        return True
    return bool(part) and any(form in message for form in (short, repr(short)[1:-1], part[:24]))


def _key(part: str, message: str, text: str) -> bool:
    """A key is selected, or for a missing one the line or key that it is missing from."""
    return bool(re.fullmatch(r"[\"']?[A-Za-z_][\w .-]*[\"']?", part)) and not part.endswith(" ")


def _key_or_line(part: str, message: str, text: str) -> bool:
    """A key, or the line where it should stand."""
    return _key(part, message, text) or _line(part, message, text)


def _line(part: str, message: str, text: str) -> bool:
    """One whole line without its indentation."""
    return bool(part) and part in (line.strip() for line in text.splitlines())


def _value(part: str, message: str, text: str) -> bool:
    """A text that has something to read in it, and neither begins nor ends with a space."""
    return bool(part.strip()) and part == part.strip()


def _spaces(part: str, message: str, text: str) -> bool:
    return len(part) <= 1 if message.startswith("no space") else bool(part) and part.strip(" \t") == ""


def _trailing(part: str, message: str, text: str) -> bool:
    return bool(part) and part.strip(" \t\v\f") == ""


def _sign(part: str, message: str, text: str) -> bool:
    return bool(part) and f"U+{ord(part[0]):04X}" in message


def _digits(part: str, message: str, text: str) -> bool:
    return sum(c.isalnum() for c in part) >= 7


def _nothing(part: str, message: str, text: str) -> bool:
    """A place between characters, or one sign there."""
    return len(part) <= 1


def _type(part: str, message: str, text: str) -> bool:
    return _named(part, message, text) or _key(part, message, text) or _value(part, message, text)


_SIGNS = {"colon": ":", "quote": "\"'", "tab": "\t", "hyphen": "-", "backslash": "\\", "bracket": "[]{}"}


def _syntax(part: str, message: str, text: str) -> bool:
    """A sign that the message names is in the place, or the place is a word or a line with something to see."""
    if "indented" in message and part and not part.strip(" \t"):
        return True
    for name, signs in _SIGNS.items():
        if f"a {name}" in message and any(sign in part for sign in signs):
            return True
    return bool(part.strip()) and "\n" not in part.strip()


EXPECTED: dict[str, Test] = {}
for _test, _rules in (
    (
        _whole,
        "attribution-missing attribution-empty file-name file-too-large empty-file empty-leaf foundational-closed",
    ),
    (_whole, "grounded-path leaf-at-branch-root leaf-in-field-folder leaf-outside-tree leaf-under-leaf path-name"),
    (_whole, "skill-in-knowledge executable-bit stray-file missing-leaf path-case submodule symlink dco-signoff"),
    (_whole, "attribution-name not-a-mapping"),
    (_value, "configuration"),
    (_named, "assistant-phrase answer-unsupported attribution-license-name attribution-link"),
    (_named, "attribution-license-wikipedia attribution-revision confusable-character control-token"),
    (_named, "created-by-author created-by-login duplicate-key email-address knowledge-in-skills"),
    (_named, "model-name phone-number schema-unknown-key text-cut-by-comment yaml-value"),
    (_key_or_line, "answer-too-short few-seeds informing-only seed-one-template schema-too-few schema-empty-text"),
    (_key_or_line, "schema-missing-key"),
    (_line, "seed-length schema-duplicate-item too-few-to-hold-out indentation"),
    (_value, "answer-is-question answer-length context-length question-length seed-chat seed-near-duplicate"),
    (_value, "facts-in-skill attribution-field attribution-source attribution-source-verify document-commit"),
    (_value, "document-repo attribution-license"),
    (_value, "document-patterns placeholder-left lost-line-breaks yaml-surprise leaked-secret literal-escape"),
    (_spaces, "braces brackets colons commas hyphens"),
    (_trailing, "trailing-spaces"),
    (_sign, "bidi-character invisible-character yaml-character"),
    (_digits, "personal-number"),
    (_nothing, "empty-lines encoding new-line-at-end-of-file new-lines"),
    (_type, "schema-type schema-version yaml-unsafe"),
    (_syntax, "yaml-syntax"),
):
    EXPECTED |= dict.fromkeys(_rules.split(), _test)
