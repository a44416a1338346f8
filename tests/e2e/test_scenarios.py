"""The life of pull requests, told as people live it; after rust-lang/bors.

Every comment is an inline snapshot (`pytest --inline-snapshot=fix tests/e2e/test_scenarios.py` writes them anew; read
the diff as a first-time contributor). Whatever else the bot says fails the scenario, as does every request or answer
that GitHub's OpenAPI description does not allow.
"""

from __future__ import annotations

import pytest
from inline_snapshot import snapshot

from tests.e2e.world import World
from tests.integration.bot_bench import ATTRIBUTION, GOOD, QNA

pytestmark = pytest.mark.timeout(180)

FAULTY = {QNA: b"version: 3\ncreated_by: ada\nseed_examples:\n  - question: Where?\n"}
# Trailing spaces, and no newline at the end: faults that a program can mend.
UNTIDY = {**GOOD, QNA: GOOD[QNA].replace(b"created_by: ada\n", b"created_by: ada   \n").rstrip(b"\n")}


def test_a_first_contribution_from_fault_to_merge(town: World) -> None:
    pull = town.ada.open(FAULTY)
    town.settle()
    assert town.check(pull) == snapshot("failure: 4 things to mend")
    assert town.labels(pull) == snapshot(["seedbed:needs-fixes", "skill"])
    assert town.said(pull) == snapshot("""\
<!-- seedbed:sticky -->

### 🌱 Four things to mend

Thank you for this contribution! Before it can be merged, 4 places need a correction: here is where, and how to mend it.

#### `compositional_skills/animals/sleep/qna.yaml`

- The leaf has no attribution.txt. <sub>`attribution-missing`</sub>

  **To mend it:** Add attribution.txt beside it. Say the work's title, link, revision, licence (SPDX) and creators; for your own work, name yourself.

- **Line 1:** `task_description` is missing. <sub>`schema-missing-key`</sub>

  ```text
  1 │ version: 3
  ```

  **To mend it:** Add `task_description:` with a sentence that says what the skill does.

- **Line 3:** seed\\_examples has 1 entry; at least 5 are needed. <sub>`schema-too-few`</sub>

  ```text
  3 │ seed_examples:
  ```

  **To mend it:** Add 4 more.

- **Line 4:** seed\\_examples\\[1\\] lacks `answer`. <sub>`schema-missing-key`</sub>

  ```text
  4 │ - question: Where?
  ```

  **To mend it:** Add `answer:` to it.

<details><summary>1 suggestion (nothing here blocks the merge)</summary>

#### `compositional_skills/animals/sleep/qna.yaml`

- **Line 4:** One seed example is kept back for evaluation, so none is left to generate from. <sub>`too-few-to-hold-out`</sub>

  ```text
  4 │ - question: Where?
  ```

  **To mend it:** Add more, 5 in all.

</details>

<details><summary>How much of the teacher's prompt the largest example of each leaf fills, in tokens</summary>

```text
█░░░░░░░░░░░░░░░░░░░     2 of 1500  compositional_skills/animals/sleep
```

</details>

**Next: you.** Change the places above and push, or edit the files right here in the browser. The check runs again by itself within seconds.

<details><summary>For the reviewer: 7 of 11 points of the checklist look fine</summary>

✅ nothing was found, 👀 please look, ❌ must change before the merge. The list is filled in from what the linter found; whether a text is true, useful and freely usable is for you to judge.

- 👀 Licence: nothing says it yet.
- 👀 Source: nothing says it yet.
- ❌ Attribution: the leaf has no attribution.txt (`compositional_skills/animals/sleep/qna.yaml`).
- ✅ Sign-off: every commit is signed off by its author.
- ✅ Author: `created_by` is who opened this.
- ✅ Place: the folder fits the kind of the leaf.
- ❌ Examples: seed\\_examples has 1 entry; at least 5 are needed (`compositional_skills/animals/sleep/qna.yaml` and 1 more).
- ✅ Voice: no other model is named, and nothing sounds like a chat assistant.
- ✅ Personal data: no address, number or secret was found.
- ✅ Sensitive topics: no word of the lists was found.
- ✅ Overlap: no leaf of the same name, and no other open pull request changes these leaves.

</details>

---
<sub>For commit `<sha>`. Comment `/help` for the commands.</sub>\
""")

    town.ada.push("leaf", GOOD)
    town.settle()
    assert town.check(pull) == snapshot("success: All checks pass")
    assert town.labels(pull) == snapshot(["seedbed:needs-preview", "skill"])
    assert town.said(pull) == snapshot("""\
<!-- seedbed:sticky -->

### ✅ All checks pass

Thank you for this contribution! 1 leaf was checked, and nothing must be changed.

<details><summary>1 suggestion (nothing here blocks the merge)</summary>

#### `compositional_skills/animals/sleep/qna.yaml`

- **Line 4:** The build will judge this leaf together with its branch: it holds back and asks about 2 of the leaf's questions, and a verdict of its own takes 6. <sub>`informing-only`</sub>

  ```text
  4 │ seed_examples:
  ```

  **To mend it:** For a verdict of its own, add about 35 seed examples. Else leave it as it is.

</details>

<details><summary>How much of the teacher's prompt the largest example of each leaf fills, in tokens</summary>

```text
█░░░░░░░░░░░░░░░░░░░    23 of 1500  compositional_skills/animals/sleep
```

</details>

**Next: a maintainer** reads your files and decides whether the teacher, whose time is short, makes samples of them: `/preview` asks for it once, and `/ok-to-test` lets you ask, too, until the next push. You need not do anything.

<details><summary>For the reviewer: 11 of 11 points of the checklist look fine</summary>

✅ nothing was found, 👀 please look, ❌ must change before the merge. The list is filled in from what the linter found; whether a text is true, useful and freely usable is for you to judge.

- ✅ Licence: the taxonomy accepts it.
- ✅ Source: no site that is unknown or must be looked at by hand.
- ✅ Attribution: title, licence and creators are named.
- ✅ Sign-off: every commit is signed off by its author.
- ✅ Author: `created_by` is who opened this.
- ✅ Place: the folder fits the kind of the leaf.
- ✅ Examples: enough of them, and no two alike.
- ✅ Voice: no other model is named, and nothing sounds like a chat assistant.
- ✅ Personal data: no address, number or secret was found.
- ✅ Sensitive topics: no word of the lists was found.
- ✅ Overlap: no leaf of the same name, and no other open pull request changes these leaves.

</details>

---
<sub>For commit `<sha>`. Comment `/help` for the commands.</sub>\
""")

    town.tom.comment(pull, "Nice! Let us see.\n\n/preview")
    town.settle()
    assert town.check(pull, "seedbed/preview") == snapshot("success: 2 kept, 0 rejected")
    assert town.labels(pull) == snapshot(["seedbed:needs-review", "skill"])
    assert town.said(pull) == snapshot("""\
<!-- seedbed:sticky -->

### ✅ All checks pass, and here is what the teacher makes of it

Thank you for this contribution! 1 leaf was checked, and nothing must be changed.

<details><summary>1 suggestion (nothing here blocks the merge)</summary>

#### `compositional_skills/animals/sleep/qna.yaml`

- **Line 4:** The build will judge this leaf together with its branch: it holds back and asks about 2 of the leaf's questions, and a verdict of its own takes 6. <sub>`informing-only`</sub>

  ```text
  4 │ seed_examples:
  ```

  **To mend it:** For a verdict of its own, add about 35 seed examples. Else leave it as it is.

</details>

<details><summary>How much of the teacher's prompt the largest example of each leaf fills, in tokens</summary>

```text
█░░░░░░░░░░░░░░░░░░░    23 of 1500  compositional_skills/animals/sleep
```

</details>

#### What the teacher makes of it

The *teacher*, a language model, read your examples and wrote new ones in their manner. From such samples the model will learn after the merge. The filters judge form, not truth, and a small teacher gets facts wrong. Read the samples as a mirror: if they miss your point, clearer or more varied examples help.

**`compositional_skills/animals/sleep`** · 2 kept, 0 rejected

```text
Question: Where would the heron choose a reed?

Answer: The heron takes a reed.
```

```text
Question: Where would the moose choose a meadow?

Answer: The moose takes a meadow.
```

[All samples, kept and rejected](http://bot.example/pulls/1/samples). Teacher: Script.

**Next: a maintainer** reads the samples and your files, and merges or asks back.

<details><summary>For the reviewer: 11 of 11 points of the checklist look fine</summary>

✅ nothing was found, 👀 please look, ❌ must change before the merge. The list is filled in from what the linter found; whether a text is true, useful and freely usable is for you to judge.

- ✅ Licence: the taxonomy accepts it.
- ✅ Source: no site that is unknown or must be looked at by hand.
- ✅ Attribution: title, licence and creators are named.
- ✅ Sign-off: every commit is signed off by its author.
- ✅ Author: `created_by` is who opened this.
- ✅ Place: the folder fits the kind of the leaf.
- ✅ Examples: enough of them, and no two alike.
- ✅ Voice: no other model is named, and nothing sounds like a chat assistant.
- ✅ Personal data: no address, number or secret was found.
- ✅ Sensitive topics: no word of the lists was found.
- ✅ Overlap: no leaf of the same name, and no other open pull request changes these leaves.

</details>

---
<sub>For commit `<sha>`. Comment `/help` for the commands.</sub>\
""")

    town.carol.comment(pull, "/approve")
    town.settle()
    assert town.labels(pull) == snapshot(["seedbed:ready-to-merge", "skill"])
    assert town.said(pull) == snapshot("""\
<!-- seedbed:sticky -->

### ✅ All checks pass, and here is what the teacher makes of it

Thank you for this contribution! 1 leaf was checked, and nothing must be changed.

<details><summary>1 suggestion (nothing here blocks the merge)</summary>

#### `compositional_skills/animals/sleep/qna.yaml`

- **Line 4:** The build will judge this leaf together with its branch: it holds back and asks about 2 of the leaf's questions, and a verdict of its own takes 6. <sub>`informing-only`</sub>

  ```text
  4 │ seed_examples:
  ```

  **To mend it:** For a verdict of its own, add about 35 seed examples. Else leave it as it is.

</details>

<details><summary>How much of the teacher's prompt the largest example of each leaf fills, in tokens</summary>

```text
█░░░░░░░░░░░░░░░░░░░    23 of 1500  compositional_skills/animals/sleep
```

</details>

#### What the teacher makes of it

The *teacher*, a language model, read your examples and wrote new ones in their manner. From such samples the model will learn after the merge. The filters judge form, not truth, and a small teacher gets facts wrong. Read the samples as a mirror: if they miss your point, clearer or more varied examples help.

**`compositional_skills/animals/sleep`** · 2 kept, 0 rejected

```text
Question: Where would the heron choose a reed?

Answer: The heron takes a reed.
```

```text
Question: Where would the moose choose a meadow?

Answer: The moose takes a meadow.
```

[All samples, kept and rejected](http://bot.example/pulls/1/samples). Teacher: Script.

**Next: a maintainer** merges this: it is approved at this commit.

<details><summary>For the reviewer: 11 of 11 points of the checklist look fine</summary>

✅ nothing was found, 👀 please look, ❌ must change before the merge. The list is filled in from what the linter found; whether a text is true, useful and freely usable is for you to judge.

- ✅ Licence: the taxonomy accepts it.
- ✅ Source: no site that is unknown or must be looked at by hand.
- ✅ Attribution: title, licence and creators are named.
- ✅ Sign-off: every commit is signed off by its author.
- ✅ Author: `created_by` is who opened this.
- ✅ Place: the folder fits the kind of the leaf.
- ✅ Examples: enough of them, and no two alike.
- ✅ Voice: no other model is named, and nothing sounds like a chat assistant.
- ✅ Personal data: no address, number or secret was found.
- ✅ Sensitive topics: no word of the lists was found.
- ✅ Overlap: no leaf of the same name, and no other open pull request changes these leaves.

</details>

---
<sub>For commit `<sha>`. Comment `/help` for the commands.</sub>\
""")

    town.carol.merge(pull)
    town.settle()
    assert town.labels(pull) == snapshot(["skill"])
    assert town.said(pull) == snapshot("""\
<!-- seedbed:sticky -->

### 🎉 Merged

Thank you! Your contribution is now a part of the taxonomy that this community's model grows from.

`compositional_skills/animals/sleep`: 4 samples made, 0 rejected by the filters.

[All samples, kept and rejected](http://bot.example/pulls/1/samples)

**Next: Seedbed.** The samples wait for the nightly build; the result will be told here.

---
<sub>For commit `<sha>`. Comment `/help` for the commands.</sub>\
""")


def test_help_and_slips(town: World) -> None:
    pull = town.ada.open(GOOD)
    town.settle()
    town.said(pull)

    asked = town.ada.comment(pull, "/help")
    town.settle()
    assert town.said(pull) == snapshot("""\
<!-- seedbed:reply 2 -->
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
""")
    assert town.reactions(asked) == snapshot(["eyes", "rocket"])

    slip = town.ada.comment(pull, "/previw")
    town.settle()
    assert town.said(pull) == snapshot("""\
<!-- seedbed:reply 4 -->
`/previw` is not a command here. Did you mean `/preview`? `/help` lists them all.\
""")
    assert town.reactions(slip) == snapshot(["eyes", "confused"])

    town.ada.comment(pull, "> /lint\n\n`/lint`\n\n```\n/lint\n```\n\nThe file lies in /usr/share, and @tom may look.")
    town.settle()
    assert town.said(pull) == ""

    town.ada.comment(pull, "/explain attribution-missing\n/preview n=900")
    town.settle()
    assert town.said(pull) == snapshot("""\
<!-- seedbed:reply 7 -->
**`attribution-missing`** (error)

`attribution.txt` lies beside the leaf.

Whoever uses the model must be able to see whose work is in it, and under which licence.

Wrong:

```yaml
# compositional_skills/writing/ship_names/qna.yaml
```

Right:

```yaml
# compositional_skills/writing/ship_names/qna.yaml
# compositional_skills/writing/ship_names/attribution.txt
```

`/preview n=900` was not run: `n` must be a whole number from 1 to 50, and `900` is not. Usage: `/preview [LEAF] [n=COUNT]`\
""")


def test_a_stranger_may_not_spend_the_teachers_time(town: World) -> None:
    pull = town.eve.open(GOOD)
    town.settle()
    town.said(pull)

    asked = town.eve.comment(pull, "/preview")
    town.settle()
    assert town.said(pull) == snapshot("""\
<!-- seedbed:reply 2 -->
`/preview` was not run yet: it takes the teacher's time, and nothing of yours was merged here so far. A maintainer reads your files first and then writes `/ok-to-test`; you need not do anything.\
""")
    assert town.reactions(asked) == snapshot(["eyes", "confused"])
    assert town.check(pull, "seedbed/preview") == "none"

    town.tom.comment(pull, "/ok-to-test")
    town.settle()
    assert town.check(pull, "seedbed/preview") == snapshot("success: 2 kept, 0 rejected")
    assert town.said(pull) == snapshot("""\
<!-- seedbed:sticky -->

### ✅ All checks pass, and here is what the teacher makes of it

Thank you for this contribution! 1 leaf was checked, and nothing must be changed.

<details><summary>2 suggestions (nothing here blocks the merge)</summary>

#### `compositional_skills/animals/sleep/qna.yaml`

- **Line 2:** `created_by` says ada, but eve opened this pull request. <sub>`created-by-author`</sub>

  ```text
  2 │ created_by: ada
  ```

  **To mend it:** Write eve, unless ada made the leaf.

- **Line 4:** The build will judge this leaf together with its branch: it holds back and asks about 2 of the leaf's questions, and a verdict of its own takes 6. <sub>`informing-only`</sub>

  ```text
  4 │ seed_examples:
  ```

  **To mend it:** For a verdict of its own, add about 35 seed examples. Else leave it as it is.

</details>

<details><summary>How much of the teacher's prompt the largest example of each leaf fills, in tokens</summary>

```text
█░░░░░░░░░░░░░░░░░░░    23 of 1500  compositional_skills/animals/sleep
```

</details>

#### What the teacher makes of it

The *teacher*, a language model, read your examples and wrote new ones in their manner. From such samples the model will learn after the merge. The filters judge form, not truth, and a small teacher gets facts wrong. Read the samples as a mirror: if they miss your point, clearer or more varied examples help.

**`compositional_skills/animals/sleep`** · 2 kept, 0 rejected

```text
Question: Where would the heron choose a reed?

Answer: The heron takes a reed.
```

```text
Question: Where would the moose choose a meadow?

Answer: The moose takes a meadow.
```

[All samples, kept and rejected](http://bot.example/pulls/1/samples). Teacher: Script.

**Next: a maintainer** reads the samples and your files, and merges or asks back.

<details><summary>For the reviewer: 10 of 11 points of the checklist look fine</summary>

✅ nothing was found, 👀 please look, ❌ must change before the merge. The list is filled in from what the linter found; whether a text is true, useful and freely usable is for you to judge.

- ✅ Licence: the taxonomy accepts it.
- ✅ Source: no site that is unknown or must be looked at by hand.
- ✅ Attribution: title, licence and creators are named.
- ✅ Sign-off: every commit is signed off by its author.
- 👀 Author: `created_by` says ada, but eve opened this pull request (`compositional_skills/animals/sleep/qna.yaml`).
- ✅ Place: the folder fits the kind of the leaf.
- ✅ Examples: enough of them, and no two alike.
- ✅ Voice: no other model is named, and nothing sounds like a chat assistant.
- ✅ Personal data: no address, number or secret was found.
- ✅ Sensitive topics: no word of the lists was found.
- ✅ Overlap: no leaf of the same name, and no other open pull request changes these leaves.

</details>

---
<sub>For commit `<sha>`. Comment `/help` for the commands.</sub>\
""")

    town.eve.push("leaf", {ATTRIBUTION: GOOD[ATTRIBUTION] + b"Link to work: https://example.org\n"})
    town.settle()
    assert town.check(pull, "seedbed/preview") == "none"
    assert town.said(pull) == snapshot("""\
<!-- seedbed:sticky -->

### ✅ All checks pass

Thank you for this contribution! 1 leaf was checked, and nothing must be changed.

<details><summary>3 suggestions (nothing here blocks the merge)</summary>

#### `compositional_skills/animals/sleep/attribution.txt`

- **Line 4:** example.org is not on the list of known sources. <sub>`attribution-source`</sub>

  ```text
  4 │ Link to work: https://example.org
  ```

  **To mend it:** Say in the pull request where the page names its licence; or use a known source such as Wikipedia.

#### `compositional_skills/animals/sleep/qna.yaml`

- **Line 2:** `created_by` says ada, but eve opened this pull request. <sub>`created-by-author`</sub>

  ```text
  2 │ created_by: ada
  ```

  **To mend it:** Write eve, unless ada made the leaf.

- **Line 4:** The build will judge this leaf together with its branch: it holds back and asks about 2 of the leaf's questions, and a verdict of its own takes 6. <sub>`informing-only`</sub>

  ```text
  4 │ seed_examples:
  ```

  **To mend it:** For a verdict of its own, add about 35 seed examples. Else leave it as it is.

</details>

<details><summary>How much of the teacher's prompt the largest example of each leaf fills, in tokens</summary>

```text
█░░░░░░░░░░░░░░░░░░░    23 of 1500  compositional_skills/animals/sleep
```

</details>

<details><summary>Samples made from the earlier commit d765afe</summary>

The *teacher*, a language model, read your examples and wrote new ones in their manner. From such samples the model will learn after the merge. The filters judge form, not truth, and a small teacher gets facts wrong. Read the samples as a mirror: if they miss your point, clearer or more varied examples help.

**`compositional_skills/animals/sleep`** · 2 kept, 0 rejected

```text
Question: Where would the heron choose a reed?

Answer: The heron takes a reed.
```

```text
Question: Where would the moose choose a meadow?

Answer: The moose takes a meadow.
```

[All samples, kept and rejected](http://bot.example/pulls/1/samples). Teacher: Script.

</details>

> `/ok-to-test` by `tom` was for commit `<sha>`; a push made it void.

**Next: a maintainer** reads your files and decides whether the teacher, whose time is short, makes samples of them: `/preview` asks for it once, and `/ok-to-test` lets you ask, too, until the next push. You need not do anything.

<details><summary>For the reviewer: 9 of 11 points of the checklist look fine</summary>

✅ nothing was found, 👀 please look, ❌ must change before the merge. The list is filled in from what the linter found; whether a text is true, useful and freely usable is for you to judge.

- ✅ Licence: the taxonomy accepts it.
- 👀 Source: example.org is not on the list of known sources (`compositional_skills/animals/sleep/attribution.txt`).
- ✅ Attribution: title, licence and creators are named.
- ✅ Sign-off: every commit is signed off by its author.
- 👀 Author: `created_by` says ada, but eve opened this pull request (`compositional_skills/animals/sleep/qna.yaml`).
- ✅ Place: the folder fits the kind of the leaf.
- ✅ Examples: enough of them, and no two alike.
- ✅ Voice: no other model is named, and nothing sounds like a chat assistant.
- ✅ Personal data: no address, number or secret was found.
- ✅ Sensitive topics: no word of the lists was found.
- ✅ Overlap: no leaf of the same name, and no other open pull request changes these leaves.

</details>

---
<sub>For commit `<sha>`. Comment `/help` for the commands.</sub>\
""")


def test_fix_pushes_a_commit(town: World) -> None:
    pull = town.ada.open(UNTIDY)
    town.settle()
    assert town.check(pull) == snapshot("failure: 2 things to mend")
    assert town.said(pull) == snapshot("""\
<!-- seedbed:sticky -->

### 🌱 Two things to mend

Thank you for this contribution! Before it can be merged, 2 places need a correction: here is where, and how to mend it.

2 things here can be mended for you: write a comment with `/fix`, or take the suggestions on the lines.

#### `compositional_skills/animals/sleep/qna.yaml`

- **Line 2:** Spaces at the end of the line. <sub>`trailing-spaces`</sub>

  ```text
  2 │ created_by: ada
  ```

  `/fix` mends this: delete the spaces.

- **Line 16:** No line break at the end of the file. <sub>`new-line-at-end-of-file`</sub>

  ```text
  16 │ answer: "They build a lodge from sticks and mud."
  ```

  `/fix` mends this: add a line break.

<details><summary>1 suggestion (nothing here blocks the merge)</summary>

#### `compositional_skills/animals/sleep/qna.yaml`

- **Line 4:** The build will judge this leaf together with its branch: it holds back and asks about 2 of the leaf's questions, and a verdict of its own takes 6. <sub>`informing-only`</sub>

  ```text
  4 │ seed_examples:
  ```

  **To mend it:** For a verdict of its own, add about 35 seed examples. Else leave it as it is.

</details>

<details><summary>How much of the teacher's prompt the largest example of each leaf fills, in tokens</summary>

```text
█░░░░░░░░░░░░░░░░░░░    23 of 1500  compositional_skills/animals/sleep
```

</details>

**Next: you.** Change the places above and push, or edit the files right here in the browser. The check runs again by itself within seconds.

<details><summary>For the reviewer: 11 of 11 points of the checklist look fine</summary>

✅ nothing was found, 👀 please look, ❌ must change before the merge. The list is filled in from what the linter found; whether a text is true, useful and freely usable is for you to judge.

- ✅ Licence: the taxonomy accepts it.
- ✅ Source: no site that is unknown or must be looked at by hand.
- ✅ Attribution: title, licence and creators are named.
- ✅ Sign-off: every commit is signed off by its author.
- ✅ Author: `created_by` is who opened this.
- ✅ Place: the folder fits the kind of the leaf.
- ✅ Examples: enough of them, and no two alike.
- ✅ Voice: no other model is named, and nothing sounds like a chat assistant.
- ✅ Personal data: no address, number or secret was found.
- ✅ Sensitive topics: no word of the lists was found.
- ✅ Overlap: no leaf of the same name, and no other open pull request changes these leaves.

</details>

---
<sub>For commit `<sha>`. Comment `/help` for the commands.</sub>

=====

<!-- seedbed:suggestions <sha> -->
1 place here can be mended with a click. Press *Commit suggestion* on those that you like, or write a comment with `/fix`, which mends all that a machine can at once. Nothing here needs an answer.

compositional_skills/animals/sleep/qna.yaml:2
Delete the spaces.

```suggestion
created_by: ada
```\
""")

    town.ada.comment(pull, "/fix")
    town.settle()
    assert town.check(pull) == snapshot("success: All checks pass")
    assert town.said(pull) == snapshot("""\
<!-- seedbed:sticky -->

### ✅ All checks pass

Thank you for this contribution! 1 leaf was checked, and nothing must be changed.

<details><summary>1 suggestion (nothing here blocks the merge)</summary>

#### `compositional_skills/animals/sleep/qna.yaml`

- **Line 4:** The build will judge this leaf together with its branch: it holds back and asks about 2 of the leaf's questions, and a verdict of its own takes 6. <sub>`informing-only`</sub>

  ```text
  4 │ seed_examples:
  ```

  **To mend it:** For a verdict of its own, add about 35 seed examples. Else leave it as it is.

</details>

<details><summary>How much of the teacher's prompt the largest example of each leaf fills, in tokens</summary>

```text
█░░░░░░░░░░░░░░░░░░░    23 of 1500  compositional_skills/animals/sleep
```

</details>

**Next: a maintainer** reads your files and decides whether the teacher, whose time is short, makes samples of them: `/preview` asks for it once, and `/ok-to-test` lets you ask, too, until the next push. You need not do anything.

<details><summary>For the reviewer: 11 of 11 points of the checklist look fine</summary>

✅ nothing was found, 👀 please look, ❌ must change before the merge. The list is filled in from what the linter found; whether a text is true, useful and freely usable is for you to judge.

- ✅ Licence: the taxonomy accepts it.
- ✅ Source: no site that is unknown or must be looked at by hand.
- ✅ Attribution: title, licence and creators are named.
- ✅ Sign-off: every commit is signed off by its author.
- ✅ Author: `created_by` is who opened this.
- ✅ Place: the folder fits the kind of the leaf.
- ✅ Examples: enough of them, and no two alike.
- ✅ Voice: no other model is named, and nothing sounds like a chat assistant.
- ✅ Personal data: no address, number or secret was found.
- ✅ Sensitive topics: no word of the lists was found.
- ✅ Overlap: no leaf of the same name, and no other open pull request changes these leaves.

</details>

---
<sub>For commit `<sha>`. Comment `/help` for the commands.</sub>

=====

<!-- seedbed:fix 2 -->
🔧 2 things were mended in commit `<sha>`, as `ada` asked. The check runs on it by itself.

- `compositional_skills/animals/sleep/qna.yaml`: Delete the spaces.
- `compositional_skills/animals/sleep/qna.yaml`: Add a line break.

=====

<!-- seedbed:suggestions <sha> -->
1 place here can be mended with a click. Press *Commit suggestion* on those that you like, or write a comment with `/fix`, which mends all that a machine can at once. Nothing here needs an answer.

compositional_skills/animals/sleep/qna.yaml:None
Delete the spaces.

```suggestion
created_by: ada
```\
""")
    assert town.ada.person.rest("GET", f"/contents/{QNA}?ref=refs/pull/{pull}/head")["size"] == len(GOOD[QNA])


def test_fix_suggests_where_it_may_not_push(town: World) -> None:
    pull = town.eve.open_from_fork(UNTIDY, maintainer_can_modify=False)
    town.settle()
    assert town.said(pull) == snapshot("""\
<!-- seedbed:sticky -->

### 🌱 Two things to mend

Thank you for this contribution! Before it can be merged, 2 places need a correction: here is where, and how to mend it.

2 things here can be mended for you: write a comment with `/fix`, or take the suggestions on the lines.

#### `compositional_skills/animals/sleep/qna.yaml`

- **Line 2:** Spaces at the end of the line. <sub>`trailing-spaces`</sub>

  ```text
  2 │ created_by: ada
  ```

  `/fix` mends this: delete the spaces.

- **Line 16:** No line break at the end of the file. <sub>`new-line-at-end-of-file`</sub>

  ```text
  16 │ answer: "They build a lodge from sticks and mud."
  ```

  `/fix` mends this: add a line break.

<details><summary>2 suggestions (nothing here blocks the merge)</summary>

#### `compositional_skills/animals/sleep/qna.yaml`

- **Line 2:** `created_by` says ada, but eve opened this pull request. <sub>`created-by-author`</sub>

  ```text
  2 │ created_by: ada
  ```

  **To mend it:** Write eve, unless ada made the leaf.

- **Line 4:** The build will judge this leaf together with its branch: it holds back and asks about 2 of the leaf's questions, and a verdict of its own takes 6. <sub>`informing-only`</sub>

  ```text
  4 │ seed_examples:
  ```

  **To mend it:** For a verdict of its own, add about 35 seed examples. Else leave it as it is.

</details>

<details><summary>How much of the teacher's prompt the largest example of each leaf fills, in tokens</summary>

```text
█░░░░░░░░░░░░░░░░░░░    23 of 1500  compositional_skills/animals/sleep
```

</details>

**Next: you.** Change the places above and push, or edit the files right here in the browser. The check runs again by itself within seconds.

<details><summary>For the reviewer: 10 of 11 points of the checklist look fine</summary>

✅ nothing was found, 👀 please look, ❌ must change before the merge. The list is filled in from what the linter found; whether a text is true, useful and freely usable is for you to judge.

- ✅ Licence: the taxonomy accepts it.
- ✅ Source: no site that is unknown or must be looked at by hand.
- ✅ Attribution: title, licence and creators are named.
- ✅ Sign-off: every commit is signed off by its author.
- 👀 Author: `created_by` says ada, but eve opened this pull request (`compositional_skills/animals/sleep/qna.yaml`).
- ✅ Place: the folder fits the kind of the leaf.
- ✅ Examples: enough of them, and no two alike.
- ✅ Voice: no other model is named, and nothing sounds like a chat assistant.
- ✅ Personal data: no address, number or secret was found.
- ✅ Sensitive topics: no word of the lists was found.
- ✅ Overlap: no leaf of the same name, and no other open pull request changes these leaves.

</details>

---
<sub>For commit `<sha>`. Comment `/help` for the commands.</sub>

=====

<!-- seedbed:suggestions <sha> -->
1 place here can be mended with a click. Press *Commit suggestion* on those that you like, or write a comment with `/fix`, which mends all that a machine can at once. Nothing here needs an answer.

compositional_skills/animals/sleep/qna.yaml:2
Delete the spaces.

```suggestion
created_by: ada
```\
""")

    town.eve.comment(pull, "/fix")
    town.settle()
    assert town.said(pull) == snapshot("""\
<!-- seedbed:fix 2 -->
🔧 The branch of this pull request takes no commits from here (its author can allow them with *Allow edits by maintainers*), so 1 change is suggested on the lines.

Not all of it can be suggested on lines. This is the whole change:

```diff
--- a/compositional_skills/animals/sleep/qna.yaml
+++ b/compositional_skills/animals/sleep/qna.yaml
@@ -1,5 +1,5 @@
 version: 3
-created_by: ada   \n\
+created_by: ada
 task_description: Say where an animal sleeps.
 seed_examples:
   - question: "Where does a wolf sleep?"
@@ -13,4 +13,4 @@
   - question: "What bed would suit any dormouse in winter?"
     answer: "Moss inside a hollow stump suits it."
   - question: "Name the lodging that beavers build themselves?"
-    answer: "They build a lodge from sticks and mud."
\\ No newline at end of file
+    answer: "They build a lodge from sticks and mud."
```\
""")
    assert town.check(pull) == snapshot("failure: 2 things to mend")


def test_triage_moves_with_reviews_and_commands(town: World) -> None:
    pull = town.ada.open(GOOD)
    town.settle()
    assert town.labels(pull) == snapshot(["seedbed:needs-preview", "skill"])
    town.said(pull)

    town.tom.review(pull, "REQUEST_CHANGES", "Please name your source.")
    town.settle()
    assert town.labels(pull) == snapshot(["seedbed:changes-requested", "skill"])
    town.said(pull)

    town.ada.push("leaf", {ATTRIBUTION: GOOD[ATTRIBUTION] + b"Link to work: https://example.org\n"})
    town.settle()
    assert town.labels(pull) == snapshot(["seedbed:needs-preview", "skill"])
    town.said(pull)

    town.tom.comment(pull, "/hold until the summit")
    town.settle()
    assert town.labels(pull) == snapshot(["seedbed:on-hold", "skill"])
    assert town.said(pull) == snapshot("""\
<!-- seedbed:sticky -->

### ✅ All checks pass

Thank you for this contribution! 1 leaf was checked, and nothing must be changed.

<details><summary>2 suggestions (nothing here blocks the merge)</summary>

#### `compositional_skills/animals/sleep/attribution.txt`

- **Line 4:** example.org is not on the list of known sources. <sub>`attribution-source`</sub>

  ```text
  4 │ Link to work: https://example.org
  ```

  **To mend it:** Say in the pull request where the page names its licence; or use a known source such as Wikipedia.

#### `compositional_skills/animals/sleep/qna.yaml`

- **Line 4:** The build will judge this leaf together with its branch: it holds back and asks about 2 of the leaf's questions, and a verdict of its own takes 6. <sub>`informing-only`</sub>

  ```text
  4 │ seed_examples:
  ```

  **To mend it:** For a verdict of its own, add about 35 seed examples. Else leave it as it is.

</details>

<details><summary>How much of the teacher's prompt the largest example of each leaf fills, in tokens</summary>

```text
█░░░░░░░░░░░░░░░░░░░    23 of 1500  compositional_skills/animals/sleep
```

</details>

**On hold.** A maintainer wants this to wait; nobody is reminded. `/unhold` takes it up again. Held by `tom`: until the summit.

<details><summary>For the reviewer: 10 of 11 points of the checklist look fine</summary>

✅ nothing was found, 👀 please look, ❌ must change before the merge. The list is filled in from what the linter found; whether a text is true, useful and freely usable is for you to judge.

- ✅ Licence: the taxonomy accepts it.
- 👀 Source: example.org is not on the list of known sources (`compositional_skills/animals/sleep/attribution.txt`).
- ✅ Attribution: title, licence and creators are named.
- ✅ Sign-off: every commit is signed off by its author.
- ✅ Author: `created_by` is who opened this.
- ✅ Place: the folder fits the kind of the leaf.
- ✅ Examples: enough of them, and no two alike.
- ✅ Voice: no other model is named, and nothing sounds like a chat assistant.
- ✅ Personal data: no address, number or secret was found.
- ✅ Sensitive topics: no word of the lists was found.
- ✅ Overlap: no leaf of the same name, and no other open pull request changes these leaves.

</details>

---
<sub>For commit `<sha>`. Comment `/help` for the commands.</sub>\
""")

    town.tom.comment(pull, "/unhold\n/assign @tom\n/approve\n/status")
    town.settle()
    assert town.labels(pull) == snapshot(["seedbed:ready-to-merge", "skill"])
    assert town.said(pull) == snapshot("""\
<!-- seedbed:sticky -->

### ✅ All checks pass

Thank you for this contribution! 1 leaf was checked, and nothing must be changed.

<details><summary>2 suggestions (nothing here blocks the merge)</summary>

#### `compositional_skills/animals/sleep/attribution.txt`

- **Line 4:** example.org is not on the list of known sources. <sub>`attribution-source`</sub>

  ```text
  4 │ Link to work: https://example.org
  ```

  **To mend it:** Say in the pull request where the page names its licence; or use a known source such as Wikipedia.

#### `compositional_skills/animals/sleep/qna.yaml`

- **Line 4:** The build will judge this leaf together with its branch: it holds back and asks about 2 of the leaf's questions, and a verdict of its own takes 6. <sub>`informing-only`</sub>

  ```text
  4 │ seed_examples:
  ```

  **To mend it:** For a verdict of its own, add about 35 seed examples. Else leave it as it is.

</details>

<details><summary>How much of the teacher's prompt the largest example of each leaf fills, in tokens</summary>

```text
█░░░░░░░░░░░░░░░░░░░    23 of 1500  compositional_skills/animals/sleep
```

</details>

**Next: a maintainer** merges this: it is approved at this commit. `tom` looks at this.

<details><summary>For the reviewer: 10 of 11 points of the checklist look fine</summary>

✅ nothing was found, 👀 please look, ❌ must change before the merge. The list is filled in from what the linter found; whether a text is true, useful and freely usable is for you to judge.

- ✅ Licence: the taxonomy accepts it.
- 👀 Source: example.org is not on the list of known sources (`compositional_skills/animals/sleep/attribution.txt`).
- ✅ Attribution: title, licence and creators are named.
- ✅ Sign-off: every commit is signed off by its author.
- ✅ Author: `created_by` is who opened this.
- ✅ Place: the folder fits the kind of the leaf.
- ✅ Examples: enough of them, and no two alike.
- ✅ Voice: no other model is named, and nothing sounds like a chat assistant.
- ✅ Personal data: no address, number or secret was found.
- ✅ Sensitive topics: no word of the lists was found.
- ✅ Overlap: no leaf of the same name, and no other open pull request changes these leaves.

</details>

---
<sub>For commit `<sha>`. Comment `/help` for the commands.</sub>

=====

<!-- seedbed:reply 3 -->
Commit `<sha>`: the check passes.

State: `ready-to-merge`, for a moment.

Nothing is queued or running, and nothing failed.

**Next: a maintainer** merges this: it is approved at this commit.\
""")

    town.ada.push("leaf", {ATTRIBUTION: GOOD[ATTRIBUTION] + b"Link to work: https://example.com\n"})
    town.settle()
    assert town.labels(pull) == snapshot(["seedbed:needs-preview", "skill"])
    assert town.said(pull) == snapshot("""\
<!-- seedbed:sticky -->

### ✅ All checks pass

Thank you for this contribution! 1 leaf was checked, and nothing must be changed.

<details><summary>2 suggestions (nothing here blocks the merge)</summary>

#### `compositional_skills/animals/sleep/attribution.txt`

- **Line 4:** example.com is not on the list of known sources. <sub>`attribution-source`</sub>

  ```text
  4 │ Link to work: https://example.com
  ```

  **To mend it:** Say in the pull request where the page names its licence; or use a known source such as Wikipedia.

#### `compositional_skills/animals/sleep/qna.yaml`

- **Line 4:** The build will judge this leaf together with its branch: it holds back and asks about 2 of the leaf's questions, and a verdict of its own takes 6. <sub>`informing-only`</sub>

  ```text
  4 │ seed_examples:
  ```

  **To mend it:** For a verdict of its own, add about 35 seed examples. Else leave it as it is.

</details>

<details><summary>How much of the teacher's prompt the largest example of each leaf fills, in tokens</summary>

```text
█░░░░░░░░░░░░░░░░░░░    23 of 1500  compositional_skills/animals/sleep
```

</details>

> The approval by `tom` was for commit `<sha>`; a push made it void.

**Next: a maintainer** reads your files and decides whether the teacher, whose time is short, makes samples of them: `/preview` asks for it once, and `/ok-to-test` lets you ask, too, until the next push. You need not do anything. `tom` looks at this.

<details><summary>For the reviewer: 10 of 11 points of the checklist look fine</summary>

✅ nothing was found, 👀 please look, ❌ must change before the merge. The list is filled in from what the linter found; whether a text is true, useful and freely usable is for you to judge.

- ✅ Licence: the taxonomy accepts it.
- 👀 Source: example.com is not on the list of known sources (`compositional_skills/animals/sleep/attribution.txt`).
- ✅ Attribution: title, licence and creators are named.
- ✅ Sign-off: every commit is signed off by its author.
- ✅ Author: `created_by` is who opened this.
- ✅ Place: the folder fits the kind of the leaf.
- ✅ Examples: enough of them, and no two alike.
- ✅ Voice: no other model is named, and nothing sounds like a chat assistant.
- ✅ Personal data: no address, number or secret was found.
- ✅ Sensitive topics: no word of the lists was found.
- ✅ Overlap: no leaf of the same name, and no other open pull request changes these leaves.

</details>

---
<sub>For commit `<sha>`. Comment `/help` for the commands.</sub>\
""")


def test_precheck_asks_the_present_model(town: World) -> None:
    pull = town.ada.open(GOOD)
    town.settle()
    town.said(pull)
    town.tom.comment(pull, "/precheck")
    town.settle()
    assert town.said(pull) == snapshot("""\
<!-- seedbed:sticky -->

### ✅ All checks pass

Thank you for this contribution! 1 leaf was checked, and nothing must be changed.

<details><summary>1 suggestion (nothing here blocks the merge)</summary>

#### `compositional_skills/animals/sleep/qna.yaml`

- **Line 4:** The build will judge this leaf together with its branch: it holds back and asks about 2 of the leaf's questions, and a verdict of its own takes 6. <sub>`informing-only`</sub>

  ```text
  4 │ seed_examples:
  ```

  **To mend it:** For a verdict of its own, add about 35 seed examples. Else leave it as it is.

</details>

<details><summary>How much of the teacher's prompt the largest example of each leaf fills, in tokens</summary>

```text
█░░░░░░░░░░░░░░░░░░░    23 of 1500  compositional_skills/animals/sleep
```

</details>

#### What the present model knows already

The community's present model, `SmolLM2-135M-Instruct`, was asked each question of the examples. An answer counts as known where half of the words of its best passage are those of the example's own answer. That is a crude measure: read the answers.

**`compositional_skills/animals/sleep`**: knows 0 of 6 already.

<details><summary>Questions, expected and given answers</summary>

🌱 31 % of the words agree

```text
Question: Where does a wolf sleep?
Expected: A wolf sleeps in a lair under roots.
Answered: Where does a wolf sleep?
```

🌱 0 % of the words agree

```text
Question: At night, which home has the bee?
Expected: Bees go back to their hive.
Answered: At night, which home has the bee?
```

🌱 0 % of the words agree

```text
Question: I look for a mole by day. Help me find it?
Expected: Search below the lawn, in its tunnels.
Answered: I look for a mole by day. Help me find it?
```

…and 3 more questions.

</details>

**Next: a maintainer** reads your files and decides whether the teacher, whose time is short, makes samples of them: `/preview` asks for it once, and `/ok-to-test` lets you ask, too, until the next push. You need not do anything.

<details><summary>For the reviewer: 11 of 11 points of the checklist look fine</summary>

✅ nothing was found, 👀 please look, ❌ must change before the merge. The list is filled in from what the linter found; whether a text is true, useful and freely usable is for you to judge.

- ✅ Licence: the taxonomy accepts it.
- ✅ Source: no site that is unknown or must be looked at by hand.
- ✅ Attribution: title, licence and creators are named.
- ✅ Sign-off: every commit is signed off by its author.
- ✅ Author: `created_by` is who opened this.
- ✅ Place: the folder fits the kind of the leaf.
- ✅ Examples: enough of them, and no two alike.
- ✅ Voice: no other model is named, and nothing sounds like a chat assistant.
- ✅ Personal data: no address, number or secret was found.
- ✅ Sensitive topics: no word of the lists was found.
- ✅ Overlap: no leaf of the same name, and no other open pull request changes these leaves.

</details>

---
<sub>For commit `<sha>`. Comment `/help` for the commands.</sub>\
""")


def test_buttons_and_reruns(town: World) -> None:
    pull = town.ada.open(GOOD)
    town.settle()
    town.said(pull)
    town.press(pull, "preview", "carol")
    town.settle()
    assert town.check(pull, "seedbed/preview") == snapshot("success: 2 kept, 0 rejected")
    town.said(pull)
    town.rerun(pull, "carol")
    town.settle()
    assert town.check(pull) == snapshot("success: All checks pass")
    assert town.said(pull) == ""


def test_many_at_once(town: World) -> None:
    first = town.ada.open(GOOD)
    other = {path.replace("sleep", "bed"): text.replace(b"animal", b"beast") for path, text in GOOD.items()}
    second = town.eve.open(other)
    town.settle()
    town.said(first), town.said(second)
    town.tom.comment(first, "/batch label:seedbed:needs-preview preview")
    town.settle()
    assert town.check(first, "seedbed/preview") == snapshot("success: 2 kept, 0 rejected")
    assert town.check(second, "seedbed/preview") == snapshot("success: 2 kept, 0 rejected")
    assert town.said(first) == snapshot("""\
<!-- seedbed:sticky -->

### ✅ All checks pass, and here is what the teacher makes of it

Thank you for this contribution! 1 leaf was checked, and nothing must be changed.

<details><summary>1 suggestion (nothing here blocks the merge)</summary>

#### `compositional_skills/animals/sleep/qna.yaml`

- **Line 4:** The build will judge this leaf together with its branch: it holds back and asks about 2 of the leaf's questions, and a verdict of its own takes 6. <sub>`informing-only`</sub>

  ```text
  4 │ seed_examples:
  ```

  **To mend it:** For a verdict of its own, add about 35 seed examples. Else leave it as it is.

</details>

<details><summary>How much of the teacher's prompt the largest example of each leaf fills, in tokens</summary>

```text
█░░░░░░░░░░░░░░░░░░░    23 of 1500  compositional_skills/animals/sleep
```

</details>

#### What the teacher makes of it

The *teacher*, a language model, read your examples and wrote new ones in their manner. From such samples the model will learn after the merge. The filters judge form, not truth, and a small teacher gets facts wrong. Read the samples as a mirror: if they miss your point, clearer or more varied examples help.

**`compositional_skills/animals/sleep`** · 2 kept, 0 rejected

```text
Question: Where would the heron choose a reed?

Answer: The heron takes a reed.
```

```text
Question: Where would the moose choose a meadow?

Answer: The moose takes a meadow.
```

[All samples, kept and rejected](http://bot.example/pulls/1/samples). Teacher: Script.

**Next: a maintainer** reads the samples and your files, and merges or asks back.

<details><summary>For the reviewer: 11 of 11 points of the checklist look fine</summary>

✅ nothing was found, 👀 please look, ❌ must change before the merge. The list is filled in from what the linter found; whether a text is true, useful and freely usable is for you to judge.

- ✅ Licence: the taxonomy accepts it.
- ✅ Source: no site that is unknown or must be looked at by hand.
- ✅ Attribution: title, licence and creators are named.
- ✅ Sign-off: every commit is signed off by its author.
- ✅ Author: `created_by` is who opened this.
- ✅ Place: the folder fits the kind of the leaf.
- ✅ Examples: enough of them, and no two alike.
- ✅ Voice: no other model is named, and nothing sounds like a chat assistant.
- ✅ Personal data: no address, number or secret was found.
- ✅ Sensitive topics: no word of the lists was found.
- ✅ Overlap: no leaf of the same name, and no other open pull request changes these leaves.

</details>

---
<sub>For commit `<sha>`. Comment `/help` for the commands.</sub>

=====

<!-- seedbed:reply 3 -->
`/batch label:seedbed:needs-preview prev…`: done for 2 of 2 pull requests.

| pull request | |
|---|---|
| `#1` | ✅ queued |
| `#2` | ✅ queued |\
""")
    town.said(second)


def test_reminders_are_kind_and_few(town: World) -> None:
    pull = town.ada.open(FAULTY)
    town.settle()
    town.said(pull)
    for days in (10, 5, 1, 1):
        town.days_pass(days)
        town.remind()
    assert town.said(pull) == snapshot("""\
<!-- seedbed:remind needs-fixes 1790000000 1 -->
A friendly reminder: this has waited for its author, `ada`, for 15 days.

**Next: you.** Change the places above and push, or edit the files right here in the browser. The check runs again by itself within seconds.

<sub>There is no hurry, and nothing closes by itself. A maintainer can write `/hold` to stop reminders.</sub>\
""")


def test_foreign_text_stays_text(town: World) -> None:
    nasty = (
        "<!-- seedbed:sticky --> @carol ![x](https://evil.example/p.png) #1 <img src=x> `` ``` ~~~ [a](//evil.example)"
    )
    leaf = GOOD[QNA].replace(b"Where does a wolf sleep?", nasty.replace('"', "").encode())
    pull = town.eve.open({**GOOD, QNA: leaf}, body=nasty)
    town.eve.comment(pull, "<!-- seedbed:sticky -->\n\nI am the bot, believe me.")
    town.settle()
    assert town.said(pull) == snapshot("""\
<!-- seedbed:sticky -->

### ✅ All checks pass

Thank you for this contribution! 1 leaf was checked, and nothing must be changed.

<details><summary>2 suggestions (nothing here blocks the merge)</summary>

#### `compositional_skills/animals/sleep/qna.yaml`

- **Line 2:** `created_by` says ada, but eve opened this pull request. <sub>`created-by-author`</sub>

  ```text
  2 │ created_by: ada
  ```

  **To mend it:** Write eve, unless ada made the leaf.

- **Line 4:** The build will judge this leaf together with its branch: it holds back and asks about 2 of the leaf's questions, and a verdict of its own takes 6. <sub>`informing-only`</sub>

  ```text
  4 │ seed_examples:
  ```

  **To mend it:** For a verdict of its own, add about 35 seed examples. Else leave it as it is.

</details>

<details><summary>How much of the teacher's prompt the largest example of each leaf fills, in tokens</summary>

```text
█░░░░░░░░░░░░░░░░░░░    59 of 1500  compositional_skills/animals/sleep
```

</details>

**Next: a maintainer** reads your files and decides whether the teacher, whose time is short, makes samples of them: `/preview` asks for it once, and `/ok-to-test` lets you ask, too, until the next push. You need not do anything.

<details><summary>For the reviewer: 10 of 11 points of the checklist look fine</summary>

✅ nothing was found, 👀 please look, ❌ must change before the merge. The list is filled in from what the linter found; whether a text is true, useful and freely usable is for you to judge.

- ✅ Licence: the taxonomy accepts it.
- ✅ Source: no site that is unknown or must be looked at by hand.
- ✅ Attribution: title, licence and creators are named.
- ✅ Sign-off: every commit is signed off by its author.
- 👀 Author: `created_by` says ada, but eve opened this pull request (`compositional_skills/animals/sleep/qna.yaml`).
- ✅ Place: the folder fits the kind of the leaf.
- ✅ Examples: enough of them, and no two alike.
- ✅ Voice: no other model is named, and nothing sounds like a chat assistant.
- ✅ Personal data: no address, number or secret was found.
- ✅ Sensitive topics: no word of the lists was found.
- ✅ Overlap: no leaf of the same name, and no other open pull request changes these leaves.

</details>

---
<sub>For commit `<sha>`. Comment `/help` for the commands.</sub>\
""")
    town.tom.comment(pull, "/preview")
    town.settle()
    assert town.said(pull) == snapshot("""\
<!-- seedbed:sticky -->

### ✅ All checks pass, and here is what the teacher makes of it

Thank you for this contribution! 1 leaf was checked, and nothing must be changed.

<details><summary>2 suggestions (nothing here blocks the merge)</summary>

#### `compositional_skills/animals/sleep/qna.yaml`

- **Line 2:** `created_by` says ada, but eve opened this pull request. <sub>`created-by-author`</sub>

  ```text
  2 │ created_by: ada
  ```

  **To mend it:** Write eve, unless ada made the leaf.

- **Line 4:** The build will judge this leaf together with its branch: it holds back and asks about 2 of the leaf's questions, and a verdict of its own takes 6. <sub>`informing-only`</sub>

  ```text
  4 │ seed_examples:
  ```

  **To mend it:** For a verdict of its own, add about 35 seed examples. Else leave it as it is.

</details>

<details><summary>How much of the teacher's prompt the largest example of each leaf fills, in tokens</summary>

```text
█░░░░░░░░░░░░░░░░░░░    59 of 1500  compositional_skills/animals/sleep
```

</details>

#### What the teacher makes of it

The *teacher*, a language model, read your examples and wrote new ones in their manner. From such samples the model will learn after the merge. The filters judge form, not truth, and a small teacher gets facts wrong. Read the samples as a mirror: if they miss your point, clearer or more varied examples help.

**`compositional_skills/animals/sleep`** · 2 kept, 0 rejected

```text
Question: Where would the heron choose a reed?

Answer: The heron takes a reed.
```

```text
Question: Where would the moose choose a meadow?

Answer: The moose takes a meadow.
```

[All samples, kept and rejected](http://bot.example/pulls/1/samples). Teacher: Script.

**Next: a maintainer** reads the samples and your files, and merges or asks back.

<details><summary>For the reviewer: 10 of 11 points of the checklist look fine</summary>

✅ nothing was found, 👀 please look, ❌ must change before the merge. The list is filled in from what the linter found; whether a text is true, useful and freely usable is for you to judge.

- ✅ Licence: the taxonomy accepts it.
- ✅ Source: no site that is unknown or must be looked at by hand.
- ✅ Attribution: title, licence and creators are named.
- ✅ Sign-off: every commit is signed off by its author.
- 👀 Author: `created_by` says ada, but eve opened this pull request (`compositional_skills/animals/sleep/qna.yaml`).
- ✅ Place: the folder fits the kind of the leaf.
- ✅ Examples: enough of them, and no two alike.
- ✅ Voice: no other model is named, and nothing sounds like a chat assistant.
- ✅ Personal data: no address, number or secret was found.
- ✅ Sensitive topics: no word of the lists was found.
- ✅ Overlap: no leaf of the same name, and no other open pull request changes these leaves.

</details>

---
<sub>For commit `<sha>`. Comment `/help` for the commands.</sub>\
""")


def test_a_lost_webhook_costs_minutes(town: World) -> None:
    town.lose_webhooks()
    pull = town.ada.open(GOOD)
    town.settle()
    assert town.check(pull) == "none"
    town.find_webhooks()
    town.reconcile()
    assert town.check(pull) == snapshot("success: All checks pass")
    assert town.labels(pull) == snapshot(["seedbed:needs-preview", "skill"])
    town.said(pull)


def test_closing_and_reopening(town: World) -> None:
    pull = town.ada.open(GOOD)
    town.settle()
    town.said(pull)
    town.ada.close(pull)
    town.settle()
    assert town.labels(pull) == snapshot(["skill"])
    town.said(pull)
    town.ada.comment(pull, "/lint")
    town.settle()
    assert town.said(pull) == snapshot("""\
<!-- seedbed:reply 2 -->
`/lint` was not run: this pull request is closed. Reopen it, and then type it again.\
""")
