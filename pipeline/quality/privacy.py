"""The gate on personal data and secrets: what a teacher remembers of somebody, or makes up so that it fits somebody."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from pipeline.quality.rows import Row
from validators.content.personal import personal_data
from validators.content.secretscan import secrets

_WORDS = {
    "email": "an e-mail address",
    "phone": "a phone number",
    "card": "the number of a payment card",
    "ssn": "a US social security number",
    "account": "the number of a bank account",
}
_ADDRESS = re.compile(r"(?<![\w.:/-])(?<!v )(?<!version )(?:\d{1,3}\.){3}\d{1,3}(?![\w.-]*\d)")
_RESOLVERS = frozenset({"1.1.1.1", "1.0.0.1", "8.8.8.8", "8.8.4.4", "9.9.9.9", "208.67.222.222"})  # known to everybody


def privacy(row: Row) -> str | None:
    """E-mail addresses, phone, card, account and social security numbers, public IP addresses, keys and passwords.

    Those in the document or the seeds are known already, and a skill whose seeds hold such things is about them.
    """
    known = f"{row.seeds.text}\n{row.source}"
    for part, text in row.parts:
        for what, written in found(text):
            if written not in known and what not in _in_seeds(row):
                return f"{part}: it holds {what} that neither the seed examples nor a document have"
    return None


def found(text: str) -> Iterator[tuple[str, str]]:
    """(what it is, as it is written) of everything private in `text`; invented samples such as example.org are none."""
    for item in personal_data(text):
        yield _WORDS[item.kind], text[item.start : item.end]
    for match in _ADDRESS.finditer(text):
        if match.group() not in _RESOLVERS and _is_public(match.group()):
            yield "a public IP address", match.group()
    for secret in secrets(text):
        yield secret.what, text[secret.start : secret.end]


def _in_seeds(row: Row) -> frozenset[str]:
    """Kinds of personal data that a skill's seeds hold; secrets are welcome nowhere."""
    if row.flow.kind == "knowledge":
        return frozenset()
    kinds = {_WORDS[item.kind] for item in personal_data(row.seeds.text)}
    addresses = {"a public IP address"} if _ADDRESS.search(row.seeds.text) else set()
    return frozenset(kinds | addresses)


def _is_public(written: str) -> bool:
    try:
        return ipaddress.ip_address(written).is_global
    except ValueError:
        return False
