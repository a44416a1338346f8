"""What users read of models: what a build made of their leaves, and what an impact run foretells. See `texts.py`."""

from __future__ import annotations

# Scores of leaves
SCORE = "- {leaf}: **{before} → {after}**{range}. {verdict}"
SCORE_RANGE = " (90 % interval {low} to {high})"
SCORED = "How likely the right answer is, word by word, to questions that no model saw: for {before} → for the new one"
BEFORE = {"": "the model before", "base": "the base model"}
BEFORE_BUILD = "build `{build}`"
LEARNT = {
    "better": "It has learnt from this leaf.",
    "same": "The difference may be chance.",
    "worse": "It got worse at this.",
    "unknown": "One seed example alone cannot say how much of it is chance.",
    "": "",
}
DETAILS = "On {n}: {before} → {after} nats a token{change}{choices}."
DETAILS_CHANGE = ", changed by {mean} (90 % interval {low} to {high})"
DETAILS_CHOICES = "; {before} → {after} of {n} choices right"
INFORMING = (
    "So few questions inform and decide nothing: a leaf is judged alone with {needed} or more. More seed examples give "
    "it more."
)
EXAMPLE = "One of these questions, which changed as much as most did"
EXAMPLE_TEXT = "Question: {question}\n\nBefore: {before}\n\nAfter: {after}"
NO_ANSWER = "(nothing)"

# Builds
LEDGER = "[The whole record of this build]({url})"
PROMOTED = (
    "Build `{build}` was promoted: the model got better at questions that it had not seen, and no harm was "
    "found elsewhere."
)
FIGURES = "The figures"
NOT_PROMOTED = "Build `{build}` was not promoted, so the earlier model stays: {reason}"
INCONCLUSIVE = "Build `{build}` could not be told from chance, so the earlier model stays: {reason}"

# Leaves that builds leave out
HEAD_APART = "⚠️ Merged, and left out of the model for now"
APART = (
    "**{leaf} is left out for now.** It blocked build `{build}`: with it the model got worse at {victims}{change}, and "
    "without it it did not."
)
APART_CHANGE = " ({mean} nats a token, 90 % interval {low} to {high})"
APART_NEXT = (
    "What often helps: answers that do not contradict what other leaves teach, facts that are right, and a tone that "
    "carries over to other questions without harm. A changed leaf takes part in the next build at once. Without a "
    "change it is tried again after {until}. A maintainer who wants it in all the same can merge a waiver."
)
VICTIMS = {
    "general": "general questions",
    "drift": "general questions, beside the base model",
    "choices": "general questions with choices",
    "safety": "safe answers",
    "all leaves": "all leaves together",
}
VICTIM_KINDS = {
    "general/": "general questions of the kind {kind}",
    "lead/": "telling right replies from wrong ones, in general questions of the kind {kind}",
}
VICTIMS_MORE = "{names} and {n} more"
NEXT_APART = "**Next: you.** Mend the leaf in a new pull request, or leave it be: it stays in the taxonomy."

# Impact
IMPACT = "seedbed/impact"
IMPACT_HEAD = "What the model would learn"
IMPACT_EXPLAINED = (
    "{model} was tuned on {leaves} alone, {rows} beside ordinary answers of its own, and was asked before and after. "
    "The nightly build learns all leaves together, so this foretells and decides nothing."
)
IMPACT_RUNNING = (
    "The model tries what it would learn",
    "Samples, tuning, and questions before and after: this takes some minutes. The result appears in the comment.",
)
IMPACT_RUNS = "⏳ The model tries what it would learn from this. The result will appear here in some minutes."
IMPACT_FAILED = "It could not be measured"
IMPACT_BROKEN = (
    "⚠️ What the model would learn could not be measured: {reason}. A maintainer can write `/impact` to try again."
)
IMPACT_AGAIN = "Your files are not the cause. A maintainer can comment `/retry` or `/impact` to try again."
IMPACT_OLD = "This is about the earlier commit `{sha}`."
IMPACT_TITLES = {
    "better": "It would learn from this",
    "same": "No gain beyond chance",
    "worse": "Something else would get worse",
    "nothing": "No leaf was measured",
}
IMPACT_GENERAL = "- General questions, {n}: {verdict}{change}"
IMPACT_OTHERS = "- Questions of other leaves, {n}: {verdict}{change}"
IMPACT_VERDICTS = {
    "better": "better",
    "same": "no harm that chance would not explain",
    "worse": "worse",
}
IMPACT_CHANGE = " ({mean} nats a token, 90 % interval {low} to {high}; below zero is better)"
IMPACT_WORSE = "Clearly worse: {names}."
IMPACT_LEADS = (
    "Right replies to general questions stand out less from wrong ones: {names}. Look for answers that are wrong, or "
    "for a tone that spreads to other questions; a build with such a loss is held back."
)
IMPACT_SKIPPED = "{leaf} was not measured: {reason}."
IMPACT_MORE = "…and {n} more leaves; `/impact LEAF` measures one alone."
IMPACT_NO_LEAF = "no leaf was changed, so there is nothing to learn"
IMPACT_FAULTS = "the findings must be mended first"
IMPACT_NO_SAMPLES = (
    "no sample of it passed the filters, and its own examples alone teach nothing that could be measured"
)
IMPACT_ONE_SEED = "it has one seed example, which is held out, so there is nothing to learn from"
