"""Under which licence a leaf's texts come in."""

from __future__ import annotations

import re
from collections.abc import Iterator

from validators.content import licenses
from validators.content.attribution import Attribution, Value, Work
from validators.examples import ATTRIBUTION, Example
from validators.leaffile import LeafFile
from validators.model import Edit, Finding, Fix, LintConfig
from validators.paths import ATTRIBUTION_FILE
from validators.registry import check, declare
from validators.rules.attribution import attributed

_GROUPS = ("default", "attribution")

_ACCEPTED = declare(
    "attribution-license",
    "error",
    f"The licence in {ATTRIBUTION_FILE} is one that the taxonomy accepts.",
    *_GROUPS,
    reason="The model and its training data are passed on. Texts under a licence that forbids this, or under an "
    "unknown one, would make the whole model unusable for others.",
    example=Example(bad=ATTRIBUTION.replace("CC-BY-SA-4.0", "all rights reserved"), good=ATTRIBUTION, attribution=True),
)
_SPELLED = declare(
    "attribution-license-name",
    "warning",
    "A licence is named by its SPDX identifier.",
    *_GROUPS,
    reason="The licences of all leaves are summed up by a program for the model card, and it reads identifiers.",
    example=Example(
        bad=ATTRIBUTION.replace("CC-BY-SA-4.0", "CC BY-SA 4.0 International"), good=ATTRIBUTION, attribution=True
    ),
    fixes=True,
)
_WIKIPEDIA = declare(
    "attribution-license-wikipedia",
    "warning",
    "Text from Wikipedia is under CC-BY-SA-4.0.",
    *_GROUPS,
    reason="A text keeps its licence when it is copied or reworded closely; nobody but its authors can change it.",
    example=Example(bad=ATTRIBUTION.replace("CC-BY-SA-4.0", "MIT"), good=ATTRIBUTION, attribution=True),
)
_FROM_WIKIPEDIA = re.compile(r"https?://(?:[a-z-]+\.){0,2}wikipedia\.org/", re.IGNORECASE)
_OR = re.compile(r"\bor\b", re.IGNORECASE)


@check("file", _ACCEPTED, _SPELLED, _WIKIPEDIA)
def licence(leaf: LeafFile) -> Iterator[Finding]:
    """Licences that are not accepted, or not named as programs know them."""
    said = attributed(leaf)
    if said is None:
        return
    for work in said.works:
        values = work.filled("license")
        good = [value for value in values if _accepted(value.text, leaf.config)]
        if values and not good:
            yield _refusal(leaf, said, values[0])
        for value in good:
            yield from _spelling(leaf, said, value)
        if good and not _is_wikipedias(work, good, leaf.config):
            message = f"{good[0].text[:60]!r} is not the licence of Wikipedia"
            span = said.source.span(good[0].start, good[0].end)
            remedy = "Write CC-BY-SA-4.0; a text of your own that only uses the facts needs no link to Wikipedia."
            yield _WIKIPEDIA.at(leaf, span, message, remedy, path=leaf.attribution_path)


def _accepted(text: str, config: LintConfig) -> bool:
    """Whether the taxonomy takes in what stands under this licence, or under one of these."""
    welcome = {*config.licenses, *([licenses.PUBLIC_DOMAIN] if "CC0-1.0" in config.licenses else [])}
    fine = [licenses.identifier(part, config.licenses) in welcome for part in licenses.parts(text)]
    return any(fine) if _OR.search(text) else all(fine)


def _refusal(leaf: LeafFile, said: Attribution, value: Value) -> Finding:
    config = leaf.config
    name = licenses.identifier(value.text, config.licenses)
    message = f"{name} is not accepted here" if name else f"{value.text[:60]!r} is no licence that is known here"
    like = None if name else licenses.nearest(value.text, config.licenses)
    remedy = f"Did you mean {like}? " if like else ""
    remedy += f"Write the licence under which the work was published, if it is one of {', '.join(config.licenses)}"
    remedy += ", or `public domain`" if "CC0-1.0" in config.licenses else ""
    remedy += ". Your own work you may put under any of these; under another licence a work cannot be taken in."
    span = said.source.span(value.start, value.end)
    return _ACCEPTED.at(leaf, span, message, remedy, path=leaf.attribution_path)


def _spelling(leaf: LeafFile, said: Attribution, value: Value) -> Iterator[Finding]:
    """An accepted licence that is written as a name, an address, or in other letters."""
    named = licenses.parts(value.text)
    head = value.text.partition("(")[0].rstrip()
    name = head if licenses.identifier(head, leaf.config.licenses) else value.text
    meant = licenses.identifier(name, leaf.config.licenses)
    if len(named) > 1 or meant in (None, licenses.PUBLIC_DOMAIN, name):
        return
    edit = Edit(value.start, value.start + len(name), str(meant))
    span = said.source.span(value.start, value.start + len(name))
    fix = Fix(f"write {meant}", (edit,))
    message = f"{name[:60]!r} is not the SPDX identifier of the licence"
    yield _SPELLED.at(leaf, span, message, f"Write `{meant}`.", fix=fix, path=leaf.attribution_path)


def _is_wikipedias(work: Work, licences: list[Value], config: LintConfig) -> bool:
    """Whether a text from Wikipedia stands under Wikipedia's licence; true for texts from elsewhere."""
    if not any(_FROM_WIKIPEDIA.match(link.text) for link in work.filled("link")):
        return True
    parts = [part for value in licences for part in licenses.parts(value.text)]
    names = [licenses.identifier(part, config.licenses) or "" for part in parts]
    return any(name.startswith(("CC-BY-SA-", "GFDL")) for name in names)
