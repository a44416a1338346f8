"""The pages of localhub: what they show, what their forms do, and that nobody's text becomes markup."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from bot.localhub.markdown import render
from tests.integration.localhub_world import NAME, World, world

EVIL = (
    '<script>alert(1)</script> <img src=x onerror=alert(2)> <a href="javascript:alert(3)">x</a> '
    "[y](javascript:alert(4))"
)
REL = 'rel="nofollow noopener noreferrer"'


@pytest.fixture
def here(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        yield made


class Browser:
    """Keeps cookies, and fills forms with the token of the page that they stand on."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = requests.Session()

    def get(self, path: str) -> str:
        answer = self.session.get(self.url + path, timeout=5)
        assert answer.status_code == 200, answer.text
        assert "script" not in answer.headers["content-security-policy"]
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        return answer.text

    def send(self, page: str, path: str, **fields: str) -> requests.Response:
        token = re.search(r'name="csrf" value="([0-9a-f]{64})"', self.get(page))
        assert token is not None
        return self.session.post(self.url + path, data={"csrf": token[1], **fields}, timeout=5)

    def become(self, login: str) -> None:
        assert self.send("/", "/session", login=login).status_code == 200


def test_all_pages_answer(here: World) -> None:
    pull = here.open("leaf", {"docs/a.md": "# Title\n", "leaf.txt": "one\n"})
    browser = Browser(here.server.url)
    root = f"/{NAME}"
    assert "A place to <strong>grow</strong> things." in browser.get(root)
    assert "taxonomy" in browser.get("/")
    for path in ("/pulls", "/pulls?state=closed", "/pull/1", "/pull/1/files", "/hooks", "/commits/main"):
        browser.get(root + path)
    assert "<h1>Title</h1>" in browser.get(f"{root}/blob/leaf/docs/a.md")
    assert "leaf.txt" in browser.get(f"{root}/tree/leaf")
    assert "docs/a.md" in browser.get(f"{root}/commit/{pull.head.sha}")
    assert "Open a pull request" in browser.get(f"{root}/compare/leaf")
    assert "<svg" in browser.get("/avatars/alice.svg")
    assert requests.get(f"{here.server.url}{root}/raw/leaf/leaf.txt", timeout=5).text == "one\n"
    missing = requests.get(f"{here.server.url}{root}/pull/9", timeout=5)
    assert (missing.status_code, "Not Found" in missing.text) == (404, True)


def test_hostile_text_stays_text(here: World) -> None:
    pull = here.open("leaf", {"leaf.txt": EVIL + "\n", "README.md": EVIL}, title=f"Title {EVIL}"[:200])
    pull.create_issue_comment(f"<!-- hidden -->{EVIL}\n\n<details><summary>More</summary>\n\n{EVIL}\n\n</details>")
    note = {
        "path": "leaf.txt",
        "start_line": 1,
        "end_line": 1,
        "annotation_level": "failure",
        "message": EVIL,
        "title": "x",
    }
    output = {"title": EVIL[:100], "summary": EVIL, "annotations": [note]}
    bot = here.repo("seedbed[bot]")
    run = bot.create_check_run(
        "lint", pull.head.sha, conclusion="failure", details_url="javascript:alert(5)", output=output
    )
    browser = Browser(here.server.url)
    root = f"/{NAME}"
    paths = [
        "/pull/1",
        "/pull/1/files",
        f"/runs/{run.id}",
        "/pulls",
        "/tree/leaf",
        "/blob/leaf/leaf.txt",
        "/compare/leaf",
    ]
    for path in paths:
        html = browser.get(root + path)
        assert "<script" not in html
        assert "<img src=x" not in html
        assert 'href="javascript' not in html
        assert "hidden" not in html.replace('type="hidden"', "")
    talk = browser.get(f"{root}/pull/1")
    assert "<details><summary>More</summary>" in talk
    assert "&lt;script&gt;" in talk


def test_comment_react_merge_in_the_browser(here: World) -> None:
    here.push("leaf", {"leaf.txt": "leaf\n"})
    browser = Browser(here.server.url)
    root = f"/{NAME}"
    browser.become("bob")
    fields = {"title": "From the browser", "head": "leaf", "base": "main", "body": "one\r\ntwo"}
    assert "From the browser" in browser.send(f"{root}/compare/leaf", f"{root}/pulls", **fields).text
    assert "Merging needs write permission." in browser.get(f"{root}/pull/1")
    assert "<em>Nice</em>" in browser.send(f"{root}/pull/1", f"{root}/pull/1/comment", body="*Nice*").text
    pull = here.repo().get_pull(1)
    comment = pull.get_issue_comments()[0]
    browser.send(f"{root}/pull/1", f"{root}/pull/1/react/{comment.id}", content="rocket")
    assert [reaction.content for reaction in comment.get_reactions()] == ["rocket"]
    denied = browser.send(f"{root}/pull/1", f"{root}/pull/1/merge", sha=pull.head.sha)
    assert denied.status_code == 403
    browser.become("alice")
    done = browser.send(f"{root}/pull/1", f"{root}/pull/1/merge", sha=pull.head.sha)
    assert "Merged as" in done.text
    assert (here.repo().get_pull(1).merged_by.login, pull.body) == ("alice", "one\ntwo")


def test_forms_of_other_sites_are_refused(here: World) -> None:
    here.open()
    browser = Browser(here.server.url)
    browser.become("alice")
    page = f"{here.server.url}/{NAME}/pull/1"
    assert browser.session.post(f"{page}/comment", data={"csrf": "0" * 64, "body": "x"}, timeout=5).status_code == 403
    token = re.search(r'name="csrf" value="([0-9a-f]{64})"', browser.get(f"/{NAME}/pull/1"))
    assert token is not None
    data = {"csrf": token[1], "body": "x"}
    foreign = browser.session.post(f"{page}/comment", data=data, headers={"Origin": "http://evil.test"}, timeout=5)
    assert foreign.status_code == 403
    forged = requests.get(page, cookies={"localhub_session": "alice." + "0" * 64}, timeout=5)
    assert "Choose at the top" in forged.text
    assert requests.get(page, headers={"Host": "evil.test"}, timeout=5).status_code == 400
    away = browser.send("/", "/session", login="alice", back="//evil.test/")
    assert away.url == f"{here.server.url}/"
    assert list(here.repo().get_pull(1).get_issue_comments()) == []


def test_annotations_stand_at_their_lines(here: World) -> None:
    pull = here.open("leaf", {"leaf.txt": "one\ntwo\nthree\n"})
    level = {"annotation_level": "failure", "title": "SB101"}
    notes = [
        {"path": "leaf.txt", "start_line": 2, "end_line": 2, "message": "second line", **level},
        {"path": "leaf.txt", "start_line": 90, "end_line": 90, "message": "far away", **level},
    ]
    output = {"title": "2 faults", "summary": "See below", "annotations": notes}
    here.repo("seedbed[bot]").create_check_run("seedbed/lint", pull.head.sha, conclusion="failure", output=output)
    html = Browser(here.server.url).get(f"/{NAME}/pull/1/files")
    order = [html.index(text) for text in ("far away", "+one", "+two", "second line", "+three")]
    assert order == sorted(order)
    assert "Some checks were not successful" in Browser(here.server.url).get(f"/{NAME}/pull/1")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("~~no~~", "<p><s>no</s></p>\n"),
        ("a\nb", "<p>a<br />\nb</p>\n"),
        ("<!-- seedbed:sticky -->\n\nHi", "\n<p>Hi</p>\n"),
        ("x <!-- y --> z", "<p>x  z</p>\n"),
        ("<!-- never closed\n\n<script>", "\n"),
        ("</details>\n\nx", "\n<p>x</p>\n"),
        ("<details open>\n\nx", "<details open>\n<p>x</p>\n</details>"),
        ("<details onclick=x>", "&lt;details onclick=x&gt;"),
        ("- [x] done", "<ul>\n<li>☑ done</li>\n</ul>\n"),
        ("![pic](https://a.test/p.png)", f'<p><a href="https://a.test/p.png" {REL}>pic</a></p>\n'),
        ("[l](data:text/html,x)", "<p>[l](data:text/html,x)</p>\n"),
        ('[l](https://a.test/"onmouseover=x)', f'<p><a href="https://a.test/%22onmouseover=x" {REL}>l</a></p>\n'),
        ("```html\n<script>\n```", '<pre><code class="language-html">&lt;script&gt;\n</code></pre>\n'),
    ],
)  # fmt: skip
def test_markdown(text: str, wanted: str) -> None:
    assert str(render(text)).strip() == wanted.strip() or str(render(text)).strip() == f"<p>{wanted}</p>".strip()
