"""Reading `attribution.txt`, and what the rules say of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from validators import Change, Finding, LintConfig, fix, lint
from validators.content import licenses, placeholders
from validators.content.attribution import parse
from validators.examples import ATTRIBUTION, KNOWLEDGE, KNOWLEDGE_PATH, SKILL, SKILL_PATH
from validators.source import Source

RULES = LintConfig(select=("attribution",))
OWN = "License of the work: CC-BY-4.0\nCreator names: Ada Lovelace\n"


def files(text: str, knowledge: bool = False) -> dict[str, bytes]:
    path, leaf = (KNOWLEDGE_PATH, KNOWLEDGE) if knowledge else (SKILL_PATH, SKILL)
    return {path: leaf.encode(), path.replace("qna.yaml", "attribution.txt"): text.encode()}


def said(text: str, *, knowledge: bool = False, config: LintConfig = RULES) -> list[Finding]:
    return list(lint(files(text, knowledge), config=config).findings)


def shown(text: str, finding: Finding) -> str:
    """The text that a finding on one line selects."""
    return Source(text).line(finding.line)[finding.column - 1 : finding.end_column - 1]


def values(text: str) -> list[dict[str, list[str]]]:
    return [
        {name: [value.text for value in found] for name, found in work.fields.items()} for work in parse(text).works
    ]


@pytest.mark.parametrize(
    "text",
    [
        "Title of work: Ships\nLink to work: https://a.org\nLicence of the work: MIT\nCreator names: Ada\n",
        "title_of_work: Ships\nlink_to_work: https://a.org\nlicense_of_the_work: MIT\ncreator_names: Ada",
        "- **Title:** Ships\n- **Source:** https://a.org\n- **Licence:** MIT\n- **Authors:** Ada\n",
        "Title = Ships\r\nURL = https://a.org\r\nLicense = MIT\r\nAuthor(s): Ada\r\n",
        "# Title of the work: Ships\n\n Link to source:https://a.org\n\n SPDX-License-Identifier: MIT\n\nCreator: Ada",
        "Title of work: Ships\nSource:\n  * https://a.org\nLicence:\n  * MIT\nCreator:\n  1. Ada\n",
    ],
)
def test_one_work_in_many_ways(text: str) -> None:
    assert values(text) == [{"title": ["Ships"], "link": ["https://a.org"], "license": ["MIT"], "creator": ["Ada"]}]


def test_several_works_and_several_values() -> None:
    text = (
        "Title: A\nLicense: MIT\n\nTitle: B\nLicense: CC0-1.0\nCreator: Ada\nCreator: Bo\n\nSource: x\n\nLicense: MIT\n"
    )
    assert values(text) == [
        {"title": ["A"], "license": ["MIT"]},
        {"title": ["B"], "license": ["CC0-1.0"], "creator": ["Ada", "Bo"], "link": ["x"]},
        {"license": ["MIT"]},
    ]


@given(st.text(st.sampled_from("Title of work:Licence\n\r -*#=/.hps\u00e4\u2028\ufeff"), max_size=400))
def test_values_stand_where_they_are_said_to_stand(text: str) -> None:
    for work in parse(text).works:
        for found in work.fields.values():
            for value in found:
                assert text[value.start : value.end] == value.text
                assert value.text == value.text.strip()


def test_long_files_are_read_in_linear_time() -> None:
    parse("Title of work: " * 20_000)
    parse("- " * 100_000 + "\n" + "License: x\n\n" * 20_000)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("CC BY-SA 4.0", "CC-BY-SA-4.0"),
        ("cc-by-sa-4.0", "CC-BY-SA-4.0"),
        ("Creative Commons Attribution-ShareAlike 4.0 International License", "CC-BY-SA-4.0"),
        ("Attribution-NonCommercial-NoDerivatives 4.0 International (CC BY-NC-ND 4.0)", "CC-BY-NC-ND-4.0"),
        ("https://creativecommons.org/licenses/by/4.0/", "CC-BY-4.0"),
        ("https://creativecommons.org/publicdomain/zero/1.0/", "CC0-1.0"),
        ("Apache License, Version 2.0.", "Apache-2.0"),
        ("Apache 2", "Apache-2.0"),
        ("The MIT License", "MIT"),
        ("CC0", "CC0-1.0"),
        ("Open Government Licence v3.0", "OGL-UK-3.0"),
        ("Public Domain", licenses.PUBLIC_DOMAIN),
        ("CC BY-SA", None),
        ("Apache", None),
        ("CC-BY-SSA-4.0", None),
        ("4.0", None),
        ("", None),
        ("MIT " * 200, None),
    ],
)
def test_the_licence_that_is_clearly_meant(text: str, meant: str | None) -> None:
    assert licenses.identifier(text) == meant


@pytest.mark.parametrize("name", licenses.KNOWN)
def test_every_identifier_means_itself_in_any_spelling(name: str) -> None:
    assert licenses.identifier(name.lower().replace("-", " ")) == name


def test_a_licence_under_another_name_is_written_as_its_identifier() -> None:
    text = ATTRIBUTION.replace("CC-BY-SA-4.0", "Creative Commons Attribution-ShareAlike 4.0 (see https://a.org)")
    (finding,) = said(text)
    assert finding.rule == "attribution-license-name"
    assert shown(text, finding) == "Creative Commons Attribution-ShareAlike 4.0"
    result = fix(files(text))
    assert result.files[finding.path].decode() == ATTRIBUTION.replace("SA-4.0", "SA-4.0 (see https://a.org)")
    assert [finding.rule for finding in result.remaining.findings] == ["informing-only"]


@pytest.mark.parametrize(
    ("licence", "words"),
    [
        ("CC-BY-NC-4.0", "CC-BY-NC-4.0 is not accepted here"),
        ("eula", "'eula' is no licence that is known here"),
        ("CC-BY-SA-4.0 and GPL-3.0-only", "is no licence that is known here"),
    ],
)
def test_a_licence_that_is_not_accepted(licence: str, words: str) -> None:
    text = ATTRIBUTION.replace("CC-BY-SA-4.0", licence)
    finding = said(text)[0]
    assert (finding.rule, finding.level, shown(text, finding)) == ("attribution-license", "error", licence)
    assert words in finding.message
    assert finding.fix is None
    assert "CC0-1.0" in finding.help


@pytest.mark.parametrize("licence", ["MIT OR GPL-3.0-only", "Apache-2.0 AND MIT", "public domain", "MIT, CC0-1.0"])
def test_licences_that_are_accepted(licence: str) -> None:
    assert said(OWN.replace("CC-BY-4.0", licence)) == []


def test_the_accepted_licences_are_configured() -> None:
    strict = LintConfig(select=RULES.select, licenses=("LicenseRef-Ours",))
    assert [f.rule for f in said(OWN, config=strict)] == ["attribution-license"]
    assert said(OWN.replace("CC-BY-4.0", "LicenseRef-Ours"), config=strict) == []
    assert [f.rule for f in said(OWN.replace("CC-BY-4.0", "public domain"), config=strict)] == ["attribution-license"]


def test_a_near_miss_is_named_and_not_mended() -> None:
    (finding,) = said(ATTRIBUTION.replace("CC-BY-SA-4.0", "CC-BY-SSA-4.0"))
    assert finding.help.startswith("Did you mean CC-BY-SA-4.0?")
    assert finding.fix is None


@pytest.mark.parametrize(
    ("text", "knowledge", "lacking"),
    [
        (OWN, False, ""),
        (OWN, True, "Title of work, Link to work and Revision"),
        (OWN + "Link to work: -\n", True, ""),
        (OWN + "Link to work: none, my own work\n", True, ""),
        (OWN.replace("Ada Lovelace", "ada-lovelace"), True, ""),
        ("I wrote this myself; self-authored.\n" + OWN, True, ""),
        ("Creator names: Ada\n", False, "License of the work"),
        (ATTRIBUTION.replace("Revision: ", "Revision: unknown\nNote: "), True, "Revision"),
        (ATTRIBUTION.replace("Revision: ", "Note: "), False, ""),
    ],
)
def test_fields_that_a_work_lacks(text: str, knowledge: bool, lacking: str) -> None:
    found = [f.message for f in said(text, knowledge=knowledge) if f.rule == "attribution-field"]
    assert found == ([f"the work lacks {lacking}"] if lacking else [])


def test_a_text_without_fields() -> None:
    (finding,) = said("\n  self-authored\n")
    assert (finding.rule, finding.line, finding.column, finding.end_column) == ("attribution-field", 2, 3, 16)
    assert "licence and creators" in finding.help


def test_own_work_may_be_said_in_free_words() -> None:
    assert said("My own work, under CC0-1.0.\n") == []
    assert [f.rule for f in said("My own work, under GPL-3.0-only.\n")] == ["attribution-field"]
    assert [f.rule for f in said("Copied, under CC0-1.0.\n")] == ["attribution-field"]


def test_links_are_addresses() -> None:
    text = ATTRIBUTION.replace("https://en.wikipedia.org/wiki/Ship", "en.wikipedia.org/wiki/Ship", 1)
    (finding,) = said(text)
    assert shown(text, finding) == "en.wikipedia.org/wiki/Ship"
    assert fix(files(text)).files[finding.path].decode() == ATTRIBUTION
    (vague,) = said(ATTRIBUTION.replace("https://en.wikipedia.org/wiki/Ship", "the library", 1))
    assert (vague.rule, vague.fix) == ("attribution-link", None)
    assert said(ATTRIBUTION.replace("https://en.wikipedia.org/wiki/Ship", "ISBN 978-3-16-148410-0", 1)) == []


@pytest.mark.parametrize(
    ("link", "rule"),
    [
        ("https://de.wikipedia.org/wiki/Schiff", None),
        ("https://www.gutenberg.org/ebooks/2701", None),
        ("https://www.nasa.gov/ships", "attribution-source-verify"),
        ("https://boats.example/ship", "attribution-source"),
        ("https://notwikipedia.org/wiki/Ship", "attribution-source"),
        ("https://wikipedia.org.example/wiki/Ship", "attribution-source"),
    ],
)
def test_the_tiers_of_sources(link: str, rule: str | None) -> None:
    text = ATTRIBUTION.replace("https://en.wikipedia.org/wiki/Ship", link, 1)
    assert [f.rule for f in said(text)] == ([rule] if rule else [])


def test_wikipedia_has_a_licence_of_its_own_and_permanent_links() -> None:
    (licence,) = said(ATTRIBUTION.replace("CC-BY-SA-4.0", "MIT"))
    assert licence.rule == "attribution-license-wikipedia"
    (revision,) = said(ATTRIBUTION.replace("w/index.php?title=Ship&oldid=1200000001", "wiki/Ship"), knowledge=True)
    assert revision.rule == "attribution-revision"
    assert said(ATTRIBUTION.replace("https://en.wikipedia.org/w/index.php?title=Ship&oldid=", ""), knowledge=True) == []


def test_an_attribution_that_was_not_read_is_not_missing() -> None:
    beside = SKILL_PATH.replace("qna.yaml", "attribution.txt")
    leaf = {SKILL_PATH: SKILL.encode()}
    assert [f.rule for f in lint(leaf, config=RULES).findings] == ["attribution-missing"]
    assert lint(leaf, config=RULES, change=Change(tree=frozenset((beside,)))).findings == ()


def test_an_attribution_beside_a_broken_or_misnamed_leaf_is_judged_once() -> None:
    wrong = ATTRIBUTION.replace("CC-BY-SA-4.0", "eula")
    broken = {**files(wrong), SKILL_PATH: b"version: [3\n"}
    assert [f.rule for f in lint(broken, config=RULES).findings] == ["attribution-license"]
    twice = {**files(wrong), SKILL_PATH.replace(".yaml", ".yml"): SKILL.encode()}
    assert [f.rule for f in lint(twice, config=RULES).findings] == ["attribution-license"]


def test_placeholders_are_left_to_their_own_rule() -> None:
    text = (
        f"Title of work: {placeholders.TITLE}\nLink to work: {placeholders.LINK}\nRevision: {placeholders.REVISION}\n"
        f"License of the work: {placeholders.LICENSE}\nCreator names: {placeholders.CREATORS}\n"
    )
    assert said(text, knowledge=True) == []
