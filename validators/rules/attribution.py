"""Where a leaf's texts come from: the `attribution.txt` beside it, and the fields in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from validators.content.attribution import NAMES, Attribution, Name, Value, Work, read, says_own
from validators.examples import ATTRIBUTION, SKILL, SKILL_PATH, Example
from validators.leaffile import LeafFile
from validators.mends import attribution_file
from validators.model import Edit, Finding, Fix, Span
from validators.paths import ATTRIBUTION_FILE, LEAF_FILE, beside, is_leaf_like
from validators.registry import check, declare

_GROUPS = ("default", "attribution")
_REMEDY = "Say the work's title, link, revision, licence (SPDX) and creators; for your own work, name yourself."
_BESIDE = beside(SKILL_PATH, ATTRIBUTION_FILE)

_MISSING = declare(
    "attribution-missing",
    "error",
    f"`{ATTRIBUTION_FILE}` lies beside the leaf.",
    "compat",
    "attribution",
    reason="Whoever uses the model must be able to see whose work is in it, and under which licence.",
    example=Example(bad={SKILL_PATH: SKILL}, good={SKILL_PATH: SKILL, _BESIDE: ATTRIBUTION}),
)
_EMPTY = declare(
    "attribution-empty",
    "error",
    f"`{ATTRIBUTION_FILE}` says something.",
    "compat",
    "attribution",
    reason="An empty file names no source and no licence, so nobody may build on the leaf.",
    example=Example(bad={SKILL_PATH: SKILL, _BESIDE: ""}, good={SKILL_PATH: SKILL, _BESIDE: ATTRIBUTION}),
)
_FIELD = declare(
    "attribution-field",
    "warning",
    f"`{ATTRIBUTION_FILE}` names title, licence and creators, and for a source link and revision.",
    *_GROUPS,
    reason="Maintainers check each source by hand; without these fields they must ask back, and weeks are lost. "
    "Your own work needs licence and creators only.",
    example=Example(
        bad="Title of work: Ship\nLink to work: https://en.wikipedia.org/wiki/Ship\nLicense of the work: unknown\n",
        good=ATTRIBUTION,
        attribution=True,
    ),
)
_LINK = declare(
    "attribution-link",
    "warning",
    "A link to a work is a full web address.",
    *_GROUPS,
    reason="Maintainers and readers follow the link to see the source and its licence.",
    example=Example(
        bad=ATTRIBUTION.replace("Link to work: https://", "Link to work: "), good=ATTRIBUTION, attribution=True
    ),
    fixes=True,
)
_REVISION = declare(
    "attribution-revision",
    "warning",
    "The revision of a wiki page is its permanent link.",
    *_GROUPS,
    reason="A wiki page changes every day; only its permanent link shows the text that the leaf was made from.",
    example=Example(
        bad=ATTRIBUTION.replace("w/index.php?title=Ship&oldid=1200000001", "wiki/Ship"),
        good=ATTRIBUTION,
        base="knowledge",
        attribution=True,
    ),
)
_ADDRESS = re.compile(r"https?://[^\s/<>\"']+\.[^\s/<>\"']+|https?://localhost", re.IGNORECASE)
_BARE = re.compile(r"(?:[a-z0-9-]{1,63}\.){1,6}[a-z]{2,24}(?:/\S*)?", re.IGNORECASE)
_NUMBER = re.compile(r"\b(?:doi|isbn|arxiv|urn)\b", re.IGNORECASE)
_WIKI = re.compile(r"https?://(?:[a-z-]+\.){0,2}(?:wikipedia|wikisource|wikibooks|wikiversity)\.org/", re.IGNORECASE)
_PERMANENT = re.compile(r"oldid=\d|[?&]diff=|Special:Permalink/\d|^\s*\d{5,}\s*$", re.IGNORECASE)


@check("mapping", _MISSING, _EMPTY)
def attribution(leaf: LeafFile) -> Iterator[Finding]:
    """A leaf without attribution. Version 1 and foundational skills need none, as in the reference."""
    if leaf.version <= 1 or leaf.branch == "foundational_skills":
        return
    path = leaf.attribution_path
    if path in leaf.files:
        if not leaf.attribution:
            yield _EMPTY.at(leaf, Span(), f"{ATTRIBUTION_FILE} is empty", _REMEDY, path=path)
    elif path not in leaf.change.tree:  # it may lie there unread
        # Shown on the leaf's own file: the missing one has no line that a forge could annotate.
        message = f"the leaf has no {ATTRIBUTION_FILE}"
        remedy = f"Add {ATTRIBUTION_FILE} beside it. {_REMEDY}"
        yield _MISSING.at(leaf, leaf.top(), message, remedy, fix=attribution_file(leaf))


def attributed(leaf: LeafFile) -> Attribution | None:
    """The attribution beside a leaf, where there is one to judge."""
    if not leaf.attribution or len(leaf.attribution) > leaf.config.limits.file_bytes:
        return None
    twin = not leaf.path.endswith(f"/{LEAF_FILE}") and beside(leaf.path, LEAF_FILE) in leaf.files
    if twin or not is_leaf_like(leaf.path) or leaf.branch == "foundational_skills":
        return None
    return read(leaf.attribution)


@check("file", _FIELD)
def fields(leaf: LeafFile) -> Iterator[Finding]:
    """Works that lack what every work must say."""
    said = attributed(leaf)
    if said is None:
        return
    path = leaf.attribution_path
    if not any(work.fields.keys() & NAMES.keys() for work in said.works):
        if said.own and _names_licence(said.text, leaf.config.licenses):
            return  # the contributor's own, and `created_by` says who that is
        lacking = "licence and creators" if said.own else "title, link, licence and creators"
        message = f"no field can be read in {ATTRIBUTION_FILE}"
        remedy = f"Write {lacking} as lines of their own, such as `{NAMES['license']}: CC-BY-4.0`."
        yield _FIELD.at(leaf, _first_line(said), message, remedy, path=path)
        return
    for work in said.works:
        lacking_names = _lacking(leaf, said, work)
        if lacking_names and not (len(said.works) > 1 and not work.fields.keys() & NAMES.keys()):
            *most, last = (NAMES[name] for name in lacking_names)
            message = f"the work lacks {' and '.join((', '.join(most), last) if most else (last,))}"
            span = said.source.span(work.start, work.end)
            yield _FIELD.at(leaf, span, message, _how_to_add(lacking_names), path=path)


def _names_licence(text: str, accepted: Iterable[str]) -> bool:
    """Whether free text holds an identifier of an accepted licence as a word."""
    return not {word.strip(".,;:()") for word in text[:2000].split()}.isdisjoint(accepted)


def _lacking(leaf: LeafFile, said: Attribution, work: Work) -> list[Name]:
    """The fields that this work must have and has not."""
    needed: list[Name] = ["license", "creator"]
    if not _is_own(leaf, said, work):
        needed = ["title", "license", "creator"]
        if leaf.schema_name == "knowledge":
            needed = ["title", "link", "revision", "license", "creator"]
    return [name for name in needed if not work.values(name)]


def _is_own(leaf: LeafFile, said: Attribution, work: Work) -> bool:
    """Whether the contributor wrote the work: says so, says that there is no link, or is a creator of it.

    A skill is taken for the contributor's own where no link says otherwise.
    """
    if work.values("link") and not said.own:
        return False
    if said.own or work.fields.get("link") or leaf.schema_name != "knowledge":
        return True
    created_by = leaf.root.get("created_by") if leaf.root else None
    names = {leaf.config.author.casefold(), str(created_by.value).casefold() if created_by else ""} - {""}
    return any(value.text.casefold().lstrip("@") in names for value in work.values("creator"))


def _how_to_add(names: list[Name]) -> str:
    ways: dict[Name, str] = {
        "license": "`License of the work: ` and an SPDX identifier such as CC-BY-SA-4.0",
        "creator": "`Creator names: ` and who wrote it",
        "title": "`Title of work: ` and its title",
        "link": "`Link to work: ` and its address (`none, my own work` if you wrote it)",
        "revision": "`Revision: ` and the version (on a wiki, the permanent link from the page's history)",
    }
    return "Add the line " + ", and the line ".join(ways[name] for name in names) + "."


@check("file", _LINK, _REVISION)
def links(leaf: LeafFile) -> Iterator[Finding]:
    """Links that lead nowhere, and revisions that change."""
    said = attributed(leaf)
    if said is None:
        return
    for work in said.works:
        for value in work.filled("link"):
            yield from _link(leaf, said, value)
        if any(_WIKI.match(value.text) for value in work.filled("link")):
            yield from _revision(leaf, said, work.filled("revision"))


def _link(leaf: LeafFile, said: Attribution, value: Value) -> Iterator[Finding]:
    if _ADDRESS.search(value.text) or _NUMBER.search(value.text) or says_own(value.text):
        return
    fix = None
    if _BARE.fullmatch(value.text):
        fix = Fix("put https:// before the address", (Edit(value.start, value.start, "https://"),))
    span = said.source.span(value.start, value.end)
    message = f"{value.text[:60]!r} is not a full web address"
    remedy = "Write the address with https:// as your browser shows it; for your own work write `none, my own work`."
    yield _LINK.at(leaf, span, message, remedy, fix=fix, path=leaf.attribution_path)


def _revision(leaf: LeafFile, said: Attribution, values: list[Value]) -> Iterator[Finding]:
    if not values or any(_PERMANENT.search(value.text) for value in values):
        return
    span = said.source.span(values[0].start, values[0].end)
    message = f"{values[0].text[:60]!r} does not say which version of the wiki page it is"
    remedy = "Open the page's history, choose the version you read, and copy its address; it holds `oldid=`."
    yield _REVISION.at(leaf, span, message, remedy, path=leaf.attribution_path)


def _first_line(said: Attribution) -> Span:
    """The first line that says something."""
    return said.source.line_span(len(said.text) - len(said.text.lstrip()))
