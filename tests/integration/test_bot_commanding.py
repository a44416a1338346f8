"""Every command, by everyone who may and may not type it."""
# ruff: noqa: E501  # replies stand here as people see them

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from inline_snapshot import snapshot

from bot.commands import COMMANDS, Command, parse
from bot.forge.port import Forbidden
from bot.jobs import command as command_job
from bot.pulls import Decision, PrecheckPart, PreviewPart, TriagePart
from bot.render import checks, texts
from tests.integration.bot_bench import GOOD, LEAF
from tests.integration.commands_bench import Comments

SAID = {  # what is typed for each command so that nothing but the person decides
    "help": "/help",
    "explain": "/explain dco-signoff",
    "preview": "/preview",
    "hold": "/hold",
    "assign": "/assign",
    "batch": "/batch #1 lint",
}
PEOPLE = ("author", "stranger", "triager", "writer")
ALLOWED = {"anyone": PEOPLE, "author": ("author", "triager", "writer"), "triage": ("triager", "writer")}


@pytest.fixture
def bench(tmp_path: Path) -> Comments:
    bench = Comments(tmp_path)
    bench.forge.set_permission("triager", "triage")
    bench.forge.set_permission("writer", "write")
    return bench


@pytest.mark.parametrize("person", PEOPLE)
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_who_may(bench: Comments, command: Command, person: str) -> None:
    number = bench.pull(author="author")
    comment = bench.say(number, person, SAID.get(command.name, f"/{command.name}"))
    may = person in ALLOWED[command.who]
    assert bench.refused(comment) is not may
    if not may:
        (told,) = bench.replies(number)
        known = command.teacher and person == "author"
        assert ("`/ok-to-test`" if known else "*triage* permission") in told
        assert bench.did == []
        assert bench.state(number).triage.approved is None  # type: ignore[union-attr]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_where_the_forge_does_not_say_who_may_nobody_may(bench: Comments, command: Command) -> None:
    number = bench.pull(author="author")
    bench.forge.silent = frozenset({"writer"})
    comment = bench.say(number, "writer", SAID.get(command.name, f"/{command.name}"))
    assert bench.refused(comment) is (command.who != "anyone")
    if command.who != "anyone":
        (told,) = bench.replies(number)
        assert "could not find out what you may do here" in told
        assert bench.did == []


@pytest.mark.parametrize(
    ("body", "did"),
    [
        ("/lint", [("lint", {"again": True})]),
        ("/fix", [("fix", {"sha": "HEAD", "author": "writer", "comment": "ID", "migrate": False})]),
        ("/migrate", [("fix", {"sha": "HEAD", "author": "writer", "comment": "ID", "migrate": True})]),
        ("/preview", [("preview", {"sha": "HEAD"})]),
        ("/preview sleep n=7", [("preview", {"sha": "HEAD", "leaves": [LEAF], "n": 7})]),
        (f"/preview {LEAF}", [("preview", {"sha": "HEAD", "leaves": [LEAF]})]),
        ("/precheck", [("precheck", {"sha": "HEAD"})]),
        ("/impact sleep", [("impact", {"sha": "HEAD", "leaves": [LEAF]})]),
        ("/precheck animals/sleep", [("precheck", {"sha": "HEAD", "leaves": [LEAF]})]),
        ("/preview n=1\n/preview n=2", [("preview", {"sha": "HEAD", "n": 1}), ("preview", {"sha": "HEAD", "n": 2})]),
        ("/lint\nand\n/precheck", [("lint", {"again": True}), ("precheck", {"sha": "HEAD"})]),
    ],
)
@pytest.mark.parametrize("errors", [0, None])
def test_what_is_started(bench: Comments, body: str, did: list[tuple[str, dict[str, object]]], errors: int) -> None:
    """Also of files that were never checked: then the forge says which leaves there are."""
    number = bench.pull(errors=errors)
    comment = bench.say(number, "writer", body)
    fill = {"HEAD": bench.head(number), "ID": comment}
    wanted = [(name, {"pull": number, **{k: fill.get(str(v), v) for k, v in more.items()}}) for name, more in did]
    assert bench.did == wanted
    assert bench.replies(number) == []
    assert not bench.refused(comment)
    assert {job.key for job in bench.engine.jobs()} == {str(number)}


def test_a_repeated_comment_starts_nothing_twice(bench: Comments) -> None:
    """A step may run twice, and a webhook may come twice under another id."""
    number = bench.pull()
    body = "/preview\n/fix\n/lint\n/status\n/assign"
    comment = bench.say(number, "writer", body)
    did, said, writes = list(bench.did), bench.replies(number), list(bench.forge.writes)
    bench.ask(number, "writer", body, comment, id="gh-again")
    assert (bench.did, len(bench.replies(number))) == (did, len(said))
    assert [line for line in bench.forge.writes[len(writes) :] if not line.startswith("edit")] == []


def test_the_head_that_was_seen_first_is_the_one_that_is_meant(
    bench: Comments, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = bench.pull()
    seen = bench.head(number)
    obey = command_job.obey

    def pushed_meanwhile(call: object) -> object:
        bench.forge.push(number, {"README.md": b"changed"})
        return obey(call)  # type: ignore[arg-type]

    monkeypatch.setattr(command_job, "obey", pushed_meanwhile)
    bench.say(number, "writer", "/preview")
    bench.say(number, "writer", "/approve")
    assert bench.did == [("preview", {"pull": number, "sha": seen})]
    assert bench.state(number).triage.approved is None  # type: ignore[union-attr]  # the push made it void at once


def test_a_button_needs_no_comment(bench: Comments) -> None:
    number = bench.pull()
    bench.ask(number, "writer", "/fix", None, id="gh-press-1")
    bench.ask(number, "writer", "/fix", None, id="gh-press-2")
    assert [payload["comment"] for _, payload in bench.did] == [None, None]
    bench.ask(number, "stranger", "/fix", None, id="gh-press-3")
    assert "*triage* permission" in bench.replies(number)[0]


def test_a_comment_that_is_gone_fails_no_job(bench: Comments) -> None:
    number = bench.pull()
    bench.forge.gone = frozenset({number + 2, number + 3, number + 4})
    comment = bench.say(number, "writer", "/preview")
    assert bench.reactions(comment) == set()
    assert [name for name, _ in bench.did] == ["preview"]


def test_a_command_that_fails_says_so_and_is_retried(bench: Comments, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not silently: 👀 alone would look as if it were still at work. No token of an error is ever shown."""
    number = bench.pull()
    token = "ghp_" + "aB3dE6gH9jK2mN5pQ8sT1vW4xY7zA0cD3fG6"

    def refuse(*_: object) -> bool:
        raise Forbidden(f"assignees of #{number} answered 403: Resource not accessible @everyone {token}")

    comment = bench.forge.comment_as("writer", number, "/assign @writer")
    asked = [one.plain() for one in parse("/assign @writer", bench.forge.login)]
    payload = {"pull": number, "comment": comment, "author": "writer", "asked": asked}
    with monkeypatch.context() as refusing:
        refusing.setattr(bench.forge, "ensure_assignee", refuse)
        bench.engine.enqueue("command", payload, id="gh-1", queue="lint", key=str(number))
        bench.run()
    (failed,) = bench.engine.jobs(states=("failed",))
    assert bench.refused(comment)
    (told,) = bench.replies(number)
    assert told == snapshot(
        "⚠️ `/assign @writer` could not be carried out: assignees of #\u200b1 answered 403: Resource not accessible @\u200beveryone ghp\\_…. What you typed is not the cause; `/retry` tries again."
    )
    assert bench.state(number).replies[-1].sha == bench.head(number)  # folded away by the next push
    assert bench.engine.retry(failed.id)
    bench.run()
    assert bench.forge.pull(number).assignees == ("writer",)
    assert bench.reactions(comment) == {"eyes", "confused", "rocket"}


def test_a_closed_pull_request_takes_few_commands(bench: Comments) -> None:
    number = bench.pull()
    bench.forge.close(number)
    for name in ("lint", "preview", "approve", "cancel", "ok-to-test"):
        assert bench.refused(bench.say(number, "writer", f"/{name}"))
    assert bench.did == []
    assert bench.replies(number)[0] == snapshot(
        "`/lint` was not run: this pull request is closed. Reopen it, and then type it again."
    )
    assert not bench.refused(bench.say(number, "writer", "/explain dco-signoff"))
    assert not bench.refused(bench.say(number, "writer", "/status"))


# Replies


def test_one_reply_a_comment(bench: Comments) -> None:
    number = bench.pull()
    comment = bench.say(number, "stranger", "/previw\n/explain dco\n/preview foo=1\n/approve\n/lint")
    assert bench.refused(comment)
    assert bench.replies(number) == snapshot(
        [
            """\
`/previw` is not a command here. Did you mean `/preview`? `/help` lists them all.

`/explain dco`: there is no rule `dco`. Did you mean `dco-signoff`? The comment and the check name the rule of each finding.

`/preview foo=1` was not run: it does not take `foo=1`. Usage: `/preview [LEAF] [n=COUNT]`

`/approve` was not run: it is for people with at least *triage* permission on this repository. A maintainer who sees this can type it.\
"""
        ]
    )
    assert [name for name, _ in bench.did] == ["lint"]


def test_help(bench: Comments) -> None:
    number = bench.pull()
    bench.say(number, "stranger", "/help")
    bench.say(number, "stranger", "/help preview")
    bench.say(number, "stranger", "/help perview")
    assert bench.replies(number) == snapshot(
        [
            """\
These commands work in a comment on a pull request, each at the beginning of a line of its own:

- `/help [COMMAND]`: list the commands, or tell more about one (anyone)
- `/lint`: check the files of this pull request again (anyone)
- `/fix`: mend what can be mended without a person (the author and maintainers)
- `/migrate`: bring the leaves of this pull request to the newest version of the format (the author and maintainers)
- `/preview [LEAF] [n=COUNT]`: let the teacher model make samples from the changed leaves and show them (maintainers, and authors who are known here)
- `/precheck [LEAF]`: ask the community's present model the seed questions, to see what it knows already (maintainers, and authors who are known here)
- `/impact [LEAF]`: tune the present model on the changed leaves for a moment, and show what it learns and what suffers (maintainers, and authors who are known here)
- `/explain RULE`: say what a rule of the linter wants, and why (anyone)
- `/cancel`: stop the previews, prechecks, impact runs and fixes that are queued or running (the author and maintainers)
- `/retry`: run again what failed on this pull request (the author and maintainers)
- `/approve`: say that this commit is ready to merge (maintainers)
- `/hold [REASON…]`: say that this pull request shall wait until `/unhold`; nobody is reminded meanwhile (maintainers)
- `/unhold`: end a hold (maintainers)
- `/assign [LOGIN]`: say who looks after this pull request: you, or the account that you name (maintainers)
- `/status`: tell what runs, what waits, what failed, and who acts next (anyone)
- `/ok-to-test`: let the teacher read this commit of an author who is new here (maintainers)
- `/batch PULLS COMMAND…`: give one command to many pull requests (maintainers)

`/help COMMAND` tells more about one, such as `/help preview`. Quotes, code and edited comments are not read.\
""",
            """\
`/preview [LEAF] [n=COUNT]`: let the teacher model make samples from the changed leaves and show them. For maintainers, and authors who are known here.

- `leaf`: one of the changed leaves; without it, all of them. It is a path of folders such as `knowledge/science/tides`, or its last part.
- `n`: how many samples to make of each leaf. It is a whole number from 1 to 50.

For example: `/preview sleep n=12`\
""",
            "`/help perview`: there is no command `perview`. Did you mean `/preview`? `/help` lists them all.",
        ]
    )


def test_explain(bench: Comments) -> None:
    number = bench.pull()
    bench.say(number, "stranger", "/explain trailing-spaces")
    bench.say(number, "stranger", "/explain trailing-space")
    bench.say(number, "stranger", "/explain cannot-judge")
    assert bench.replies(number) == snapshot(
        [
            """\
**`trailing-spaces`** (error)

No line ends with spaces or tabs.

They are invisible, make differences between versions unreadable, and get into the texts that are learnt.

Wrong:

```yaml
created_by: ada-lovelace··
```

Right:

```yaml
created_by: ada-lovelace
```

`/fix` mends it.\
""",
            "`/explain trailing-space`: there is no rule `trailing-space`. Did you mean `trailing-spaces`? The comment and the check name the rule of each finding.",
            """\
**`cannot-judge`** (error)

The linter can judge the change within its limits of time and memory.

A file that costs more than any honest one is refused.\
""",
        ]
    )


def test_no_such_leaf(bench: Comments) -> None:
    number = bench.pull()
    assert bench.refused(bench.say(number, "writer", "/preview slumber"))
    assert bench.replies(number) == snapshot(
        [
            "`/preview slumber` was not run: this pull request changes no leaf of that name. It changes `compositional_skills/animals/sleep`."
        ]
    )
    assert bench.did == []


def test_of_a_foreign_command_nothing_is_obeyed_in_the_reply(bench: Comments) -> None:
    number = bench.pull()
    bench.say(number, "stranger", "/preview n=@grace#1|x")
    assert bench.replies(number) == snapshot(
        [
            "`/preview n=@grace#1|x` was not run: `n` must be a whole number from 1 to 50, and `@grace#1|x` is not. Usage: `/preview [LEAF] [n=COUNT]`"
        ]
    )


# Jobs


def test_cancel_stops_what_waits_and_what_runs(bench: Comments) -> None:
    number = bench.pull()
    sha, key = bench.head(number), str(number)
    external = f"{bench.forge.repository}#{number}"
    bench.context.publish(number, PreviewPart(sha, "running", job="p"), PrecheckPart(sha, "running", job="q"))
    bench.forge.ensure_check(
        checks.check(texts.PREVIEW, sha, external, texts.PREVIEW_RUNNING, url="http://bot.example")
    )
    for id, name in (("p", "preview"), ("q", "precheck"), ("f", "fix")):
        bench.engine.enqueue(name, {"pull": number}, id=id, queue="preview", key=key)
    bench.engine.enqueue("preview", {}, id="other", queue="preview", key="77")
    bench.engine.enqueue("lint", {}, id="lint", queue="lint", key=key)
    comment = _only_command(bench, number, "ada", "/cancel")
    states = {id: bench.engine.status(id).state for id in ("p", "q", "f", "other", "lint")}  # type: ignore[union-attr]
    assert states == {"p": "cancelled", "q": "cancelled", "f": "cancelled", "other": "queued", "lint": "queued"}
    assert bench.check(texts.PREVIEW, number).conclusion == "cancelled"
    state = bench.state(number)
    assert state.preview is not None
    assert (state.preview.status, state.preview.failed) == ("failed", "ada cancelled it")
    assert state.precheck is not None
    assert state.precheck.status == "failed"
    assert not bench.refused(comment)
    assert bench.replies(number) == snapshot(["Stopped: `fix`, `precheck`, `preview`."])


def test_cancel_before_it_began_and_with_nothing_to_stop(bench: Comments) -> None:
    number = bench.pull(preview="queued")
    bench.engine.enqueue("preview", {"pull": number}, id="p", queue="preview", key=str(number))
    _only_command(bench, number, "ada", "/cancel")
    assert bench.state(number).preview == PreviewPart(bench.head(number), "failed", failed="ada cancelled it")
    bench.say(number, "ada", "/cancel")
    assert bench.replies(number) == snapshot(
        ["Stopped: `preview`.", "No preview, precheck, impact run or fix of this pull request is queued or running."]
    )


def test_cancel_keeps_samples_that_were_made(bench: Comments) -> None:
    number = bench.pull()
    made = PreviewPart(bench.head(number), "done", "Script")
    bench.context.publish(number, made)
    bench.engine.enqueue("preview", {"pull": number}, id="p", queue="preview", key=str(number))
    _only_command(bench, number, "ada", "/cancel")
    assert bench.state(number).preview == made


def test_retry(bench: Comments) -> None:
    number = bench.pull()
    bench.failing = {"lint", "preview"}
    bench.say(number, "writer", "/lint\n/preview\n/preview n=3")
    assert [job.state for job in bench.engine.jobs(states=("failed",))] == ["failed"] * 3
    bench.say(number, "stranger", "/status")
    bench.failing = set()
    comment = bench.say(number, "ada", "/retry")
    assert not bench.refused(comment)
    assert sorted(name for name, _ in bench.did) == ["lint", "preview", "preview"]
    bench.say(number, "ada", "/retry")
    assert [
        reply.replace(bench.head(number)[:7], "HEAD").replace("a moment", "…") for reply in bench.replies(number)
    ] == snapshot(
        [
            """\
Commit `HEAD`: the check passes.

State: `previewing`, for ….

- `preview` failed … ago: the disk is full @\u200beveryone
- `preview` failed … ago: the disk is full @\u200beveryone
- `lint` failed … ago: the disk is full @\u200beveryone

`/retry` runs again what failed.

**Next: Seedbed.** You need not do anything.\
""",
            "Queued again: `preview` (2), `lint`.",
            "No job of this pull request has failed, so there is nothing to retry. `/status` shows what it does.",
        ]
    )


def test_status(bench: Comments) -> None:
    now = 1_000_000.0
    bench.context = replace(bench.context, clock=lambda: now)
    number = bench.pull()
    now += 7300
    bench.say(number, "stranger", "/status")
    assert bench.replies(number)[0].replace(bench.head(number)[:7], "HEAD") == snapshot("""\
Commit `HEAD`: the check passes.

State: `needs-preview`, for 2 hours.

Nothing is queued or running, and nothing failed.

**Next: a maintainer** reads your files and decides whether the teacher, whose time is short, makes samples of them: `/preview` asks for it once, and `/ok-to-test` lets you ask, too, until the next push. You need not do anything.\
""")


# Decisions


def test_approve_is_bound_to_the_head(bench: Comments) -> None:
    number = bench.pull()
    sha = bench.head(number)
    assert not bench.refused(bench.say(number, "triager", "/approve"))
    state = bench.state(number)
    assert state.triage is not None
    assert (state.triage.approved, state.triage.state) == (Decision("triager", sha), "ready-to-merge")
    assert "seedbed:ready-to-merge" in bench.forge.pull(number).labels
    assert bench.replies(number) == []


@pytest.mark.parametrize(
    ("errors", "failed", "why"),
    [
        (None, "", "has not been checked yet"),
        (0, "the disk is full", "could not be finished"),
        (2, "", "2 things to mend"),
    ],
)
def test_approve_wants_a_clean_check(bench: Comments, errors: int | None, failed: str, why: str) -> None:
    number = bench.pull(errors=errors, failed=failed)
    assert bench.refused(bench.say(number, "triager", "/approve"))
    assert why in bench.replies(number)[0]
    triage = bench.state(number).triage
    assert triage is None or triage.approved is None


def test_an_approval_says_what_still_stands_above_it(bench: Comments) -> None:
    number = bench.pull()
    bench.say(number, "triager", "/hold")
    assert not bench.refused(bench.say(number, "triager", "/approve"))
    assert bench.replies(number) == [texts.APPROVED_BUT["on-hold"]]
    triage = bench.state(number).triage
    assert triage is not None
    assert triage.state == "on-hold"
    assert triage.approved is not None


def test_nobody_approves_their_own(bench: Comments) -> None:
    number = bench.pull(author="Triager")
    assert bench.refused(bench.say(number, "triager", "/approve"))
    assert bench.replies(number) == snapshot(
        ["`/approve` was not done: a pull request is approved by somebody other than its author."]
    )


def test_approve_of_a_head_that_was_pushed_after_the_check(bench: Comments) -> None:
    number = bench.pull()
    bench.forge.push(number, GOOD)
    assert bench.refused(bench.say(number, "triager", "/approve"))


def test_hold_and_unhold(bench: Comments) -> None:
    number = bench.pull()
    bench.say(number, "triager", "/hold ask @legal about &lt;this> and #12 <b>")
    state = bench.state(number)
    assert state.triage is not None
    assert state.triage.hold == Decision("triager", bench.head(number), "ask @legal about <this> and #12 …")
    assert state.triage.state == "on-hold"
    assert "@legal" not in bench.sticky(number)
    assert "<this>" not in bench.sticky(number)
    assert "#12" not in bench.sticky(number)
    bench.say(number, "writer", "/unhold")
    assert bench.state(number).triage.hold is None  # type: ignore[union-attr]
    bench.say(number, "writer", "/unhold")
    assert bench.replies(number) == snapshot(["Nothing holds this pull request."])


def test_assign(bench: Comments) -> None:
    number = bench.pull()
    assert not bench.refused(bench.say(number, "triager", "/assign"))
    assert bench.forge.pull(number).assignees == ("triager",)
    assert not bench.refused(bench.say(number, "triager", "/assign @writer"))
    assert bench.state(number).triage.assignee == "writer"  # type: ignore[union-attr]
    assert bench.refused(bench.say(number, "triager", "/assign @nobody-here"))
    assert bench.replies(number) == snapshot(
        [
            "`/assign @nobody-here` was not done: the forge does not let `nobody-here` be assigned here. It takes people who may write here, and those who have commented on this pull request."
        ]
    )


def test_ok_to_test_starts_the_preview_of_that_head(bench: Comments) -> None:
    number = bench.pull()
    sha = bench.head(number)
    assert bench.refused(bench.say(number, "ada", "/preview"))
    bench.say(number, "triager", "/ok-to-test")
    assert bench.state(number).triage.trusted == Decision("triager", sha)  # type: ignore[union-attr]
    assert bench.did == [("preview", {"pull": number, "sha": sha})]
    assert bench.state(number).lint.preview == "queued"  # type: ignore[union-attr]
    bench.say(number, "triager", "/ok-to-test")  # it is under way
    assert len(bench.did) == 1
    assert not bench.refused(bench.say(number, "ada", "/preview n=3"))  # her own head is trusted now
    assert bench.refused(bench.say(number, "eve", "/preview"))  # and hers alone


def test_ok_to_test_falls_with_a_push(bench: Comments) -> None:
    number = bench.pull()
    bench.say(number, "triager", "/ok-to-test")
    bench.forge.push(number, {"README.md": b"evil"})
    assert bench.refused(bench.say(number, "ada", "/preview"))


def test_ok_to_test_before_and_after_a_bad_check(bench: Comments) -> None:
    unchecked, faulty = bench.pull(errors=None), bench.pull(errors=1, preview="none")
    assert not bench.refused(bench.say(unchecked, "triager", "/ok-to-test"))
    assert bench.replies(unchecked) == []
    assert not bench.refused(bench.say(faulty, "triager", "/ok-to-test"))
    assert bench.replies(faulty)[0].replace(bench.head(faulty)[:7], "HEAD") == snapshot(
        "Noted for commit `HEAD`. Its files have faults, so the teacher makes no samples of them; the next push needs another `/ok-to-test`."
    )
    assert bench.did == []


# Many at once


def test_batch_by_label(bench: Comments) -> None:
    here, other = bench.pull(), bench.pull()
    third = bench.pull(errors=3)
    bench.say(here, "triager", "/batch label:seedbed:needs-preview preview n=2")
    assert bench.did == [("preview", {"pull": n, "sha": bench.head(n), "n": 2}) for n in (here, other)]
    assert third not in [payload["pull"] for _, payload in bench.did]
    assert {job.key for job in bench.engine.jobs() if job.name == "preview"} == {str(here), str(other)}
    assert bench.replies(here) == snapshot(
        [
            """\
`/batch label:seedbed:needs-preview prev…`: done for 2 of 2 pull requests.

| pull request | |
|---|---|
| `#1` | ✅ queued |
| `#3` | ✅ queued |\
"""
        ]
    )
    assert bench.replies(other) == []


def test_batch_by_number_tells_what_was_refused(bench: Comments) -> None:
    here, faulty, closed = bench.pull(), bench.pull(errors=2), bench.pull()
    bench.forge.close(closed)
    comment = bench.say(here, "triager", f"/batch #{here},#{faulty},#{closed},#999 approve")
    assert not bench.refused(comment)
    assert bench.state(here).triage.state == "ready-to-merge"  # type: ignore[union-attr]
    assert bench.replies(here) == snapshot(
        [
            """\
`/batch #1,#3,#5,#999 approve`: done for 1 of 4 pull requests.

| pull request | |
|---|---|
| `#1` | ✅ approved |
| `#3` | ❌ `/approve` was not done: the check found 2 things to mend in this commit. Once the author has pushed, type it again. |
| `#5` | ❌ `/approve` was not run: this pull request is closed. Reopen it, and then type it again. |
| `#999` | ❌ there is no such pull request |\
"""
        ]
    )


def test_batch_by_state(bench: Comments) -> None:
    here, held = bench.pull(), bench.pull()
    bench.say(held, "triager", "/hold a | b")
    bench.say(here, "triager", "/batch state:on-hold unhold")
    assert bench.state(held).triage.hold is None  # type: ignore[union-attr]
    assert bench.refused(bench.say(here, "triager", "/batch state:onhold unhold"))
    assert bench.refused(bench.say(here, "triager", '/batch label:"no such | label" lint'))
    assert bench.replies(here) == snapshot(
        [
            """\
`/batch state:on-hold unhold`: done for 1 of 1 pull request.

| pull request | |
|---|---|
| `#3` | ✅ no longer on hold |\
""",
            "`/batch state:onhold unhold` was not run: no open pull request is in the state `onhold`. The states are `on-hold`, `draft`, `checking`, `check-failed`, `needs-fixes`, `changes-requested`, `ready-to-merge`, `previewing`, `preview-failed`, `needs-preview`, `needs-review`.",
            '`/batch label:"no such | label" lint` was not run: no open pull request has the label `no such | label`.',
        ]
    )


def test_batch_is_bounded(bench: Comments) -> None:
    numbers = [bench.pull(preview="none", leaves=()) for _ in range(53)]
    bench.say(numbers[0], "triager", "/batch state:needs-review lint")
    assert len(bench.did) == 50
    assert "3 more match" in bench.replies(numbers[0])[0]


def test_a_restarted_batch_goes_on_where_it_was(bench: Comments, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = [bench.pull() for _ in range(3)]
    asked: list[int] = []
    real = type(bench.forge).pull

    def pull(forge: object, number: int) -> object:
        asked.append(number)
        if asked.count(numbers[1]) == 1 and number == numbers[1]:
            raise RuntimeError("killed")
        return real(forge, number)  # type: ignore[arg-type]

    monkeypatch.setattr(type(bench.forge), "pull", pull)
    said = ",".join(f"#{n}" for n in numbers)
    payload = {
        "pull": numbers[0],
        "comment": None,
        "author": "triager",
        "asked": [one.plain() for one in parse(f"/batch {said} lint", "")],
    }
    bench.engine.enqueue("command", payload, id="b", queue="lint", key=str(numbers[0]))
    bench.run()
    assert bench.engine.status("b").state == "failed"  # type: ignore[union-attr]
    assert bench.engine.retry("b")
    bench.run()
    assert bench.engine.status("b").state == "done"  # type: ignore[union-attr]
    assert sorted(payload["pull"] for _, payload in bench.did) == numbers


def test_triage_part_stays_small(bench: Comments) -> None:
    number = bench.pull()
    bench.say(number, "triager", f"/hold {'x' * 3000}")
    triage = bench.state(number).triage
    assert isinstance(triage, TriagePart)
    assert triage.hold is not None
    assert len(triage.hold.why) == 200


def _only_command(bench: Comments, number: int, by: str, body: str) -> int:
    """Run the comment's job alone, as if the others were in other queues."""
    comment = bench.forge.comment_as(by, number, body)
    payload = {"pull": number, "comment": comment, "author": by, "asked": [a.plain() for a in parse(body, "")]}
    command_job.run(bench.context, _Alone(f"gh-{comment}"), payload)
    return comment


class _Alone:
    """Steps that are run and not recorded."""

    def __init__(self, job_id: str) -> None:
        self.job_id = job_id

    def run(self, name: str, work: object) -> object:
        return work()  # type: ignore[operator]

    def cancelled(self) -> bool:
        return False
