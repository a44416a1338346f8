"""`.seedbed.yaml`: what it sets, and how its faults are told."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from validators import LintConfig, lint
from validators.config import CONFIG_FILE, MAX_BYTES, ConfigError, merged, parse_config
from validators.limits import TokenLimits

WHOLE = b"""\
# ours
lint:
  schema: declared
  select: [default, tree]
  ignore: leaf-under-leaf
  levels:
    dco-signoff: error
    attribution-source: off
    path-name: "hint"
  licenses: [CC-BY-4.0, LicenseRef-Ours]
  hosts: [git.example.org]
  tokens: {context: 800, seed: 2000}
pipeline:
  samples: 3
"""


def test_a_whole_file() -> None:
    assert parse_config(WHOLE) == LintConfig(
        select=("default", "tree"),
        ignore=("leaf-under-leaf", "attribution-source"),
        schema="declared",
        levels={"dco-signoff": "error", "path-name": "hint"},
        licenses=("CC-BY-4.0", "LicenseRef-Ours"),
        hosts=("git.example.org",),
        token_limits=TokenLimits(context=800, seed=2000),
    )


@pytest.mark.parametrize(
    "data",
    [b"", b"# nothing\n", b"lint:\n", b"lint: {}\n", b"lint:\n  ignore:\n", b"bot: [1]\n", b"\xef\xbb\xbflint:\n"],
)
def test_what_sets_nothing(data: bytes) -> None:
    assert parse_config(data) == LintConfig()


def test_it_builds_on_a_base() -> None:
    base = LintConfig(author="ada", hosts=("a.example",), ignore=("compat",))
    assert parse_config(b"lint: {ignore: [tree]}", base) == LintConfig(
        author="ada", hosts=("a.example",), ignore=("compat", "tree")
    )


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("lnt:\n  select: [compat]\n", 1, 1, "did you mean `lint`?"),
        ("Lint:\n", 1, 1, "did you mean `lint`?"),
        ("- lint\n", 1, 1, "must begin with `lint:`"),
        ("lint: [a]\n", 1, 7, "`key: value` lines"),
        ("lint:\n  slect: [compat]\n", 2, 3, "`slect` is no key of `lint`; did you mean `select`?"),
        ("lint:\n  select: [compat, atribution]\n", 2, 20, "did you mean `attribution`?"),
        ("lint:\n  select: []\n", 2, 11, "`select` is empty"),
        ("lint:\n  select: {a: 1}\n", 2, 11, "must be a list"),
        ("lint:\n  ignore: [[compat]]\n", 2, 12, "a list of words"),
        ("lint:\n  levels: {dco-sign-of: error}\n", 2, 12, "`dco-sign-of` is no rule; did you mean `dco-signoff`?"),
        ("lint:\n  levels: {dco-signoff: eror}\n", 2, 25, "did you mean `error`?"),
        ("lint:\n  levels: {dco-signoff: [off]}\n", 2, 25, "one of error, warning, hint, off"),
        ("lint:\n  levels: {tree: off}\n", 2, 12, "`tree` is no rule"),
        ("lint:\n  schema: 4\n", 2, 11, "newest, declared, or a version"),
        ("lint:\n  schema: true\n", 2, 11, "newest, declared, or a version"),
        ("lint:\n  licenses: [CC BY 4.0]\n", 2, 14, "did you mean CC-BY-4.0?"),
        ("lint:\n  licenses: []\n", 2, 13, "is empty"),
        ("lint:\n  hosts: ['https://github.com']\n", 2, 11, "no host name"),
        ("lint:\n  tokens: {context: many}\n", 2, 21, "a whole number"),
        ("lint:\n  tokens: {contexts: 5}\n", 2, 12, "did you mean `context`?"),
        ("lint:\n  tokens: {seed: true}\n", 2, 18, "a whole number"),
        ("lint:\n  schema: 3\n  schema: 2\n", 3, 3, "stands twice"),
        ("lint:\n  select: [compat\n", 3, 1, "not closed"),
        ("lint: &a b\n", 1, 7, "anchor"),
    ],
)
def test_faults_name_the_place_and_the_right_word(text: str, line: int, column: int, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(text.encode())
    assert words in caught.value.message
    assert (caught.value.line, caught.value.column) == (line, column)
    assert str(caught.value).startswith(f"{CONFIG_FILE}:{line}:{column}: ")


def test_bytes_that_are_no_text_and_too_many() -> None:
    with pytest.raises(ConfigError, match=r"2:3: the file is not UTF-8"):
        parse_config(b"a:\n  \xff")
    with pytest.raises(ConfigError, match="more than 64 KiB"):
        parse_config(b"#" * (MAX_BYTES + 1))


@given(st.one_of(st.binary(max_size=200), st.text("lint:levs[]{} \n-&*!|'\"#,off", max_size=200).map(str.encode)))
def test_no_file_makes_it_crash(data: bytes) -> None:
    try:
        config = parse_config(data)
    except ConfigError:
        return
    lint({}, config=config)


def test_the_command_line_wins() -> None:
    config = parse_config(WHOLE)
    assert merged(config) == config
    assert merged(config, ignore=["tree"]).ignore == (*config.ignore, "tree")
    chosen = merged(config, select=["leaf-under-leaf"], schema="newest")
    assert (chosen.select, chosen.ignore, chosen.schema) == (("leaf-under-leaf",), (), "newest")
    assert chosen.levels == config.levels


def test_a_changed_configuration_is_judged() -> None:
    (finding,) = lint({CONFIG_FILE: b"lint:\n  slect: []\n"}).findings
    assert (finding.rule, finding.level, finding.path, finding.line) == ("configuration", "error", CONFIG_FILE, 2)
    assert lint({CONFIG_FILE: WHOLE}).findings == ()
    assert lint({CONFIG_FILE: b"lint:\n  slect: []\n"}, changed=[]).findings == ()


def test_the_templates_configuration_is_the_default() -> None:
    template = Path(__file__).parents[2] / "taxonomy-template" / CONFIG_FILE
    assert parse_config(template.read_bytes()) == LintConfig()


def test_what_the_template_shows_in_comments_works() -> None:
    template = Path(__file__).parents[2] / "taxonomy-template" / CONFIG_FILE
    text = "\n".join(
        line.replace("# ", "", 1) if line.startswith("  # ") else line for line in template.read_text().split("\n")
    )
    config = parse_config(text.encode())
    assert config != LintConfig()
    assert config.levels
    assert (config.licenses, config.hosts, config.token_limits) == (
        LintConfig().licenses,
        LintConfig().hosts,
        LintConfig().token_limits,
    )
