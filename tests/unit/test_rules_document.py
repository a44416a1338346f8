"""`document`: where it lies. The rules must agree with what the pipeline fetches."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import documents
from validators import Finding, LintConfig, fix, lint
from validators.examples import ATTRIBUTION, KNOWLEDGE, KNOWLEDGE_PATH
from validators.model import HOSTS
from validators.rules.document import mended_repo, repo_fault
from validators.source import Source

RULES = LintConfig(select=("document",))
REPO, COMMIT = "https://github.com/example/tarn-skerry", "0123456789abcdef0123456789abcdef01234567"
REACH = documents.Reach(frozenset(HOSTS))


def files(old: str, new: str) -> dict[str, bytes]:
    assert old in KNOWLEDGE
    beside = KNOWLEDGE_PATH.replace("qna.yaml", "attribution.txt")
    return {KNOWLEDGE_PATH: KNOWLEDGE.replace(old, new).encode(), beside: ATTRIBUTION.encode()}


def only(found: dict[str, bytes], config: LintConfig = RULES) -> tuple[Finding, str]:
    """The one finding, and the text that it selects."""
    (finding,) = lint(found, config=config).findings
    line = Source(found[KNOWLEDGE_PATH].decode()).line(finding.line)
    return finding, line[finding.column - 1 : finding.end_column - 1]


@pytest.mark.parametrize(
    ("address", "better"),
    [
        ("git@github.com:example/skerry.git", "https://github.com/example/skerry.git"),
        ("ssh://git@github.com/example/skerry", "https://github.com/example/skerry"),
        ("http://github.com/example/skerry", "https://github.com/example/skerry"),
        ("github.com/example/skerry", "https://github.com/example/skerry"),
        ("https://www.GitHub.com/example/skerry", "https://github.com/example/skerry"),
        ("https://github.com/example/skerry/tree/main/docs", "https://github.com/example/skerry"),
        ("https://github.com/example/skerry/blob/main/a.md?plain=1", "https://github.com/example/skerry"),
        ("https://gitlab.com/group/sub/skerry/-/tree/main", "https://gitlab.com/group/sub/skerry"),
        ("https://github.com:443/example/skerry", "https://github.com/example/skerry"),
        ("https://example.org/example/skerry", None),
        ("https://github.com/example", None),
        ("https://en.wikipedia.org/wiki/Skerry", None),
        ("our wiki", None),
    ],
)
def test_a_repository_that_cannot_be_fetched(address: str, better: str | None) -> None:
    found = files(REPO, f'"{address}"')
    finding, text = only(found)
    assert (finding.rule, finding.level, text) == ("document-repo", "error", f'"{address}"')
    assert bool(finding.fix) == (better is not None)
    result = fix(found, config=RULES)
    if better:
        assert result.files == files(REPO, f'"{better}"')
        assert address in result.edits[0].meaning
    else:
        assert result.files == found


def test_a_password_is_not_repeated() -> None:
    finding, _ = only(files(REPO, "https://ada:hunter2@github.com/example/skerry"))
    assert finding.message == "the address holds a user name or a password"
    assert "hunter2" not in finding.help


@pytest.mark.parametrize("address", [REPO, f"{REPO}.git", f"{REPO}/", "https://gitlab.com/a/b/c/d"])
def test_a_repository_that_can_be_fetched(address: str) -> None:
    assert lint(files(REPO, address), config=RULES).findings == ()


def test_hosts_are_configured() -> None:
    address = "http://127.0.0.1:8790/tarn/handbook.git"
    ours = LintConfig(select=RULES.select, hosts=("git.example.org", "127.0.0.1"))
    assert lint(files(REPO, address), config=RULES).findings != ()
    assert lint(files(REPO, address), config=ours).findings == ()
    assert lint(files(REPO, "https://git.example.org/a/b"), config=ours).findings == ()
    assert "git.example.org" in only(files(REPO, REPO), ours)[0].help


PIECES = (
    "https",
    "http",
    "ssh",
    "://",
    "@",
    ":",
    "github.com",
    "www.",
    "GITHUB.COM",
    "/a",
    "/b.git",
    "?q",
    "#f",
    "443",
    " ",
)


@given(st.lists(st.sampled_from(PIECES), max_size=7).map("".join))
def test_what_the_rule_lets_through_the_pipeline_fetches(address: str) -> None:
    patch = pytest.MonkeyPatch()
    with patch.context() as context:
        context.setattr(documents.address, "_public_address", lambda host: "192.0.2.1")
        better = mended_repo(address, HOSTS)
        for good in [text for text in (address, better) if text and repo_fault(text, HOSTS) is None]:
            documents.check_url(good, REACH)


@pytest.mark.parametrize(
    ("commit", "message", "better"),
    [
        (COMMIT.upper(), "a commit name has small letters", COMMIT),
        ("abc1234", "this commit name has 7 digits, not 40", None),
        ("main", "'main' is no commit name", None),
        (f"{REPO}/commit/{COMMIT}", "is no commit name", COMMIT),
        (f"{REPO}/blob/{COMMIT}/island.md", "is no commit name", COMMIT),
    ],
)
def test_commits(commit: str, message: str, better: str | None) -> None:
    found = files(COMMIT, commit)
    finding, text = only(found)
    assert (finding.rule, text) == ("document-commit", commit)
    assert message in finding.message
    assert fix(found, config=RULES).files == (files(COMMIT, better) if better else found)


@pytest.mark.parametrize(
    ("pattern", "better"),
    [
        ("/island.md", "island.md"),
        ("docs\\island.md", "docs/island.md"),
        ("../island.md", None),
        ("docs/../island.md", None),
        ("docs/", None),
        ("docs", None),
        ("https://github.com/example/skerry/blob/main/island.md", None),
        ("island.docx", None),
        ("*.html", None),
    ],
)
def test_patterns_that_match_nothing_readable(pattern: str, better: str | None) -> None:
    found = files("- island.md", f"- '{pattern}'")
    finding, text = only(found)
    assert (finding.rule, finding.level, text) == ("document-patterns", "warning", f"'{pattern}'")
    assert fix(found, config=RULES).files == (files("- island.md", f"- '{better}'") if better else found)


@pytest.mark.parametrize(
    "pattern", ["island.md", "docs/*.md", "**/*.MD", "docs/**", "*", "a.txt", "b.pdf", "./c.md", "[ab].md"]
)
def test_patterns_that_are_fine(pattern: str) -> None:
    assert lint(files("- island.md", f"- '{pattern}'"), config=RULES).findings == ()


def test_what_is_no_text_is_left_to_the_schema() -> None:
    for old, new in ((REPO, "[1, 2]"), (COMMIT, "1234567"), ("\n    - island.md", " {a: 1}"), ("- island.md", "- [x]")):
        assert lint(files(old, new), config=RULES).findings == ()


def test_a_plain_value_stays_a_text() -> None:
    """A mended value in no quotes must not become a number or a comment."""
    found = files(f"commit: {COMMIT}", f"commit: {REPO}/commit/{'12345678e0' * 4}")
    result = fix(found, config=RULES)
    assert result.remaining.findings == ()
    assert lint(result.files, config=LintConfig(select=("compat",))).findings == ()
