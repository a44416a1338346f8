"""Every sentence that a user reads in a comment or a check, in one place, so that the voice stays one."""

from __future__ import annotations

MARKER = "<!-- seedbed:sticky -->"
REPLY = "<!-- seedbed:reply {comment} -->"

# Check runs
LINT = "seedbed/lint"
PREVIEW = "seedbed/preview"
LINT_RUNNING = ("Reading the changed files", "The result follows in a few seconds.")
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
AGAIN_LINT = "Nothing is wrong with your files as far as we know. Write a comment with `/lint` to try again."
AGAIN_PREVIEW = "Your files are not the cause. A maintainer can write a comment with `/preview` to try again."
MORE_ANNOTATIONS = "{n} more findings are not shown as annotations; mend these and push, and the rest appears."

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
LEAD_GREEN = "Thank you for this contribution! {files} read, and nothing must be changed."
LEAD_FAILED = "Thank you for this contribution! Something on our side stopped the check: {reason}."
LEAD_MERGED = "Thank you! Your contribution is now a part of the taxonomy that this community's model grows from."

MEND = "**To mend it:** {help}"
FIXABLE = "`seedbed lint --fix` mends this: {title}"
FIXABLE_COUNT = "`seedbed lint --fix` mends {n} of these by itself."
SUGGESTIONS = "{n} (nothing here blocks the merge)"
MORE_FAULTS = "…and {n} more. They are marked in the files: see the check `{check}` below or the tab *Files changed*."

# Samples
SAMPLES = "What the teacher makes of it"
SAMPLES_EXPLAINED = (
    "The *teacher*, a language model, read your examples and wrote new ones in their manner; filters dropped some. "
    "From such samples the model will learn after the merge. The filters judge form, not truth, and a small teacher "
    "gets facts wrong: read the samples as a mirror, and if they miss your point, clearer or more varied examples help."
)
KEPT = "{kept} kept, {rejected} rejected"
REJECTED = "{n} rejected, by reason"
SKIPPED = "No samples: {reason}"
NO_SAMPLE = "No sample passed the filters. More varied examples often help."
TEACHER = "Teacher: {teacher}."
ALL_SAMPLES = "[All samples, kept and rejected]({url})"
OLD_SAMPLES = "These samples were made from the earlier commit `{sha}`."
RUNNING = "⏳ The teacher is making samples from your examples. They will appear here in a few minutes."
PREVIEW_BROKEN = "⚠️ The teacher could not make samples: {reason}"
LEAF_SHORT = "…and {n} more leaves: {link}."

# After the merge
MADE = "{leaf}: {kept} samples made, {rejected} rejected by the filters."
MADE_NOTHING = "{leaf}: no samples could be made."
MERGE_BROKEN = "⚠️ The samples could not be made yet: {reason}"
SCORE = "{leaf}: **{before} → {after}**"
SCORED = "How sure the model is of the right answer, word by word, on examples that it never saw (before → after):"
PROMOTED = "Build `{build}` was promoted: {reason}"
NOT_PROMOTED = "Build `{build}` was not promoted, so the earlier model stays: {reason}"

# Who acts next
NEXT_MEND = (
    "**Next: you.** Change the places above and push, or edit the files right here in the browser. "
    "The check runs again by itself within seconds."
)
NEXT_AGAIN = "**Next: you or a maintainer.** Write a comment with `/lint` to check again."
NEXT_ASK = (
    "**Next: a maintainer** looks at this. They can type `/preview` to see what the teacher makes of your examples. "
    "You need not do anything."
)
NEXT_WAIT = "**Next: Seedbed.** You need not do anything."
NEXT_REVIEW = "**Next: a maintainer** reads the samples and your files, and merges or asks back."
NEXT_REVIEW_ONLY = "**Next: a maintainer** reviews this. There is no changed leaf to make samples from."
NEXT_BUILD = "**Next: Seedbed.** The samples wait for the nightly build; the result will be told here."
NEXT_RETRY = "**Next: Seedbed** tries again by itself within ten minutes, and with the next merge."
NEXT_NOTHING = "Nothing is left to do."
NEXT_NEXT_BUILD = "**Next: Seedbed.** Your leaf stays in the taxonomy and takes part in the next build."

FOOTER = "<sub>{at} Comment `/help` for the commands.</sub>"
FOOTER_SHA = "For commit `{sha}`."

# Replies to commands
HELP_HEAD = "These commands work in a comment on a pull request, each on a line of its own:"
HELP_LINE = "- `{usage}`: {summary} ({who})"
WHO = {"anyone": "anyone", "triage": "maintainers"}
UNKNOWN = "{said} is not a command here. Did you mean `{nearest}`? `/help` lists them all."
DENIED = (
    "{said} is for people with at least *triage* permission on this repository, because it uses the teacher's time. "
    "A maintainer who sees this can type it."
)
DENIED_UNKNOWN = (
    "{said} was not run: the forge did not tell what you may do here, and in doubt the answer is no. Try again later."
)
CLOSED_PULL = "{said} was not run: this pull request is closed."
