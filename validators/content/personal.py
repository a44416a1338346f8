"""Finds what belongs to one person in text: addresses, phone numbers, cards, accounts. Invented ones are left alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Literal, NamedTuple

from validators.content.texts import MOST, lazy, words

Kind = Literal["email", "phone", "card", "ssn", "account"]


class Personal(NamedTuple):
    """A piece of text, characters `start` up to `end`, that seems to belong to one person."""

    start: int
    end: int
    kind: Kind


_EMAIL = lazy(
    r"(?<![A-Za-z0-9._%+/-])[A-Za-z0-9._%+-]{1,64}+@((?:[A-Za-z0-9-]{1,63}\.){1,6}[A-Za-z]{2,24})(?![A-Za-z0-9@])"
)
_STAND_IN = lazy(
    r"(?:.*\.)?(?:example|test|invalid|localhost|local)$|(?:.*\.)?example\.|"
    r"(?:your|my|some|the)?-?(?:domain|company|email|mail|site|website|business|organization|school|store|server)\.[a-z]+$|"
    r"(?:test|foo|bar|abc|xyz|acme|users\.noreply\.github)\.[a-z]+$",
    re.IGNORECASE,
)
_NOBODY = frozenset(
    words(
        "git user username name yourname your.name email someone john.doe jane.doe johndoe janedoe foo bar test "
        "noreply no-reply abc xyz you me"
    )
)

# Digits with the signs that people put between them; what is no candidate here is looked at no closer.
_DIGITS = re.compile(r"[0-9](?:[ ().-]{0,2}+[0-9]){8,}+")
_LONGEST = 32
_NATIONAL = lazy(r"\(?([2-9][0-9]{2})(?:\) ?|[-.])([2-9][0-9]{2})[-. ]([0-9]{4})")
_INTERNATIONAL = lazy(r"[1-9][0-9]{0,2}(?:[ .-]?\(?[0-9]{1,5}\)?){2,6}")
_SSN = lazy(r"(?!000|666|9)([0-9]{3})-(?!00)[0-9]{2}-(?!0000)[0-9]{4}")
_TOLL_FREE = frozenset(words("800 833 844 855 866 877 888 900"))
_CARD = lazy(r"(?:4|5[1-5]|2[2-7]|3[47]|6011|65|35)[0-9]{11,17}")
# Numbers that payment providers publish for tests, and numbers that were printed in advertisements.
_KNOWN = frozenset(
    words(
        "4111111111111111 4242424242424242 4012888888881881 4000056655665556 5555555555554444 5105105105105100 "
        "2223003122003222 378282246310005 371449635398431 6011111111111117 6011000990139424 3530111333300000 "
        "123456789 078051120 219099999 457555462 1234567890 123123123"
    )
)
_IBAN = lazy(r"\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
_IBAN_SAMPLES = frozenset(
    words(
        "GB82WEST12345698765432 GB29NWBK60161331926819 DE89370400440532013000 FR1420041010050500013M02606 "
        "NL91ABNA0417164300 ES9121000418450200051332 CH9300762011623852957 BE68539007547034 "
        "IT60X0542811101000000123456"
    )
)


def personal_data(text: str) -> Iterator[Personal]:
    """E-mail addresses, then numbers, then accounts in `text`, at most 1000 candidates of each. Linear."""
    if "@" in text:
        yield from _emails(text)
    has_account = "IBAN" in text
    for match in islice(_DIGITS.finditer(text), MOST):
        start, end = match.span()
        has_account = has_account or text[max(0, start - 2) : start].isupper()
        if end - start <= _LONGEST:
            yield from _number(text, start, end)
    if has_account:
        yield from _accounts(text)


def _emails(text: str) -> Iterator[Personal]:
    for match in islice(_EMAIL().finditer(text), MOST):
        name = match.group()[: -len(match.group(1)) - 1].lower()
        if name not in _NOBODY and not _STAND_IN().match(match.group(1)):
            yield Personal(*match.span(), "email")


def _number(text: str, start: int, end: int) -> Iterator[Personal]:
    """A run of digits, if it is a card, a person's number or a phone's."""
    if text[start - 1 : start] == "(":
        start -= 1
    before, after = text[max(0, start - 1) : start], text[end : end + 1]
    if before == "+" and text[max(0, start - 2) : start - 1].isalnum():
        return  # the exponent of a number
    if before.isalnum() or before in ("_", "/", "=", "#", ".", "-", "$", ",") or after.isalnum() or after in ("_", "%"):
        return
    written = text[start:end]
    digits = re.sub(r"[^0-9]", "", written)
    if digits in _KNOWN or len(set(digits)) < 4:
        return
    if "." not in written and _CARD().fullmatch(digits) and _luhn(digits):
        yield Personal(start, end, "card")
    elif _SSN().fullmatch(written):
        yield Personal(start, end, "ssn")
    elif _is_phone(written, digits, before):
        yield Personal(start - (before == "+"), end, "phone")


def _is_phone(written: str, digits: str, before: str) -> bool:
    """Numbers with a country's code behind a plus, and North American ones; not free ones, not fictional ones."""
    national = _NATIONAL().fullmatch(written.removeprefix("1-") if before != "+" else "")
    if national:
        area, exchange, _ = national.groups()
        return area not in _TOLL_FREE and "555" not in (area, exchange)
    return (
        before == "+" and 9 <= len(digits) <= 15 and "555" not in digits and bool(_INTERNATIONAL().fullmatch(written))
    )


def _luhn(digits: str) -> bool:
    doubled = (2 * int(digit) for digit in digits[-2::-2])
    return (sum(map(int, digits[-1::-2])) + sum(value - 9 * (value > 9) for value in doubled)) % 10 == 0


def _accounts(text: str) -> Iterator[Personal]:
    for match in islice(_IBAN().finditer(text), MOST):
        number = match.group().replace(" ", "")
        if 15 <= len(number) <= 34 and number not in _IBAN_SAMPLES and _right_iban(number):
            yield Personal(*match.span(), "account")


def _right_iban(number: str) -> bool:
    """ISO 13616: the country moved behind, letters as numbers, modulo 97 leaves 1."""
    return int("".join(str(int(sign, 36)) for sign in number[4:] + number[:4])) % 97 == 1
