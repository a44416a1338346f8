"""What belongs to one person and not into a model: addresses, phone numbers, cards, accounts."""

from __future__ import annotations

from collections.abc import Iterator

from validators.content.personal import Personal, personal_data
from validators.examples import Example
from validators.leaffile import LeafFile
from validators.model import Finding
from validators.registry import check, declare

_REASON = "A model repeats what it learned to anybody, and what is public once cannot be called back."
EMAIL = declare(
    "email-address",
    "warning",
    "No text holds a person's e-mail address.",
    "default",
    "personal",
    reason=_REASON,
    example=Example(
        bad="  - question: Whom do I ask for the name of a ferry?\n    answer: Mira, at m.quillfeather@tarnmail.net.\n",
        good="  - question: Whom do I ask for the name of a ferry?\n    answer: Mira, at harbour@example.org.\n",
    ),
)
PHONE = declare(
    "phone-number",
    "warning",
    "No text holds a phone number that may be somebody's.",
    "default",
    "personal",
    reason=_REASON,
    example=Example(
        bad="  - question: Whom do I call for the name of a ferry?\n    answer: Call Mira at +44 1632 960983.\n",
        good="  - question: Whom do I call for the name of a ferry?\n    answer: Call Mira at 555-0143.\n",
    ),
)
NUMBER = declare(
    "personal-number",
    "warning",
    "No text holds the number of a card, an account or a person.",
    "default",
    "personal",
    reason=_REASON,
    example=Example(
        bad="  - question: How do I pay for the paint?\n    answer: Use the card 4556 0000 1111 2224 of the harbour.\n",
        good="  - question: How do I pay for the paint?\n    answer: Use the card of the harbour.\n",
    ),
)
_REMEDY = "Delete it, or write an invented one"


@check("mapping", EMAIL, PHONE, NUMBER)
def personal(leaf: LeafFile) -> Iterator[Finding]:
    """Addresses and numbers of persons anywhere in the file; `created_by` has a rule of its own."""
    own = leaf.root.get("created_by") if leaf.root else None
    for found in personal_data(leaf.source.text):
        if not (found.kind == "email" and own and own.start <= found.start < own.end):
            yield _finding(leaf, found)


def _finding(leaf: LeafFile, found: Personal) -> Finding:
    span, written = leaf.source.span(found.start, found.end), leaf.source.text[found.start : found.end]
    match found.kind:
        case "email":
            return EMAIL.at(leaf, span, f"{written[:60]} is an e-mail address", f"{_REMEDY} at example.org.")
        case "phone":
            return PHONE.at(leaf, span, f"{written} may be a phone number", f"{_REMEDY}, such as 555-0143.")
        case "card":
            message = "this may be the number of a payment card (its check digit is right)"
            return NUMBER.at(leaf, span, message, f"{_REMEDY}, such as 4111 1111 1111 1111.")
        case "ssn":
            message = "this may be a US social security number"
            return NUMBER.at(leaf, span, message, f"{_REMEDY}, such as 123-45-6789.")
        case "account":
            message = "this is the number of a bank account (its check digits are right)"
            return NUMBER.at(leaf, span, message, f"{_REMEDY}, such as DE89 3704 0044 0532 0130 00.")
