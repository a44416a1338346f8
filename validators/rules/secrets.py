"""Keys, tokens and passwords: what is pushed to a public repository is known to the world."""

from __future__ import annotations

from collections.abc import Iterator

from validators.content.secretscan import Secret, secrets
from validators.content.texts import escaped
from validators.examples import Example
from validators.leaffile import LeafFile
from validators.model import Finding, Span
from validators.registry import check, declare
from validators.source import Source

_MOST_ATTRIBUTION = 64 * 1024
# Put together here, so that no scanner takes this file for a leak.
_TOKEN = "ghp" + "_" + "Zq3vT9LmB7xKc2RnW8yJd5FhG4sPaU6eQ1tY"

SECRET = declare(
    "leaked-secret",
    "error",
    "No key, token or password stands in the leaf.",
    "default",
    "safety",
    reason="Whoever reads the repository can use it, and git keeps it after the line is deleted.",
    example=Example(
        bad=f"  - question: How do I sign in to the harbour's website?\n    answer: Send the token {_TOKEN}.\n",
        good="  - question: How do I sign in to the harbour's website?\n    answer: Send the token that you have.\n",
    ),
)
_REMEDY = "Have it revoked now, where it was made; then delete it here. Deleting alone does not help, git keeps it."


@check("text", SECRET)
def leaked(leaf: LeafFile) -> Iterator[Finding]:
    """Secrets in the leaf's file, behind escapes too, and in the attribution beside it."""
    text = leaf.source.text
    for secret in secrets(text):
        yield _found(leaf, secret, leaf.source.span(secret.start, secret.end))
    for node in escaped(leaf):
        written = text[node.start : node.end]
        for secret in secrets(node.text):
            if node.text[secret.start : secret.end] not in written:
                yield _found(leaf, secret, leaf.span(node))
    source = Source(leaf.attribution[:_MOST_ATTRIBUTION].decode("utf-8", "replace").removeprefix("\ufeff"))
    for secret in secrets(source.text):
        yield _found(leaf, secret, source.span(secret.start, secret.end), leaf.attribution_path)


def _found(leaf: LeafFile, secret: Secret, span: Span, path: str = "") -> Finding:
    return SECRET.at(leaf, span, f"{secret.what} stands here ({secret.shown})", _REMEDY, path=path)
