"""Licences by their SPDX identifiers, and which identifier people mean who write a name or an address instead.

Identifiers are from the SPDX licence list (https://spdx.org/licenses); only those that texts and their documentation
are known to carry are here.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache

PUBLIC_DOMAIN = "public domain"
"""What has no licence and needs none. SPDX has no identifier for it; it is welcome wherever CC0-1.0 is."""

_CREATIVE_COMMONS = ("BY", "BY-SA", "BY-NC", "BY-ND", "BY-NC-SA", "BY-NC-ND")
KNOWN = (
    *(f"CC-{kind}-{version}" for kind in _CREATIVE_COMMONS for version in ("1.0", "2.0", "2.5", "3.0", "4.0")),
    *("CC0-1.0", "CC-PDDC", "PDDL-1.0", "ODC-By-1.0", "ODbL-1.0"),
    *("CDLA-Permissive-1.0", "CDLA-Permissive-2.0", "CDLA-Sharing-1.0"),
    *("Apache-1.1", "Apache-2.0", "MIT", "MIT-0", "BSD-2-Clause", "BSD-3-Clause", "0BSD", "ISC", "Zlib", "BSL-1.0"),
    *("GPL-2.0-only", "GPL-2.0-or-later", "GPL-3.0-only", "GPL-3.0-or-later", "LGPL-2.1-only", "LGPL-2.1-or-later"),
    *("LGPL-3.0-only", "LGPL-3.0-or-later", "AGPL-3.0-only", "AGPL-3.0-or-later", "MPL-2.0", "EPL-2.0", "EUPL-1.2"),
    *("GFDL-1.1", "GFDL-1.2", "GFDL-1.3", "OGL-UK-1.0", "OGL-UK-2.0", "OGL-UK-3.0", "OGL-Canada-2.0", "etalab-2.0"),
    *("Unlicense", "WTFPL", "Artistic-2.0", "OFL-1.1"),
)
# Names that are no identifier in other spelling. The words are compared after `_key`.
_NAMES = {
    "CC0": "CC0-1.0",
    "CC Zero": "CC0-1.0",
    "CC Zero 1.0": "CC0-1.0",
    "CC0 1.0 Universal": "CC0-1.0",
    "CC0 1.0 Universal Public Domain Dedication": "CC0-1.0",
    "Expat": "MIT",
    "Mozilla 2.0": "MPL-2.0",
    "Community Data Agreement Permissive 2.0": "CDLA-Permissive-2.0",
    "Community Data Agreement Permissive 1.0": "CDLA-Permissive-1.0",
    "Open Government 3.0": "OGL-UK-3.0",
    "Open Government 2.0": "OGL-UK-2.0",
    "OGL 3.0": "OGL-UK-3.0",
    "GNU Free Documentation 1.3": "GFDL-1.3",
    "The Unlicense": "Unlicense",
    "Open Data Commons Open Database 1.0": "ODbL-1.0",
}
_ADDRESSES = (
    (re.compile(r"creativecommons\.org/licenses/([a-z-]{2,8})/(\d\.\d)", re.IGNORECASE), "CC-{0}-{1}"),
    (re.compile(r"creativecommons\.org/publicdomain/(zero)/1\.0", re.IGNORECASE), "CC0-1.0"),
    (re.compile(r"apache\.org/licenses/LICENSE-(2\.0)", re.IGNORECASE), "Apache-2.0"),
    (re.compile(r"opensource\.org/licenses?/([A-Za-z0-9.-]{2,30})", re.IGNORECASE), "{0}"),
    (re.compile(r"spdx\.org/licenses/([A-Za-z0-9.-]{2,30}?)(?:\.html)?$", re.IGNORECASE), "{0}"),
)
_LONG = 300
"""Characters; a text that is longer is no name of a licence."""
_ASIDE = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|<[^<>]*>")
_SHORT_FORMS = (
    ("creative commons", "cc"),
    ("share alike", "sa"),
    ("sharealike", "sa"),
    ("attribution", "by"),
    ("non commercial", "nc"),
    ("noncommercial", "nc"),
    ("no derivatives", "nd"),
    ("noderivatives", "nd"),
    ("noderivs", "nd"),
)
_WORD = re.compile(r"[a-z]+|\d+(?:\.\d+)*")
_NOISE = frozenset(
    (
        *("the", "a", "licence", "license", "licenses", "licensed", "under", "international", "unported", "generic"),
        *("version", "v", "foundation", "software", "asl", "spdx", "identifier", "deed", "legalcode"),
    )
)
_BETWEEN = re.compile(r"\s+(?:OR|AND|and|or)\s+|\s*[,;&/]\s*")


def identifier(text: str, also: Collection[str] = ()) -> str | None:
    """The SPDX identifier that `text` clearly means, `PUBLIC_DOMAIN`, or None. `also`: further known identifiers."""
    if len(text) > _LONG:
        return None
    if text in KNOWN or text in also:
        return text
    for pattern, form in _ADDRESSES:
        if found := pattern.search(text):
            return _by_key().get(_key(form.format(*found.groups())))
    key = _key(_ASIDE.sub(" ", text))
    for other in also:
        if _key(other) == key:
            return other
    return _by_key().get(key)


def parts(text: str) -> list[str]:
    """The single licences of "A OR B", "A and B", "A, B"; the whole text where it names only one."""
    pieces = [piece for piece in _BETWEEN.split(text) if piece.strip()] if len(text) <= _LONG else []
    if len(pieces) > 1 and all(identifier(piece) for piece in pieces):
        return pieces
    return [text]


def nearest(text: str, among: Collection[str]) -> str | None:
    """The identifier of `among` that is spelled most like `text`, if any is."""
    from difflib import get_close_matches  # only where something is wrong

    by_fold = {name.casefold(): name for name in among}
    found = get_close_matches(text.casefold()[:60], by_fold, 1, 0.7)
    return by_fold[found[0]] if found else None


@lru_cache(maxsize=1)
def _by_key() -> dict[tuple[str, ...], str]:
    table = {_key(name): meant for name, meant in _NAMES.items()}
    table |= {_key(name)[1:]: name for name in KNOWN if name.startswith("CC-BY")}  # "Attribution 4.0 International"
    table |= {_key(name): name for name in KNOWN}
    table |= {("public", "domain"): PUBLIC_DOMAIN, ("public", "domain", "mark"): PUBLIC_DOMAIN}
    return table | {("in", "public", "domain"): PUBLIC_DOMAIN, ("public", "domain", "mark", "1.0"): PUBLIC_DOMAIN}


def _key(text: str) -> tuple[str, ...]:
    """The words that tell one licence from another: "Apache License, Version 2" and "Apache-2.0" have the same."""
    lower = " ".join(text.casefold().replace("-", " ").replace("_", " ").split())
    for long, short in _SHORT_FORMS:
        lower = lower.replace(long, short)
    words = [word if "." in word or word.isalpha() else f"{word}.0" for word in _WORD.findall(lower)]
    return tuple(word for word in words if word not in _NOISE)
