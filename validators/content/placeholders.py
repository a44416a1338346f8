"""The marks that `seedbed migrate` and `seedbed new` leave where only a person knows what belongs there.

Each says, as an order, what to write; {number} stands for digits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

LOGIN = "your-github-login"
CONTEXT = "TODO: copy here the passage of the document that answers these questions"
OUTLINE = "TODO: say in one line what the document is about"
DOMAIN = "TODO: name the subject, such as astronomy"
REPO = "TODO: give the address of the git repository that holds the document"
COMMIT = "TODO: give the commit, 40 digits"
PATTERN = "TODO: name the document's file, such as comets.md"
TASK = "TODO: say in one sentence what the model should do"
QUESTION = "TODO: write question {number}, as a person would ask it"
ANSWER = "TODO: write answer {number}, as you would like to read it"
TEXT = "TODO: write text {number}, which the question is about"
PASSAGE = "TODO: copy passage {number} of the document"
TITLE = "TODO: give the title of the work"
LINK = "TODO: give the web address of the work"
REVISION = "TODO: give the web address of the version that you used"
LICENSE = "TODO: give the licence, such as CC-BY-SA-4.0"
CREATORS = "TODO: name the authors"

_LEAF = (CONTEXT, OUTLINE, DOMAIN, REPO, COMMIT, PATTERN, TASK, QUESTION, ANSWER, TEXT, PASSAGE)
_ATTRIBUTION = (TITLE, LINK, REVISION, LICENSE, CREATORS)
MARK = "TODO: "
"""What every placeholder but the login begins with."""

_TEXT = re.compile("|".join(re.escape(text) for text in _LEAF + _ATTRIBUTION).replace(r"\{number\}", r"\d{1,3}"))


def spans(text: str) -> Iterator[tuple[int, int]]:
    """(start, end) of every placeholder text in `text`, the login not counted; linear."""
    if MARK in text:
        for match in _TEXT.finditer(text):
            yield match.span()
