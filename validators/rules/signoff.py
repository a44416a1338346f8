"""Whether the commits are signed off (Developer Certificate of Origin, https://developercertificate.org)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from validators.examples import Example
from validators.model import Change, Commit, Finding, Span
from validators.registry import ChangeView, check, declare

_DCO = declare(
    "dco-signoff",
    "warning",
    "Every commit is signed off by its author.",
    "default",
    "commits",
    reason="With the line `Signed-off-by` you state that you may contribute the text: that you wrote it, or that its "
    "licence allows it (https://developercertificate.org).",
    example=Example(
        bad_change=Change(commits=(Commit("1f" * 20, "Ada", "ada@example.org", "Add boat names"),)),
        good_change=Change(
            commits=(
                Commit("1f" * 20, "Ada", "ada@example.org", "Add boat names\n\nSigned-off-by: Ada <ada@example.org>"),
            )
        ),
    ),
)
_SIGNED = re.compile(r"^[ \t]*signed-off-by:[ \t]*([^<\n]{0,200})<([^<>\n]{0,200})>", re.IGNORECASE | re.MULTILINE)
_REMEDIED = re.compile(r"I, [^\n]{1,300}hereby add my Signed-off-by to this commit: ([0-9a-f]{7,40})")
_MERGE = re.compile(r"Merge (?:branch|branches|pull request|remote-tracking branch|commit|tag) ")


@check("change", _DCO)
def dco_signoff(view: ChangeView) -> Iterator[Finding]:
    """Commits without a line `Signed-off-by` of their author; merges and programs need none."""
    commits = view.change.commits
    remedied = tuple(sha for commit in commits if _signed(commit) for sha in _REMEDIED.findall(commit.message))
    unsigned = [commit for commit in commits if not (_exempt(commit) or _signed(commit))]
    unsigned = [commit for commit in unsigned if not commit.sha.startswith(remedied)]
    if not unsigned:
        return
    path = next(iter(view.judged or view.changed), "")
    names = ", ".join(commit.sha[:7] for commit in unsigned[:5]) + (", …" if len(unsigned) > 5 else "")
    message = f"{len(unsigned)} of {len(commits)} commits are not signed off by their authors ({names})"
    if len(commits) == 1:
        message = f"the commit is not signed off by its author ({names})"
    yield _DCO.on(path, Span(), message, _remedy(unsigned, len(commits)))


def _exempt(commit: Commit) -> bool:
    program = commit.author_name.endswith("[bot]") or "[bot]@" in commit.author_email
    return program or bool(_MERGE.match(commit.message))


def _signed(commit: Commit) -> bool:
    """Whether one of the sign-offs has the author's address or name."""
    author = (commit.author_name.strip().casefold(), commit.author_email.strip().casefold())
    for name, mail in _SIGNED.findall(commit.message):
        if mail.strip().casefold() == author[1] or name.strip().casefold() == author[0]:
            return True
    return False


def _remedy(unsigned: list[Commit], count: int) -> str:
    rework = "git commit --amend --signoff --no-edit" if count == 1 else f"git rebase --signoff HEAD~{count}"
    lines = " ".join(
        f"`I, {commit.author_name} <{commit.author_email}>, hereby add my Signed-off-by to this commit: {commit.sha}`"
        for commit in unsigned[:3]
    )
    first = unsigned[0]
    return (
        f"With git: `{rework}`, then `git push --force-with-lease`. On the web: edit any file of yours in the pull "
        f"request, and write into the description of that commit: {lines} and, as its last line, "
        f"`Signed-off-by: {first.author_name} <{first.author_email}>`."
    )
