"""How well a leaf's source is known. The tiers are those of the InstructLab taxonomy's list of sources."""

from __future__ import annotations

import re
from collections.abc import Iterator

from validators.content.attribution import Attribution, Value
from validators.examples import ATTRIBUTION, Example
from validators.leaffile import LeafFile
from validators.model import Finding
from validators.registry import Rule, check, declare
from validators.rules.attribution import attributed

APPROVED = (
    *("wikipedia.org", "wikisource.org", "gutenberg.org", "openstax.org", "theopenorganization.org"),
    "scrumguides.org",
)
"""Sites whose texts may be used as they are."""
BY_HAND = (
    *("congress.gov", "whitehouse.gov", "senate.gov", "irs.gov", "nasa.gov", "si.edu", "europa.eu", "archive.org"),
    *("plos.org", "openpracticelibrary.com", "cynefin.io"),
)
"""Sites of which some texts may be used, so that a person must look."""

_UNKNOWN = declare(
    "attribution-source",
    "warning",
    "The source is one that is known to allow its use.",
    "default",
    "attribution",
    reason="For a site that is not on the list, maintainers must find out first whether its texts may be used.",
    example=Example(
        bad=ATTRIBUTION.replace("en.wikipedia.org/wiki/Ship", "boats.example.com/ship"),
        good=ATTRIBUTION,
        attribution=True,
    ),
)
_LOOK = declare(
    "attribution-source-verify",
    "hint",
    "A source with texts under several licences is looked at by a maintainer.",
    "default",
    "attribution",
    reason="Sites such as archive.org hold free texts beside others; only a person can tell which this one is.",
    example=Example(
        bad=ATTRIBUTION.replace("en.wikipedia.org/wiki/Ship", "archive.org/details/ship"),
        good=ATTRIBUTION,
        attribution=True,
    ),
)
_HOST = re.compile(r"https?://(?:[^\s/@]*@)?([^\s/:?#]+)", re.IGNORECASE)


@check("file", _UNKNOWN, _LOOK)
def source(leaf: LeafFile) -> Iterator[Finding]:
    """Each site once, at its first link."""
    said = attributed(leaf)
    if said is None:
        return
    seen: set[str] = set()
    for work in said.works:
        for value in work.filled("link"):
            match = _HOST.search(value.text)
            host = match.group(1).casefold().rstrip(".") if match else ""
            if host and host not in seen and not (_is_of(host, APPROVED) or _is_own(leaf, value.text)):
                seen.add(host)
                yield _finding(leaf, said, value, host)


def _finding(leaf: LeafFile, said: Attribution, value: Value, host: str) -> Finding:
    rule: Rule
    if _is_of(host, BY_HAND):
        rule, message = _LOOK, f"a maintainer checks this work's licence, as {host} holds texts under several"
        remedy = "Say in the pull request where the page names its licence."
    else:
        rule, message = _UNKNOWN, f"{host[:60]} is not on the list of known sources"
        remedy = "Say in the pull request where the page names its licence; or use a known source such as Wikipedia."
    return rule.at(leaf, said.source.span(value.start, value.end), message, remedy, path=leaf.attribution_path)


def _is_own(leaf: LeafFile, link: str) -> bool:
    """Whether the link leads to a repository of whoever made the leaf: https://github.com/ada-lovelace/…"""
    made_by = leaf.root.get("created_by") if leaf.root else None
    login = made_by.text.casefold() if made_by else ""
    parts = link.casefold().split("/")
    return bool(login) and len(parts) > 3 and parts[3] == login and parts[2] in leaf.config.hosts


def _is_of(host: str, sites: tuple[str, ...]) -> bool:
    return any(host == site or host.endswith(f".{site}") for site in sites)
