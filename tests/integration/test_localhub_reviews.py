"""Reviews with comments at lines, through PyGithub and in the pages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from github import GithubException, UnknownObjectException

from tests.integration.localhub_world import NAME, SECRET, World, receiver, world
from tests.integration.test_localhub_pages import Browser

OLD = "".join(f"line {number}\n" for number in range(1, 31))
NEW = OLD.replace("line 5\n", "Line five\n")


@pytest.fixture
def here(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        made.push("main", {"long.txt": OLD}, login="carol")
        yield made


def test_a_review_with_comments(here: World) -> None:
    with receiver() as inbox:
        here.hub.add_hook(NAME, inbox.url, SECRET, ["pull_request_review"])
        here.open("leaf", {"long.txt": NEW})
        pull = here.repo("carol").get_pull(1)
        review = pull.create_review(
            body="Some words.",
            event="REQUEST_CHANGES",
            comments=[
                {"path": "long.txt", "line": 5, "body": "Say it in figures."},
                {
                    "path": "long.txt",
                    "line": 6,
                    "start_line": 4,
                    "start_side": "RIGHT",
                    "side": "RIGHT",
                    "body": "All.",
                },
                {"path": "long.txt", "line": 5, "side": "LEFT", "body": "This was better."},
            ],
        )
        assert (review.state, review.user.login, review.commit_id) == ("CHANGES_REQUESTED", "carol", pull.head.sha)
        assert [found.id for found in pull.get_reviews()] == [review.id]
        assert pull.get_review(review.id).body == "Some words."
        rows = list(pull.get_single_review_comments(review.id))
        assert [(row.path, row.original_position) for row in rows] == [
            ("long.txt", 5),
            ("long.txt", 6),
            ("long.txt", 4),
        ]
        assert rows[0].diff_hunk.split("\n")[0] == "@@ -2,7 +2,7 @@ line 1"
        assert rows[0].diff_hunk.split("\n")[-1] == "+Line five"
        placed = list(pull.get_review_comments())
        assert [(row.line, row.start_line, row.side) for row in placed] == [
            (5, None, "RIGHT"), (6, 4, "RIGHT"), (5, None, "LEFT"),
        ]  # fmt: skip
        sent = inbox.wait_for("pull_request_review.submitted").payload
        assert (sent["review"]["state"], sent["pull_request"]["number"]) == ("changes_requested", 1)
        review.dismiss("Settled elsewhere.")
        assert pull.get_review(review.id).state == "DISMISSED"
        assert inbox.wait_for("pull_request_review.dismissed").payload["sender"]["login"] == "carol"
        here.push("leaf", {"long.txt": NEW + "more\n"})
        assert all(row.position is None for row in pull.get_single_review_comments(review.id))
        assert here.repo().get_pull(1).review_comments == 3


def test_comments_stand_on_lines_that_the_diff_shows(here: World) -> None:
    here.open("leaf", {"long.txt": NEW.replace("line 25\n", "25\n")})
    pull = here.repo("carol").get_pull(1)
    for comment, why in (
        ({"path": "long.txt", "line": 15, "body": "x"}, "Line could not be resolved"),
        ({"path": "long.txt", "line": 99, "body": "x"}, "Line could not be resolved"),
        ({"path": "README.md", "line": 1, "body": "x"}, "Path could not be resolved"),
        ({"path": "long.txt", "line": 25, "start_line": 15, "body": "x"}, "Start line could not be resolved"),
        ({"path": "long.txt", "line": 25, "start_line": 4, "body": "x"}, "same hunk"),
        ({"path": "long.txt", "line": 4, "start_line": 5, "body": "x"}, "must precede"),
        ({"path": "long.txt", "line": 4, "body": " "}, "blank"),
    ):
        with pytest.raises(GithubException, match=why) as refused:
            pull.create_review(event="COMMENT", comments=[comment])  # type: ignore[list-item]
        assert refused.value.status == 422
    assert pull.get_reviews().totalCount == 0


def test_who_may_review(here: World) -> None:
    here.open("leaf", {"long.txt": NEW})
    own = here.repo("alice").get_pull(1)
    for event in ("APPROVE", "REQUEST_CHANGES"):
        with pytest.raises(GithubException, match="your own pull request") as refused:
            own.create_review(event=event, body="Mine.")
        assert refused.value.status == 422
    assert own.create_review(event="COMMENT", body="A note to myself.").state == "COMMENTED"
    theirs = here.repo("bob").get_pull(1)
    approved = theirs.create_review(event="APPROVE")
    assert (approved.state, approved.body) == ("APPROVED", "")
    with pytest.raises(GithubException) as refused:
        approved.dismiss("No.")
    assert refused.value.status == 403
    with pytest.raises(GithubException, match="Can not dismiss a commented"):
        here.repo("carol").get_pull(1).get_reviews()[0].dismiss("No.")
    for event, body in (("COMMENT", ""), ("REQUEST_CHANGES", ""), ("SHRUG", "x")):
        with pytest.raises(GithubException) as refused:
            theirs.create_review(event=event, body=body)
        assert refused.value.status == 422
    with pytest.raises(UnknownObjectException):
        theirs.get_review(99)


def test_a_suggestion_is_shown_and_committed(here: World) -> None:
    here.open("leaf", {"long.txt": NEW})
    here.repo("carol").get_pull(1).create_review(
        event="COMMENT",
        comments=[
            {
                "path": "long.txt",
                "start_line": 5,
                "line": 6,
                "body": "So:\n\n```suggestion\nline <five>\nline six\n```\n",
            },
            {"path": "long.txt", "line": 8, "body": "```suggestion\n```"},
        ],
    )
    browser = Browser(here.server.url)
    files = f"/{NAME}/pull/1/files"
    shown = browser.get(files)
    assert "line &lt;five&gt;" in shown
    assert "Commit suggestion" not in shown  # nobody is signed in
    browser.become("bob")
    assert "Commit suggestion" not in browser.get(files)
    assert browser.send(files, f"/{NAME}/pull/1/suggestions/1", block="0").status_code == 403
    browser.become("alice")
    assert browser.get(files).count("Commit suggestion") == 2
    assert browser.send(files, f"/{NAME}/pull/1/suggestions/1", block="0").status_code == 200
    head = here.repo().get_pull(1).head.sha
    text = here.repo().get_contents("long.txt", ref=head).decoded_content.decode()  # type: ignore[union-attr]
    assert text == NEW.replace("Line five\nline 6\n", "line <five>\nline six\n")
    commit = here.repo().get_commit(head)
    assert (commit.commit.author.name, commit.commit.message) == (
        "alice", "Apply suggestion to long.txt\n\nSuggested-by: carol",
    )  # fmt: skip
    assert "Outdated" in browser.get(f"/{NAME}/pull/1")
    assert browser.send(f"/{NAME}/pull/1", f"/{NAME}/pull/1/suggestions/2", block="0").status_code == 409


def test_reviews_in_the_pages(here: World) -> None:
    here.open("leaf", {"long.txt": NEW})
    browser = Browser(here.server.url)
    browser.become("carol")
    files = f"/{NAME}/pull/1/files"
    answer = browser.send(files, f"/{NAME}/pull/1/review", body="**Fine** <script>", event="APPROVE")
    assert answer.status_code == 200
    shown = browser.get(f"/{NAME}/pull/1")
    assert "approved these changes" in shown
    assert "<strong>Fine</strong> &lt;script&gt;" in shown
    review = next(iter(here.repo().get_pull(1).get_reviews()))
    assert (review.state, review.user.login) == ("APPROVED", "carol")
    browser.send(f"/{NAME}/pull/1", f"/{NAME}/pull/1/reviews/{review.id}/dismiss", message="Too quick.")
    assert "dismissed a review" in browser.get(f"/{NAME}/pull/1")
