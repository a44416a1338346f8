"""Every sentence that a user reads in a comment or a check, in one place, so that the voice stays one."""

from __future__ import annotations

MARKER = "<!-- seedbed:sticky -->"
REPLY = "<!-- seedbed:reply {comment} -->"

# Check runs
LINT = "seedbed/lint"
PREVIEW = "seedbed/preview"
PREVIEW_RUNNING = (
    "The teacher is making samples",
    "This takes from one to a few minutes. The samples appear in the comment on this pull request.",
)
SUPERSEDED = "Superseded by {sha}"
SUPERSEDED_SUMMARY = "A newer commit was pushed while this one was being checked. See the check on {sha}."
CLOSED = "The pull request was closed"
CLOSED_SUMMARY = "It was closed while this check ran. Reopen it and the check starts again."
LINT_FAILED = "The check could not be done"
PREVIEW_FAILED = "The teacher could not make samples"
AGAIN_LINT = "Nothing is wrong with your files as far as we know. Write a comment with `/retry` to try again."
AGAIN_PREVIEW = "Your files are not the cause. A maintainer can comment `/retry` or `/preview` to try again."
STALE = "Stopped without a result"
STALE_SUMMARY = "The job behind this check ended without one: it took too long, or its machine failed."
STALE_PART = "the job took too long, or its machine failed"
MORE_ANNOTATIONS = "{n} more findings are not shown as annotations; mend these and push, and the rest appears."

STOPPED = "Stopped"
BUTTON_PREVIEW = ("Preview", "Let the teacher make samples of this")
BUTTON_PREVIEW_AGAIN = ("Preview again", "Let the teacher make samples anew")
BUTTON_FIX = ("Apply fixes", "Commit what a machine can mend")
CANCELLED = "it was cancelled"
PREVIEW_NOTHING = "No samples were made"

# The sticky comment: headlines
HEAD_FAULTS = "🌱 {things} to mend"
HEAD_GREEN = "✅ All checks pass"
HEAD_FAILED = "⚠️ The check could not be done"
HEAD_UNCHECKED = "🌱 Thank you for this contribution"
HEAD_SAMPLES = "✅ All checks pass, and here is what the teacher makes of it"
HEAD_MERGED = "🎉 Merged"
HEAD_LEARNED = "🎓 The new model has learned from your contribution"
HEAD_NOT_PROMOTED = "🎉 Merged, and tried in a build"

LEAD_FAULTS = "Thank you for this contribution! Before it can be merged, {places}: here is where, and how to mend it."
LEAD_GREEN = "Thank you for this contribution! {what} checked, and nothing must be changed."
LEAD_NO_LEAF = "Thank you for this contribution! It changes no leaf, so there was nothing to check."
LEAD_FAILED = "Thank you for this contribution! Something on our side stopped the check: {reason}."
LEAD_MERGED = "Thank you! Your contribution is now a part of the taxonomy that this community's model grows from."

MEND = "**To mend it:** {help}"
FIXABLE = "`/fix` mends this: {title}"
FIXABLE_PLAIN = "/fix mends this: {title}"
FIX_OFFER = "{n} here can be mended for you: write a comment with `/fix`, or take the suggestions on the lines."
FIXABLE_COUNT = "The comment `/fix`, the button *Apply fixes* and `seedbed lint --fix` mend {n} of these by themselves."
SUGGESTIONS = "{n} (nothing here blocks the merge)"
MORE_FAULTS = "…and {n} more. They are marked in the files: see the check `{check}` below or the tab *Files changed*."

BUDGETS = "How much of the teacher's prompt the largest example of each leaf fills, in tokens"
BUDGET_TIGHT = "One nearly fills it; shorter ones teach more."

# Why no preview was started
PREVIEW_WHY = {
    "budget": "The previews that the author has for today are used up. `/preview` works again tomorrow (UTC), or at "
    "once for a maintainer.",
    "unknown": "The forge did not say whether the author may use the teacher's time, and in doubt the answer is no. "
    "`/lint` asks again; a maintainer can write `/preview`.",
    "draft": "This is a draft, so no preview was started. One is asked for when it is ready for review.",
}

# Samples
SAMPLES = "What the teacher makes of it"
SAMPLES_EXPLAINED = (
    "The *teacher*, a language model, read your examples and wrote new ones in their manner. From such samples the "
    "model will learn after the merge. The filters judge form, not truth, and a small teacher gets facts wrong. Read "
    "the samples as a mirror: if they miss your point, clearer or more varied examples help."
)
KEPT = "{kept} kept, {rejected} rejected"
REJECTED = "{n} rejected, by reason"
SKIPPED = "No samples: {reason}"
NO_SAMPLE = "No sample passed the filters. More varied examples often help."
TEACHER = "Teacher: {teacher}."
ALL_SAMPLES = "[All samples, kept and rejected]({url})"
OLD_SAMPLES = "Samples made from the earlier commit {sha}"
RUNNING = "⏳ The teacher is making samples from your examples. They will appear here in a few minutes."
PREVIEW_BROKEN = "⚠️ The teacher made no samples: {reason}"
LEAF_SHORT = "…and {n} more leaves: {link}."

LEAF_UNKNOWN = "this pull request changes no such leaf"

# Fixes and suggestions
SUGGESTED_MARK = "<!-- seedbed:suggestions {sha} -->"
SUGGESTED = (
    "{n} here can be mended with a click. Press *Commit suggestion* on those that you like, or write a comment with "
    "`/fix`, which mends all that a machine can at once. Nothing here needs an answer."
)
FIX_MARK = "<!-- seedbed:fix {ask} -->"
FIX_COMMIT = "Mend {what}"
MIGRATE_COMMIT = "Carry {what} to the newest format"
FIX_REQUEST = "Requested-by: {login}"
FIX_SIGNED = "Signed-off-by: {name} <{name}@users.noreply.github.com>"
FIX_PUSHED = "🔧 {what} in commit `{sha}`, as {login} asked. The check runs on it by itself."
FIX_SUGGESTED = (
    "🔧 The branch of this pull request takes no commits from here (its author can allow them with *Allow edits by "
    "maintainers*), so {what} suggested on the lines."
)
FIX_PATCH = "Not all of it can be suggested on lines. This is the whole change:"
FIX_PATCH_LONG = "The change is too long to be shown here. On your machine `seedbed lint --fix` makes it."
FIX_NOTHING = "There is nothing here that a machine can mend."
MIGRATE_NOTHING = "There is nothing to carry over: every changed leaf has the newest format, or must be mended by hand."
FIX_MOVED = "Nothing was done, since another commit was pushed meanwhile. `{command}` works on that one."
FIX_CLOSED = "Nothing was done, since this pull request is closed."
FIX_STOPPED = "⚠️ Nothing was done, since these files stopped the machine: {reason}."
FIX_FAILED = "⚠️ This could not be done: {reason}. As far as we know your files are not the cause; `/retry` tries again."
FIX_DONE = "{path}: {what}"
FIX_MORE = "…and {n} more"
FIX_LEFT = "{n} for a person to see to: the next check says what."
FIX_PROBLEM = "{path} was left as it is: {why}"

# After the merge
MADE = "{leaf}: {kept} samples made, {rejected} rejected by the filters."
MADE_NOTHING = "{leaf}: no samples could be made."
MERGE_BROKEN = "⚠️ The samples could not be made yet: {reason}"

# Who acts next
NEXT_MEND = (
    "**Next: you.** Change the places above and push, or edit the files right here in the browser. "
    "The check runs again by itself within seconds."
)
NEXT_AGAIN = "**Next: you or a maintainer.** Write a comment with `/retry` or `/lint` to check again."
NEXT_ASK = (
    "**Next: a maintainer** reads your files and decides whether the teacher, whose time is short, makes samples of "
    "them: `/preview` asks for it once, and `/ok-to-test` lets you ask, too, until the next push. You need not do "
    "anything."
)
NEXT_WAIT = "**Next: Seedbed.** You need not do anything."
NEXT_REVIEW = "**Next: a maintainer** reads the samples and your files, and merges or asks back."
NEXT_REVIEW_ONLY = "**Next: a maintainer** reviews this. There is no changed leaf to make samples from."
NEXT_CHECK_FAILED = "**Next: Seedbed** tries again by itself within ten minutes. `/retry` asks for it at once."
NEXT_CHECK = "**Next: Seedbed** checks the newest commit. You need not do anything."
NEXT_HELD = "**On hold.** A maintainer wants this to wait; nobody is reminded. `/unhold` takes it up again."
NEXT_DRAFT = "**Next: you.** This is a draft. Press *Ready for review* when it should be looked at."
NEXT_CHANGES = "**Next: you.** A reviewer asked for changes. Push them, and the review starts anew."
NEXT_MERGE = "**Next: a maintainer** merges this: it is approved at this commit."
NEXT_PREVIEW_AGAIN = (
    "**Next: a maintainer.** The teacher could not make samples; your files are not the cause. `/preview` tries again."
)
NEXT_CLOSED = "This pull request is closed, and nobody needs to do anything. Whoever reopens it starts the check again."
NEXT_GENERATE = "**Next: Seedbed.** The teacher makes samples from your leaf now; what came of it will be told here."
NEXT_BUILD = "**Next: Seedbed.** The samples wait for the nightly build; the result will be told here."
NEXT_RETRY = "**Next: Seedbed** tries again by itself within ten minutes, and with the next merge."
NEXT_NOTHING = "Nothing is left to do."
NEXT_NEXT_BUILD = "**Next: Seedbed.** Your leaf stays in the taxonomy and takes part in the next build."
NEXT_APART = "**Next: you.** Mend the leaf in a new pull request, or leave it be: it stays in the taxonomy."

FOOTER = "<sub>{at} Comment `/help` for the commands.</sub>"
FOOTER_SHA = "For commit `{sha}`."

# Documents
DOCUMENTS = "The documents behind the examples"
DOCUMENT_AT = "{repo} at commit {commit}"
DOCUMENT_READ = "{source} was read: {files}."
DOCUMENT_UNREAD = "{source} could not be read."
DOCUMENT_NEXT = (
    "Until that is mended, samples are made from the contexts of the examples alone. Correct `document` in `qna.yaml` "
    "and push, or comment `/preview` to have it looked at again."
)
DOCUMENTS_MORE = "…and {n} more leaves with documents."
FILES_UNREAD = "Not read, or not all of it:"
FILES_MORE = "and {n} more"
CONTEXTS = "Where the contexts of the examples stand"
CONTEXTS_FOUND = "The contexts of {found} of {all} examples stand there."
CONTEXTS_LOST = (
    "These contexts do not stand in the document as it is at that commit. Copy them from there, or name the commit and "
    "the files that they come from:"
)
CONTEXT_FOUND = "Example {n}: {file}, line {line}"
CONTEXT_LIKE = "Example {n}: {file}, line {line}, {alike} alike"
CONTEXT_NEAR = "Example {n}: nearest to it is {file}, line {line}, only {alike} alike"
CONTEXT_NOWHERE = "Example {n}: nothing there is like it"

# Precheck
PRECHECK = "What the present model knows already"
PRECHECK_EXPLAINED = (
    "The community's present model, {model}, was asked each question of the examples. An answer counts as known where "
    "half of the words of its best passage are those of the example's own answer. That is a crude measure: read the "
    "answers."
)
PRECHECK_RUNNING = "⏳ The present model is being asked the questions of your examples. The answers will appear here."
PRECHECK_BROKEN = "⚠️ The present model could not be asked: {reason}. A maintainer can write `/precheck` to try again."
PRECHECK_OLD = "These answers are about the earlier commit `{sha}`."
PRECHECK_LEAF = "{leaf}: knows {known} of {all} already"
PRECHECK_ANSWERS = "Questions, expected and given answers"
PRECHECK_ALL_KNOWN = "The model can do this already. Harder or rarer examples would teach it more."
PRECHECK_ASKED = "{mark} {score} of the words agree"
PRECHECK_MORE = "…and {n} more questions."
PRECHECK_MORE_LEAVES = "…and {n} more leaves; `/precheck LEAF` asks about one alone."
PRECHECK_NO_LEAF = "no leaf was changed, so there is nothing to ask"
PRECHECK_LIMIT = "{n} more were not asked: a precheck asks {limit} questions at most, none of over {chars} characters"

# Triage
HELD_BY = "Held by {by}{why}."
ASSIGNED = "{who} looks at this."
VOID_APPROVAL = "The approval by `{by}` was for commit `{sha}`; a push made it void."
VOID_TRUST = "`/ok-to-test` by `{by}` was for commit `{sha}`; a push made it void."
REMIND = "<!-- seedbed:remind {state} {since} {nth} -->"
REMIND_AUTHOR = "A friendly reminder: this has waited for its author, {who}, for {days} days."
REMIND_TRIAGER = "A friendly reminder: this has waited for a maintainer for {days} days. {who}"
REMIND_NO_HURRY = "There is no hurry, and nothing closes by itself. A maintainer can write `/hold` to stop reminders."

# The reviewer's checklist
CHECKLIST = "For the reviewer: {ok} of {all} points of the checklist look fine"
CHECKLIST_EXPLAINED = (
    "✅ nothing was found, 👀 please look, ❌ must change before the merge. The list is filled in from what the linter "
    "found; whether a text is true, useful and freely usable is for you to judge."
)
MARKS = {"ok": "✅", "look": "👀", "bad": "❌"}
POINT_FOUND = "{point}: {message}{place}"
POINT_PLACE = " ({place})"
POINT_MORE = "`{path}` and {n} more"
POINT_UNREAD = "{point}: `{path}` could not be read to its end, so look again when it can"
POINT_UNSAID = "{point}: nothing says it yet"
POINT_TOPIC = "{point}: the word `{word}` may be about {topic}; for such topics ask an approver"
POINT_OVERLAP = "{point}: `{path}` is also changed by pull request {others}"
POINT_NAMESAKE = "{point}: `{path}` has the same name as `{other}`"
POINTS = {  # the name of each point, and what is said of it where nothing was found
    "licence": ("Licence", "the taxonomy accepts it"),
    "source": ("Source", "no site that is unknown or must be looked at by hand"),
    "attribution": ("Attribution", "title, licence and creators are named"),
    "signoff": ("Sign-off", "every commit is signed off by its author"),
    "author": ("Author", "`created_by` is who opened this"),
    "place": ("Place", "the folder fits the kind of the leaf"),
    "document": ("Document", "a public repository at a full commit, by its form; the preview fetches it"),
    "support": ("Support", "numbers and names of the answers stand in their contexts"),
    "examples": ("Examples", "enough of them, and no two alike"),
    "voice": ("Voice", "no other model is named, and nothing sounds like a chat assistant"),
    "personal": ("Personal data", "no address, number or secret was found"),
    "topics": ("Sensitive topics", "no word of the lists was found"),
    "overlap": ("Overlap", "no leaf of the same name, and no other open pull request changes these leaves"),
}
TOPICS = {
    "medicine": "medical advice",
    "money": "financial advice",
    "law": "legal advice",
    "politics": "politics",
    "religion": "religion",
    "violence": "violence or weapons",
    "sexuality": "sexual content",
    "discrimination": "discrimination",
    "drugs": "drugs or gambling",
    "safety": "getting round a model's safety",
}

# Replies to commands
HELP_HEAD = "These commands work in a comment on a pull request, each at the beginning of a line of its own:"
HELP_LINE = "- `{usage}`: {summary} ({who})"
HELP_FOOT = "`/help COMMAND` tells more about one, such as `{example}`. Quotes, code and edited comments are not read."
HELP_ONE = "`{usage}`: {summary}. For {who}."
HELP_ARGUMENT = "- `{name}`{needed}: {about}. It is {wants}."
HELP_NEEDED = {True: " (needed)", False: ""}
HELP_EXAMPLE = "For example: `{example}`"
WHO = {"anyone": "anyone", "author": "the author and maintainers", "triage": "maintainers"}
WHO_TEACHER = "maintainers, and authors who are known here"
UNKNOWN = "{said} is not a command here. Did you mean `{nearest}`? `/help` lists them all."
WRONG = {
    "value": "{said} was not run: `{argument}` must be {wants}, and {word} is not. Usage: `{usage}`",
    "missing": "{said} was not run: `{argument}` is missing, {about}. Usage: `{usage}`",
    "extra": "{said} was not run: {word} is one word too many. Usage: `{usage}`",
    "twice": "{said} was not run: `{argument}` stands there twice, the second time as {word}. Usage: `{usage}`",
    "key": "{said} was not run: it does not take {word}{hint}. Usage: `{usage}`",
    "formatted": "{said} was not run: write it as plain text, without code, links or emphasis. Usage: `{usage}`",
}
WRONG_HINT = "; did you mean `{key}=`?"
NO_COMMAND = "{said}: there is no command {name}.{hint} `/help` lists them all."
NO_RULE = "{said}: there is no rule {name}.{hint} The comment and the check name the rule of each finding."
HINT = " Did you mean {nearest}?"
NO_LEAF = "{said} was not run: this pull request changes no leaf of that name. {there}"
NO_LEAF_ALL = "It changes {leaves}."
NO_LEAF_NONE = "It changes no leaf at all."
DENIED = {
    "author": (
        "{said} was not run: it is for the author of this pull request and for people with at least *triage* "
        "permission on this repository. A maintainer who sees this can type it."
    ),
    "triage": (
        "{said} was not run: it is for people with at least *triage* permission on this repository. "
        "A maintainer who sees this can type it."
    ),
}
DENIED_UNKNOWN = (
    "{said} was not run: Seedbed could not find out what you may do here, and in doubt the answer is no. "
    "Please try again in a few minutes."
)
NO_TEACHER = {
    "stranger": (
        "{said} was not run yet: it takes the teacher's time, and nothing of yours was merged here so far. "
        "A maintainer reads your files first and then writes `/ok-to-test`; you need not do anything."
    ),
    "budget": (
        "{said} was not run: you have used up today's {n} (prechecks and impact runs count, too). You get new ones at "
        "midnight UTC, and a maintainer can type it at any time."
    ),
    "unknown": DENIED_UNKNOWN,
}
CLOSED_PULL = "{said} was not run: this pull request is closed. Reopen it, and then type it again."
APPROVE_OWN = "{said} was not done: a pull request is approved by somebody other than its author."
APPROVE_UNCHECKED = (
    "{said} was not done: this commit has not been checked yet. Wait for the check `seedbed/lint`, then type it again."
)
APPROVE_FAILED = "{said} was not done: the check of this commit could not be finished. `/lint` starts it again."
APPROVE_FAULTS = (
    "{said} was not done: the check found {n} to mend in this commit. Once the author has pushed, type it again."
)
APPROVED_BUT = {  # states that stand above "ready to merge"
    "changes-requested": (
        "Noted. A reviewer's request for changes still stands, so this is not ready to merge: that reviewer can "
        "approve, or somebody with write permission can dismiss the review."
    ),
    "on-hold": "Noted. The hold stands until `/unhold`.",
    "draft": "Noted. This is ready to merge once it is no draft any more.",
}
NOT_HELD = "Nothing holds this pull request."
NOT_ASSIGNABLE = (
    "{said} was not done: the forge does not let {login} be assigned here. "
    "It takes people who may write here, and those who have commented on this pull request."
)
TRUSTED_FAULTY = (
    "Noted for commit `{sha}`. Its files have faults, so the teacher makes no samples of them; the next push needs "
    "another `/ok-to-test`."
)
NOTHING_TO_CANCEL = "No preview, precheck, impact run or fix of this pull request is queued or running."
CANCELLED_JOBS = "Stopped: {jobs}."
CANCELLED_BY = "{by} cancelled it"
NOTHING_TO_RETRY = "No job of this pull request has failed, so there is nothing to retry. `/status` shows what it does."
RETRIED_JOBS = "Queued again: {jobs}."
PAGE_MANY = "Works in `/batch`."
NOTE_QUEUED = "queued"
NOTE_APPROVED = "approved"
NOTE_HELD = "on hold"
NOTE_UNHELD = "no longer on hold"
NOTE_ASSIGNED = "assigned"
NOTE_TRUSTED = "trusted at this commit"
EXPLAIN_HEAD = "**{rule}** ({level})"
EXPLAIN_FIXES = "`/fix` mends it."
BATCH_HEAD = "{said}: done for {done} of {all}."
BATCH_TABLE = "| pull request | |\n|---|---|"
BATCH_ROW = "| `#{number}` | {mark} {text} |"
BATCH_MARK = {True: "❌", False: "✅"}
BATCH_MORE = "{n} more match. Type it again for these once the first are through."
BATCH_NONE = {
    "label": "{said} was not run: no open pull request has the label {name}.",
    "state": "{said} was not run: no open pull request is in the state {name}. The states are {states}.",
}
COMMAND_FAILED = "⚠️ {said} could not be carried out: {reason}. What you typed is not the cause; `/retry` tries again."
NO_PULL = "there is no such pull request"
REPLY_CUT = "…and more, for which there is no room here."

# /status
STATUS_HEAD = "Commit `{sha}`: {lint}."
STATUS_LINT = {
    "none": "not checked yet",
    "failed": "the check could not be done",
    "errors": "the check found {n} to mend",
    "clean": "the check passes",
}
STATUS_STATE = "State: `{state}`, for {since}."
STATUS_AUTHOR = "**Next: the author**, {who}. Seedbed's first comment here says what is to be done."
STATUS_JOB = {
    "queued": "- {name} has waited for {since}",
    "running": "- {name} was accepted {since} ago and runs",
    "failed": "- {name} failed {since} ago: {error}",
}
A_MOMENT = "a moment"
STATUS_NO_JOBS = "Nothing is queued or running, and nothing failed."
STATUS_RETRY = "`/retry` runs again what failed."
