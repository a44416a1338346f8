"""Commands in comments: one table for parser, help, documentation and permission."""

from __future__ import annotations

import json
import re
import time
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from bot.commanding.batch import run as run_batch
from bot.commanding.obey import HANDLERS
from bot.commands import BY_NAME, COMMANDS, Asked, Command, page, parse
from bot.commands.arguments import Wrong
from bot.commands.parser import LIMIT
from bot.forge.memory import MemoryForge
from bot.forge.port import ForgeError, Permission
from bot.permissions import Who, decide
from bot.render import reply, texts
from validators.output.explain import explain
from validators.registry import RULES
from validators.rules import load_rules

US = "seedbed[bot]"


def names(body: str) -> list[str]:
    return [asked.name for asked in parse(body, US)]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("/lint", ["lint"]),
        ("/LINT", ["lint"]),
        ("  /lint please", ["lint"]),
        ("/lint, thanks!", ["lint"]),
        ("Thanks!\n/preview\n/lint", ["preview", "lint"]),
        ("/lint\n\n/lint", ["lint"]),
        ("/preview a\n/preview b\n/preview a", ["preview", "preview"]),
        ("@seedbed preview", ["preview"]),
        ("@Seedbed: /preview", ["preview"]),
        ("@seedbed[bot] help", ["help"]),
        ("@seedbed, please preview", ["preview"]),
        ("- /lint", ["lint"]),
        ("1. /lint", ["lint"]),
        ("one  \n/lint", ["lint"]),
        ("a *b* c\n/lint", ["lint"]),
        ("<br>\n\n/lint", ["lint"]),
        ("<details>\n\nmore\n\n</details>\n\n/lint", ["lint"]),
        ("see /lint", []),
        ("> /lint", []),
        ("> a\n/lint", []),  # the quote goes on
        ("- > /lint", []),
        ("`/lint`", []),
        ("```\n/lint\n```", []),
        ("~~~~\n```\n/lint\n", []),
        ("    /lint", []),
        ("<!-- \n/lint\n-->", []),
        ("<!-- never closed\n\n/lint", []),
        ("> <!-- never closed\n\n/lint", []),
        ("<!-- closed -->\n\n/lint", ["lint"]),
        ("<div>\n/lint\n</div>", []),
        ("<blockquote>\n\n/lint\n\n</blockquote>", []),
        ("<pre>\n/lint\n</pre>", []),
        ("see <b>\n/lint\n</b>", []),
        ("*one\n/lint\ntwo*", []),
        ("~~one\n/lint\ntwo~~", []),
        ("[one\n/lint\ntwo](http://example.org)", []),
        ("![one\n/lint\ntwo](http://example.org)", []),
        ("# /lint", []),
        ("/lint\n---", []),  # a heading, too
        ("| a |\n|---|\n| /lint |", []),
        ("/lint | b\n---|---\n/lint | c", []),
        ("    \u2028/lint", []),  # for Markdown that is no end of a line
        ("- a\n\n      /lint", []),
        ("one\rtwo\r\n/lint", ["lint"]),
        ("\\/lint", []),
        ("&#47;lint", []),
        ("/usr", []),
        ("/usr/bin/env python", []),
        ("/home/me/lint", []),
        ("@somebody preview", []),
        ("@seedbed", []),
        ("@seedbed thank you for the fast answer", []),
        ("", []),
    ],
)
def test_what_is_read_and_what_is_not(body: str, expected: list[str]) -> None:
    assert names(body) == expected


@pytest.mark.parametrize(
    ("body", "arguments"),
    [
        ("/preview", {}),
        ("/preview sleep", {"leaf": "sleep"}),
        ("/preview sleep 5", {"leaf": "sleep", "n": 5}),
        ("/preview n=50 leaf=knowledge/a_b/qna.yaml", {"leaf": "knowledge/a_b", "n": 50}),
        ("/preview N=1", {"n": 1}),
        ("@seedbed preview knowledge/science/ n=2 please", {"leaf": "knowledge/science", "n": 2}),
        ("/hold", {}),
        ("/hold waiting for a=b", {"reason": "waiting for a=b"}),
        ("/hold see [this](http://x.invalid) please", {"reason": "see … please"}),
        ("/assign", {}),
        ("/assign @grace-hopper", {"login": "grace-hopper"}),
        ("/explain dco-signoff", {"rule": "dco-signoff"}),
        ("/help /preview", {"command": "preview"}),
    ],
)
def test_arguments(body: str, arguments: dict[str, object]) -> None:
    (asked,) = parse(body, US)
    assert asked.wrong is None
    assert asked.arguments == arguments


@pytest.mark.parametrize(
    ("body", "pulls", "inner"),
    [
        ("/batch label:seedbed:needs-preview preview n=3", {"label": "seedbed:needs-preview"}, ("preview", {"n": 3})),
        (
            '/batch label:"good first issue" hold a while',
            {"label": "good first issue"},
            ("hold", {"reason": "a while"}),
        ),
        ("/batch state:needs-review /approve", {"state": "needs-review"}, ("approve", {})),
        ("/batch #1,#2 lint", {"pulls": [1, 2]}, ("lint", {})),
        ("/batch #1, 2, #1 lint", {"pulls": [1, 2]}, ("lint", {})),
    ],
)
def test_batches(body: str, pulls: object, inner: tuple[str, object]) -> None:
    (asked,) = parse(body, US)
    assert asked.wrong is None
    assert asked.arguments["pulls"] == pulls
    one = Asked.of(asked.arguments["command"])
    assert (one.name, one.arguments) == inner


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ("/preview n=0", Wrong("value", "n", "0")),
        ("/preview n=51", Wrong("value", "n", "51")),
        (f"/preview n={'9' * 300}", Wrong("value", "n", "9" * 300)),
        ("/preview n=0000000051", Wrong("value", "n", "0000000051")),
        ("/preview n=0000000019999", Wrong("value", "n", "0000000019999")),
        ("/preview n=²", Wrong("value", "n", "²")),
        ("/preview n=-1", Wrong("value", "n", "-1")),
        ("/preview ../../etc", Wrong("value", "leaf", "../../etc")),
        ("/preview n=5 n=6", Wrong("twice", "n", "n=6")),
        ("/preview a 5 b", Wrong("extra", "", "b")),
        ("/preview leav=a", Wrong("key", "leaf", "leav=a")),
        ("/preview `a`", Wrong("formatted")),
        ("/lint now", Wrong("extra", "", "now")),
        ("/explain", Wrong("missing", "rule")),
        ("/explain a/b", Wrong("value", "rule", "a/b")),
        ("/assign @a @b", Wrong("extra", "", "@b")),
        ("/assign <b>", Wrong("formatted")),
        ("/batch", Wrong("missing", "pulls")),
        ("/batch #1", Wrong("missing", "command")),
        ("/batch all lint", Wrong("value", "pulls", "all")),
        ("/batch #1 help", Wrong("value", "command", "help")),
        ("/batch #1 batch #2 lint", Wrong("value", "command", "batch")),
        ("/batch #1 preview n=99", Wrong("value", "n", "99")),
        (f"/batch {','.join(map(str, range(1, 52)))} lint", None),
    ],
)
def test_wrong_arguments_are_told_in_one_line_with_the_usage(body: str, wrong: Wrong | None) -> None:
    (asked,) = parse(body, US)
    assert asked.wrong is not None
    assert wrong is None or asked.wrong == wrong
    told = reply.wrong(asked, asked.wrong)
    assert "\n" not in told
    assert "was not run" in told
    inner = asked.arguments.get("command")
    usage = BY_NAME[inner["name"] if asked.name == "batch" and isinstance(inner, dict) else asked.name].usage
    assert told.endswith(f"Usage: `{usage}`")


@pytest.mark.parametrize(
    ("body", "said", "nearest"),
    [
        ("/previw", "/previw", "preview"),
        ("/hepl", "/hepl", "help"),
        ("@seedbed previews", "/previews", "preview"),
        ("/ok-to-tset", "/ok-to-tset", "ok-to-test"),
    ],
)
def test_a_slip_is_answered_with_the_nearest(body: str, said: str, nearest: str) -> None:
    (asked,) = parse(body, US)
    assert (asked.said, asked.name, asked.nearest) == (said, "", nearest)
    assert reply.unknown(asked) == f"`{said}` is not a command here. Did you mean `/{nearest}`? `/help` lists them all."


def test_at_most_ten_commands_of_one_comment() -> None:
    assert len(parse("\n".join(f"/preview n={n}" for n in range(1, 30)), US)) == LIMIT == 10


@pytest.mark.parametrize(
    "filler", ["[", "[a](", "*a_", "> ", "<b>", "\\/", "a\n\n", "|a", "[a]: x\n", "/lintx\n", "/previw\n", "<!--", "`"]
)
def test_no_comment_is_read_for_long(filler: str) -> None:
    """The forge takes 65,536 characters; the parser runs in the web process."""
    body = filler * (65_536 // len(filler))
    started = time.process_time()
    parse(f"/lint\n\n/status\n{body}", US)
    parse(f"/lint\n\n{body}\n|-|-|\n" + "|\n" * 9000, US)
    assert time.process_time() - started < 5


def test_what_older_code_wrote_is_read() -> None:
    assert Asked.of({"said": "/lint", "name": "lint", "nearest": ""}) == Asked("/lint", "lint")


# The table


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_parser_help_page_and_handlers_agree(command: Command) -> None:
    (asked,) = parse(command.example, US)
    assert (asked.name, asked.wrong) == (command.name, None)
    assert f"`{command.usage}`: {command.summary} ({reply.who(command)})" in reply.help_text()
    assert f"`{command.usage}`: {command.summary}." in reply.help_about(command)
    assert f"## {command.name}\n\n{reply.help_about(command)}" in page.render()
    assert f"| {reply.who(command)} | {command.summary} |" in page.render()
    assert (command.name in HANDLERS) is (command.name != "batch")
    assert callable(run_batch)


def test_no_handler_without_a_command() -> None:
    assert set(HANDLERS) < set(BY_NAME)


def test_what_needs_a_person_is_never_for_anyone() -> None:
    harmless = {"help", "lint", "explain", "status"}
    assert {command.name for command in COMMANDS if command.who == "anyone"} == harmless
    assert all(command.who == "triage" for command in COMMANDS if command.teacher)


def test_every_rule_is_explained_in_markdown_of_ours() -> None:
    """No link, image, HTML or mention, whatever the example holds."""
    load_rules()
    for rule in RULES.values():
        text = reply.explained(explain(rule))
        for token in MarkdownIt("commonmark").parse(text):
            assert token.type not in ("html_block", "heading_open"), rule.id
            for child in token.children or []:
                assert child.type not in ("html_inline", "link_open", "image"), (rule.id, child)
                assert child.type != "text" or not re.search(r"(^|\s)@\w", child.content), (rule.id, child.content)


# Permission


@pytest.mark.parametrize(
    ("permission", "allowed"), [("none", False), ("read", False), ("triage", True), ("write", True), ("admin", True)]
)
@pytest.mark.parametrize("who", ["author", "triage"])
def test_a_maintainer_has_at_least_triage(permission: Permission, allowed: bool, who: Who) -> None:
    forge = MemoryForge()
    forge.set_permission("ada", permission)
    assert decide(forge, "ada", who, author="bob").allowed is allowed
    assert decide(forge, "ada", "anyone").allowed
    assert decide(forge, "Ada", "author", author="aDA").allowed
    assert not decide(forge, "", "author", author="").allowed


def test_no_answer_is_a_denial() -> None:
    class Silent(MemoryForge):
        def permission(self, login: str) -> Permission:
            raise ForgeError("no answer")

    for who in ("author", "triage"):
        decision = decide(Silent(), "ada", who, author="bob")  # type: ignore[arg-type]
        assert (decision.allowed, decision.reason) == (False, "unknown")
    assert decide(Silent(), "ada", "author", author="ada").allowed


# Properties

_SOUP = st.lists(
    st.sampled_from(
        [
            *(f"/{command.name}" for command in COMMANDS),
            *("@seedbed ", "\n", "\n\n", " ", "    ", "\t", "> ", "- ", "1. ", "# ", "```\n", "~~~\n", "`", "``", "*"),
            *("<!--", "-->", "<div>", "</div>", "<b>", "</b>", "<pre>", "</pre>", "[", "](x)", "![", "|", "---|---"),
            *("n=", "leaf=", "5", "a/b", "#1,", "label:", '"', "\\", "&#47;", "\0", "\r", "\u2028", "é", "please"),
        ]
    )
    | st.text(max_size=8),
    max_size=40,
).map("".join)
_COMMAND = st.sampled_from([command.example for command in COMMANDS])
_LINE = st.tuples(
    st.sampled_from(["", "", "", "> ", "- ", "    ", "# ", "@seedbed ", "\\"]),
    _COMMAND
    | st.sampled_from(["a | b\n---|---", "<div>\n", "see <b>", "<!--"])
    | st.sampled_from(
        [
            *("", "", "talk", "```", "~~~", "</div>", "</b> end", "-->"),
            *("---|---", "|---|", "---", "*one", "two*", "[one", "two](x)", "`one", "two`", "~~one", "two~~", "<br>"),
        ]
    ),
).map("".join)
_COMMENT = st.lists(_LINE, min_size=1, max_size=8).map("\n".join)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(_SOUP)
def test_the_parser_never_raises_and_is_bounded(body: str) -> None:
    asked = parse(body, US)
    assert asked == parse(body, US)
    assert len(asked) <= LIMIT
    for one in asked:
        plain = json.loads(json.dumps(one.plain()))
        assert "\0" not in json.dumps(plain, ensure_ascii=False)
        assert len(json.dumps(plain)) < 8000
        assert Asked.of(plain) == one
        assert one.name in BY_NAME or (not one.name and one.nearest in BY_NAME)
        if one.wrong is not None:
            assert "\n" not in reply.wrong(one, one.wrong)
        elif not one.name:
            assert "\n" not in reply.unknown(one)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(_SOUP, _COMMAND, st.integers(0, 7))  # the soup is what stands beside the command, inside the same block
def test_nothing_inside_quotes_code_or_html_is_obeyed(soup: str, command: str, how: int) -> None:
    wrapped = [
        f"> {command}",
        f"```\n{command}\n```",
        f"    {command}",
        f"<!--\n{command}\n-->",
        f"<div>\n{command}\n\n{command}\n</div>",
        f"`a\n{command}`",
        f"# {command}",
        f"| a |\n|---|\n| {command} |",
    ][how]
    assert parse(wrapped, US) == ()
    quoted = "".join(f"> {line}\n" for line in re.split(r"[\n\r]", f"{soup}\n{command}"))
    assert parse(quoted, US) == ()
    longest = max((len(run) for run in re.findall("`+", soup)), default=0)
    fence = "`" * max(3, longest + 1)
    assert parse(f"{fence}\n{soup}\n{command}\n{fence}", US) == ()
    assert parse(f"<!--\n{soup.replace('-->', '')}\n{command}\n-->", US) == ()


class _Spoken(HTMLParser):
    """The lines of a rendered comment that stand in paragraphs and lists, and in nothing else."""

    plain = frozenset({"p", "ul", "ol", "li"})
    void = frozenset({"br", "hr", "img"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.text += "\n" if tag in {*self.plain, "br"} else "<"
        self.open += [] if tag in self.void else [tag]

    def handle_endtag(self, tag: str) -> None:
        if tag in self.open:
            del self.open[len(self.open) - 1 - self.open[::-1].index(tag) :]

    def handle_data(self, data: str) -> None:
        self.text += data if self.plain.issuperset(self.open) else "<"


@settings(max_examples=400, deadline=None, derandomize=True)
@given(_COMMENT | _SOUP.map(lambda soup: soup.replace("<!", "<")))  # Python's HTML parser trips over "<![x"
def test_what_is_obeyed_begins_a_line_of_the_rendered_comment(comment: str) -> None:
    """Seen from the other side: what the reader of the page sees as plain text, after a real renderer."""
    spoken = _Spoken()
    spoken.feed(MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(comment))
    begun = {line.strip().lower().removeprefix("@seedbed").lstrip(" ,:/") for line in spoken.text.split("\n")}
    for asked in parse(comment, US):
        word = asked.said.removeprefix("/").split()[0]
        assert any(re.match(rf"(please\W+)?/?{re.escape(word)}", line) for line in begun), asked


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(_COMMAND, min_size=1, max_size=LIMIT, unique=True), st.sampled_from(["\n", "\r\n", "\n\n"]))
def test_what_was_read_reads_the_same_again(examples: list[str], newline: str) -> None:
    asked = parse(newline.join(examples), US)
    assert [one.said for one in asked] == examples
    assert parse("\n".join(one.said for one in asked), US) == asked


def test_texts_have_a_sentence_for_every_fault() -> None:
    assert set(texts.WRONG) == {"value", "missing", "extra", "twice", "key", "formatted"}
    assert set(texts.NO_TEACHER) == {"stranger", "budget", "unknown"}
