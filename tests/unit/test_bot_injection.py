"""Whatever contributors and models write: in a comment, check, review or commit of ours it is shown, never obeyed.

Each page is rendered as GitHub would (tables, strikethrough, bare addresses) and compared with the same page made of
harmless text: nothing but text may differ. What forges find in finished text (mentions, references) is looked for too.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from bot import pulls
from bot.commands import Asked
from bot.commands.arguments import Wrong
from bot.engine.port import JobStatus
from bot.forge.limits import fitted
from bot.forge.port import Check, Pull
from bot.outcomes import Change, Contrast, GroupScore, ImpactPart, LeafApart
from bot.pulls import (
    Budget,
    BuildPart,
    Decision,
    DocumentsPart,
    Fault,
    LeafDocument,
    LeafMade,
    LeafPrecheck,
    LeafPreview,
    LeafScore,
    LintPart,
    MergePart,
    PrecheckPart,
    PreviewPart,
    PullState,
    SeedPlace,
    Shown,
    TriagePart,
)
from bot.render import checks, mend, reply, status, suggestions, texts
from bot.render.comment import render
from bot.render.escape import ZWSP, clean
from bot.sandbox import Hunk, Mended
from validators.model import Edit, Finding, Fix

PAGE = "http://bot.example/pulls/3/samples"
SHA, OLD = "abc1234def0000000000000000000000000000ff", "b" * 40
HARMLESS = "Otters eat fish"
MARKDOWN = MarkdownIt("gfm-like", {"html": True})
assert MARKDOWN.linkify is not None
MARKDOWN.linkify.set({"fuzzy_link": False, "fuzzy_email": True})  # GitHub links addresses with a scheme, www. and mail

NASTY = [
    *("@octocat", "\\@octocat", "&#64;octocat", "&commat;octocat", "@org/team", "x@octocat", "a@b.example"),
    *("#12", "GH-1", "gh-12", "owner/repo#1", "octo/repo@abc1234", "\\#12", "&num;12", "fixes #12", "Closes: #12"),
    *("abc1234", "deadbeefdeadbeefdeadbeefdeadbeefdeadbeef", "see ABCDEF1 here", "(abc1234)", "_abc1234_"),
    *("www.e.example", "WWW.e.example/x", "http://e.example", "HTTPS://e.example", "mailto:a@b.example"),
    *("xmpp:a@b.example", "ftp://e.example", "//e.example", "<http://e.example>", "<a@b.example>", ":octocat:"),
    *(texts.MARKER, "<!-- seedbed:sticky", "--><!-- seedbed:reply 1 -->", "<!<!---- x -->", "<!--"),
    *("<img src=x onerror=alert(1)>", "<b>", "</details>", "</sub>", "<script>x</script>", "<details open>", "<br/>"),
    *("![x](http://e.example/x.png)", "[x](//e.example)", "[x][y]\n\n[y]: http://e.example", "[^1]\n\n[^1]: x"),
    *("| a | b |\n|---|---|\n| c | d |", "a\n===", "a\n---", "***", "# heading", "#heading", "> quote", "- item"),
    *("+ item", "1. item", "1) item", "- [ ] task", "    code", "```", "~~~", "````", "```\n@octocat\n", "`" * 9),
    *("`", "``", "*a*", "**a**", "__a__", "~~a~~", "$x$", "$$x$$", "\\", "\\\\", "&amp;", "&lt;b&gt;", "a\\\nb"),
    *("a\rb", "a\r\nb", "\0", "\u202eevil\u202c", "\u2066x\u2069", "@\u200boctocat", "#\u200b12", "a\u2028b", "\ufeff"),
    *("\ud800", "e\u0301" * 50, "\U000e0041", "x" * 3000, "\u4e16" * 3000, "", " ", "\t", "\n\n\n"),
]
HOSTILE = st.one_of(
    st.sampled_from(NASTY),
    st.lists(st.one_of(st.sampled_from(NASTY), st.text(max_size=8)), max_size=5).map("".join),
    st.text(max_size=80),
)


def faults(text: str) -> tuple[Fault, ...]:
    fix = Fix(text, (Edit(0, 0, text),), meaning=text)
    one = Finding(text, "error", text, 3, 1, 3, 9, text, text, fix)
    return (Fault(one, text), Fault(replace(one, level="warning", fix=None), text, whole=True))


def linted(text: str) -> LintPart:
    return LintPart(SHA, 2, 1, 1, 0, faults(text), (text,), fixable=1, budgets=(Budget(text, 900, 1000),))


def previewed(text: str, sha: str = SHA) -> PreviewPart:
    shown, dropped = Shown(text, text), Shown(text, text, text)
    leaf = LeafPreview(text, text, 1, 1, (shown,), (dropped,), ((text, 1),), (text,))
    return PreviewPart(sha, "done", text, (leaf, LeafPreview(text, skipped=text)))


def prechecked(text: str) -> PrecheckPart:
    return PrecheckPart(SHA, "done", text, (LeafPrecheck(text, (pulls.Asked(text, text, text, 0.5, True),)),))


def documented(text: str) -> DocumentsPart:
    places = (
        SeedPlace(1, text, 3, 1.0, True),
        SeedPlace(2, text, 3, 0.95, True),
        SeedPlace(3, text, 3, 0.5),
        SeedPlace(4),
    )
    read = LeafDocument(text, text, text, read=(text,), files=2, unread=((text, text),), seeds=places)
    return DocumentsPart(SHA, (read, LeafDocument(text, text, text, reason=text)))


def decided(text: str) -> TriagePart:
    # `void` is made by `bot.triage` of logins and shas, in our own Markdown.
    marks = tuple((mark, text) for mark in ("ok", "look", "bad"))
    hold = Decision(text, SHA, text)
    return TriagePart("on-hold", SHA, assignee=text, hold=hold, checklist=marks)  # type: ignore[arg-type]


def states(text: str) -> Iterator[PullState]:
    """Every field that foreign text can reach, in every form of the comment."""
    green = replace(linted(text), errors=0, faults=(), preview="ask")
    yield PullState(3, linted(text), triage=decided(text))
    yield PullState(3, green, previewed(text), precheck=prechecked(text), triage=decided(text))
    yield PullState(3, green, previewed(text), documents=documented(text))
    yield PullState(3, green, previewed(text, OLD), precheck=replace(prechecked(text), sha=OLD))
    yield PullState(3, green, triage=replace(decided(text), state="needs-review", hold=None))
    failed = PreviewPart(SHA, "failed", failed=text)
    yield PullState(3, green, failed, precheck=PrecheckPart(SHA, "failed", failed=text))
    yield PullState(3, LintPart(SHA, failed=text))
    yield PullState(3, merge=MergePart(text, (LeafMade(text, text, 1, 1, (text,)), LeafMade(text))))
    yield PullState(3, merge=MergePart(failed=text))
    yield PullState(3, build=BuildPart("b1", True, text, (LeafScore(text, 0, 1),)))
    yield PullState(3, build=built(text))
    yield PullState(3, build=replace(built(text), promoted=False, leaves=()))
    yield PullState(3, green, impact=measured(text))
    yield PullState(3, green, impact=replace(measured(text), sha=OLD))
    yield PullState(3, green, impact=ImpactPart(SHA, "failed", failed=text))


def built(text: str) -> BuildPart:
    change = Change(-1, -2, -0.5)
    score = LeafScore(text, 0.1, 0.5, (2, 1), change, 3, True, 6, (2, 1, 2), Contrast(text, text, text))
    return BuildPart("b1", True, text, (score,), "PROMOTE", "base", "", (LeafApart(text, (text,), "b0", "2026-12-26"),))


def measured(text: str) -> ImpactPart:
    group = GroupScore(text, 3, Change(1, 0.5, 2))
    leaves = built(text).leaves
    return ImpactPart(SHA, "done", text, leaves, group, group, (group,), ((text, text),), 3)


def mended(text: str) -> Mended:
    hunk = Hunk(text, 3, 4, (text, text))
    done = ((text, 3, text), (text, 4, text))
    return Mended({text: b""}, (text,), done, 2, ((text, text),), (hunk,), text)


def answers(text: str) -> Iterator[str]:
    """The replies of the job `fix`."""
    yield mend.nothing(mended(text), migrate=False)
    yield mend.pushed(mended(text), SHA, asker=text, migrate=False)
    yield mend.pushed(mended(text), SHA, asker=text, migrate=True)
    yield mend.suggested(mended(text), ())
    yield mend.suggested(mended(text), suggestions.suggestions(mended(text), {text: ((1, 9),)}))


def replied(text: str) -> Iterator[str]:
    """The answers to commands."""
    asked = Asked(text, "preview", wrong=Wrong("extra", "", text))
    yield reply.unknown(Asked(text, ""))
    for fault in ("value", "missing", "extra", "twice"):
        yield reply.wrong(asked, Wrong(fault, "leaf", text))  # type: ignore[arg-type]
    yield reply.denied(asked, "triage", "not allowed")
    yield reply.no_teacher(asked, "budget", 5)
    yield reply.closed(asked)
    yield reply.no_leaf(asked, [text, text])
    yield reply.no_command(asked, text, "")
    yield reply.no_rule(asked, text, "")
    yield reply.not_assignable(asked, text)
    yield reply.no_pulls(asked, {"label": text}, ["draft"])
    yield reply.names([text])
    job = JobStatus("j", text, "failed", error=text, created_at=1.0, ended_at=2.0)
    told = status.status(PullState(3, linted(text), triage=decided(text)), PULL, [job], 9.0)
    yield told
    yield reply.batch(asked, [(12, True, told), (13, False, reply.no_leaf(asked, [text]))], 3)


PULL = Pull(3, HARMLESS, "ada", "open", False, False, SHA, "main", OLD, None, "http://bot.example/o/r/pull/3")


def summaries(text: str) -> Iterator[str]:
    """The Markdown of check runs."""
    for made in made_checks(text):
        yield made.summary


def made_checks(text: str) -> Iterator[Check]:
    yield checks.lint_check(SHA, "o/r#3", linted(text), [f.finding for f in faults(text)], PAGE)
    yield checks.cancelled(texts.PREVIEW, SHA, "o/r#3", text, PAGE)


def tokens(markdown: str) -> list[Token]:
    return [t for token in MARKDOWN.parse(markdown) for t in (token, *(token.children or []))]


OURS = re.compile(r"<!-- seedbed:sticky -->|</?details>|<summary>[^<>]*</summary>|</?sub>")
SILENT = ("text", "softbreak", "code_inline", "inline", "text_special")


def shape(page: list[Token]) -> Counter[str]:
    """How many of each kind of token there are, apart from the text itself."""
    return Counter(f"{t.type} {t.tag} {t.content if 'html' in t.type else ''}" for t in page if t.type not in SILENT)


def check_page(page: str, marked: bool) -> list[Token]:
    """What must hold of a page whatever stands in it."""
    assert len(page) <= 65_536
    assert page.count("<!--") == page.count(texts.MARKER) == int(marked)
    assert page.startswith(texts.MARKER) == marked
    assert not re.search("[\u202a-\u202e\u2066-\u2069\0]", page)
    found = tokens(page)
    assert {t.attrGet("href") for t in found if t.type == "link_open"} <= {PAGE}
    assert not [t for t in found if t.type == "image"]
    assert not [t.content for t in found if "html" in t.type and OURS.sub("", t.content).strip()]
    visible = outside_code(found)
    for pattern in FORBIDDEN:
        assert not re.search(pattern, visible, re.IGNORECASE), visible
    return found


# What forges look for in the finished text: mentions, references, commits (but those of our own), addresses, images.
FORBIDDEN = (
    r"@[A-Za-z0-9]",
    r"#\d|GH-\d",
    r"(?<![^\W_])(?!abc1234(?!\w)|bbbbbbb(?!\w))[0-9a-f]{7,64}(?![^\W_])",
    r"www\.\w|://(?!bot\.example)",
    r":(octocat|shipit):",
)


def outside_code(page: list[Token]) -> str:
    """The text that a forge searches; blocks and code part it, emphasis does not."""
    return "".join(
        t.content if t.type == "text" else "" if t.type.startswith(("em_", "strong_", "s_")) else "\n" for t in page
    )


SHARED = settings(max_examples=25, deadline=None, derandomize=True)


@pytest.mark.parametrize("text", NASTY)
def test_the_corpus_changes_no_page(text: str) -> None:
    same_as_harmless(states, text, marked=True)
    same_as_harmless(answers, text, marked=False)
    same_as_harmless(summaries, text, marked=False)
    same_as_harmless(replied, text, marked=False)


@SHARED
@given(HOSTILE)
def test_the_comment_obeys_nobody(text: str) -> None:
    same_as_harmless(states, text, marked=True)


@SHARED
@given(HOSTILE)
def test_answers_obey_nobody(text: str) -> None:
    same_as_harmless(answers, text, marked=False)


@SHARED
@given(HOSTILE)
def test_replies_obey_nobody(text: str) -> None:
    same_as_harmless(replied, text, marked=False)


@SHARED
@given(HOSTILE)
def test_checks_obey_nobody(text: str) -> None:
    same_as_harmless(summaries, text, marked=False)
    for made in made_checks(text):
        whole = fitted(made)
        assert len(whole.summary.encode(errors="surrogatepass")) <= 65_535
        for plain in (whole.title, *(part for a in whole.annotations for part in (a.title, a.message))):
            assert clean(plain) == plain


Pages = Callable[[str], Iterator[PullState | str]]


@cache
def harmless(pages: Pages) -> tuple[Counter[str], ...]:
    """The shapes of the pages when nobody means harm."""
    return tuple(shape(tokens(written(page))) for page in pages(HARMLESS))


def same_as_harmless(pages: Pages, text: str, *, marked: bool) -> None:
    """No page has a token more than the harmless one: no heading, list, emphasis, table, rule, link or HTML."""
    for page, wanted in zip(pages(text), harmless(pages), strict=True):
        found = written(page)
        assert not shape(check_page(found, marked)) - wanted, found


def written(page: PullState | str) -> str:
    return page if isinstance(page, str) else render(page, PAGE)


@SHARED
@given(st.lists(HOSTILE, min_size=1, max_size=3))
def test_suggestions_hold_what_they_say(lines: Sequence[str]) -> None:
    """Either to the letter in one fence, or not at all."""
    hunk = Hunk("a/qna.yaml", 3, 4, tuple(lines))
    for made in suggestions.suggestions(
        Mended({}, hunks=(hunk,), done=(("a/qna.yaml", 3, lines[0]),)), {"a/qna.yaml": ((1, 9),)}
    ):
        check_page(made.body, False)
        blocks = [t for t in tokens(made.body) if t.type == "fence"]
        assert [(t.info, t.content) for t in blocks] == [("suggestion", "\n".join(lines) + "\n")]


def test_suggestions_stand_on_lines_of_the_diff_alone() -> None:
    hunks = tuple(Hunk("q", n, n, (f"line {n}",)) for n in range(1, 30))
    made = suggestions.suggestions(Mended({}, hunks=hunks), {"q": ((3, 5), (9, 28))})
    assert [s.line for s in made] == [3, 4, 5, *range(9, 16)]
    assert suggestions.suggestions(Mended({}, hunks=(Hunk("q", 5, 9, ("x",)),)), {"q": ((3, 5), (9, 28))}) == ()


def test_a_deletion_is_an_empty_suggestion() -> None:
    (made,) = suggestions.suggestions(Mended({}, hunks=(Hunk("q", 3, 3, ()),)), {"q": ((1, 9),)})
    assert made.body == "```suggestion\n```"


@SHARED
@given(HOSTILE)
def test_commit_messages_refer_to_nobody(text: str) -> None:
    message = mend.commit_message(mended(text), login="seedbed[bot]", asker=text, migrate=False)
    told = message.replace("<seedbed[bot]@users.noreply.github.com>", "")
    assert not re.search(r"[@#][^\s\u200b]|GH-\d|://|www\.[^\u200b]", told, re.IGNORECASE)
    assert len(message.splitlines()) < 40
    assert [line for line in message.splitlines() if line.startswith("Signed-off-by: ")] == [
        "Signed-off-by: seedbed[bot] <seedbed[bot]@users.noreply.github.com>"
    ]


def test_our_own_space_is_never_theirs() -> None:
    assert clean(f"@{ZWSP}octocat") == "@octocat"
