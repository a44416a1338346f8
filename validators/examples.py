"""The example of a rule: text that breaks it and text that keeps it. It is the rule's documentation and its test."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from validators.model import Change, LintConfig

Base = Literal["skill", "grounded", "knowledge"]
Text = str | Mapping[str, str]

SKILL_PATH = "compositional_skills/writing/ship_names/qna.yaml"
GROUNDED_PATH = "compositional_skills/grounded/writing/notices/qna.yaml"
KNOWLEDGE_PATH = "knowledge/geography/tarn_skerry/qna.yaml"

SKILL = """\
version: 3
task_description: Find a name for a boat that fits its work.
created_by: ada-lovelace
seed_examples:
  - question: Name a small boat that carries post between islands.
    answer: Letterbird, because it flies from door to door.
  - question: What would suit an old tug that pushes barges?
    answer: Patience would suit a tug that never hurries.
  - question: My ferry runs at night. Any idea for its bow?
    answer: Lantern Line tells people that somebody is awake.
  - question: Suggest something for a boat full of beehives.
    answer: The Humming Hold says what waits below deck.
  - question: We teach children to sail in a dinghy; call it what?
    answer: First Breeze, for the wind that each of them remembers.
"""

GROUNDED = """\
version: 3
task_description: Answer a neighbour's notice in one friendly sentence.
created_by: ada-lovelace
seed_examples:
  - context: "Lost: a grey cat with one white paw, last seen by the mill."
    question: How should I reply if it sits on my porch?
    answer: Your grey cat rests on my porch, white paw and all.
  - context: Our choir looks for a second alto, rehearsals on Tuesdays.
    question: Write that I would like to come along.
    answer: I sing alto and would gladly join you on Tuesdays.
  - context: Free firewood behind the bakery, bring your own cart.
    question: Reply that my cart needs a new wheel first.
    answer: Thank you, I fetch the firewood when my cart rolls again.
  - context: The bridge walk is moved from Saturday to Sunday.
    question: Say thanks and confirm the day.
    answer: Thanks for telling me, see you on Sunday at the bridge.
  - context: Who can lend us a ladder for the school roof?
    question: Offer mine until the weekend.
    answer: Take my ladder for the roof and keep it until the weekend.
"""

KNOWLEDGE = """\
version: 3
domain: geography
created_by: ada-lovelace
document_outline: The island of Tarn Skerry, its light, its birds and its ferry.
document:
  repo: https://github.com/example/tarn-skerry
  commit: 0123456789abcdef0123456789abcdef01234567
  patterns:
    - island.md
seed_examples:
  - context: Tarn Skerry is an island with one harbour, called Oxmouth, on its eastern shore.
    questions_and_answers:
      - question: What is the harbour of Tarn Skerry called?
        answer: It is called Oxmouth.
      - question: On which shore does Oxmouth lie?
        answer: It lies on the eastern shore.
      - question: How many harbours does the island have?
        answer: The island has one harbour.
  - context: The lighthouse was lit by whale oil until its keeper planted rapeseed behind the tower.
    questions_and_answers:
      - question: What burned in the lamp at first?
        answer: Whale oil burned in the lamp.
      - question: Who planted rapeseed?
        answer: The keeper planted it.
      - question: Where did the rapeseed grow?
        answer: It grew behind the tower.
  - context: Puffins nest in the southern cliffs from April, and leave when the heather turns brown.
    questions_and_answers:
      - question: Which birds nest in the cliffs?
        answer: Puffins nest there.
      - question: When do the puffins come?
        answer: They come in April.
      - question: What tells that they leave?
        answer: The heather turns brown.
  - context: A ferry crosses to the mainland twice a day, weather permitting, and carries no cars.
    questions_and_answers:
      - question: How often does the ferry cross?
        answer: It crosses twice a day.
      - question: Can I bring a car to the island?
        answer: No, the ferry carries no cars.
      - question: What can stop the crossing?
        answer: The weather can stop it.
  - context: Islanders pickle samphire in late summer and sell the jars at the chapel door.
    questions_and_answers:
      - question: Which plant do islanders pickle?
        answer: They pickle samphire.
      - question: Where are the jars sold?
        answer: They are sold at the chapel door.
      - question: In which season is it pickled?
        answer: It is pickled in late summer.
"""

ATTRIBUTION = """\
Title of work: Boat names of the north harbour
Link to work: https://en.wikipedia.org/wiki/Ship
Revision: https://en.wikipedia.org/w/index.php?title=Ship&oldid=1200000001
License of the work: CC-BY-SA-4.0
Creator names: Wikipedia authors
"""

_BASES: dict[str, tuple[str, str]] = {
    "skill": (SKILL_PATH, SKILL),
    "grounded": (GROUNDED_PATH, GROUNDED),
    "knowledge": (KNOWLEDGE_PATH, KNOWLEDGE),
}
_KEY = re.compile(r"^([A-Za-z_][^\s:]*)[^:\n]*:", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Case:
    """One side of an example, ready for `lint`."""

    path: str
    files: dict[str, bytes]
    change: Change
    shown: str
    """What the documentation prints."""


@dataclass(frozen=True, slots=True)
class Example:
    """Text that breaks a rule, and text that keeps it.

    `bad` and `good` are snippets that are set into a complete clean leaf (`base`): each line that begins with a
    top-level key replaces or adds that key's section, a snippet that begins with "  - " replaces the first seed
    example. Or they are whole files by path. With `attribution` they are the text of `attribution.txt`.
    `without` names sections that the bad leaf lacks.
    """

    bad: Text = ""
    good: Text = ""
    base: Base = "skill"
    without: tuple[str, ...] = ()
    whole: bool = False
    """`bad` is the whole leaf file; an empty `good` then stands for the clean leaf."""
    attribution: bool = False
    bad_path: str = ""
    good_path: str = ""
    bad_change: Change = field(default_factory=Change)
    good_change: Change = field(default_factory=Change)
    config: LintConfig = field(default_factory=LintConfig)

    def case(self, side: Literal["bad", "good"]) -> Case:
        """The files of one side. The leaf, its attribution, and what lies beside them."""
        bad = side == "bad"
        text, path, change = (
            (self.bad, self.bad_path, self.bad_change) if bad else (self.good, self.good_path, self.good_change)
        )
        base_path, base = _BASES[self.base]
        path = path or base_path
        if not isinstance(text, str):
            shown = "\n".join(f"# {name}\n{content}" for name, content in text.items())
            return Case(path, {name: _bytes(content) for name, content in text.items()}, change, shown)
        leaf, attribution = base, ATTRIBUTION
        if self.attribution:
            attribution = text
        elif not (self.whole and bad):
            leaf = compose(base, text, self.without if bad else ())
        else:
            leaf = text
        files = {path: _bytes(leaf), path.rpartition("/")[0] + "/attribution.txt": _bytes(attribution)}
        return Case(path, files, change, _bytes(text).decode("utf-8", "replace") or f"# {path}\n")


def _bytes(text: str) -> bytes:
    """A lone surrogate U+DCxx stands for the byte xx, so that an example can show bytes that are no UTF-8."""
    return text.encode("utf-8", "surrogateescape")


def compose(base: str, snippet: str, without: tuple[str, ...] = ()) -> str:
    """`base` with the sections that `snippet` brings in the place of its own, and without those in `without`."""
    sections = _sections(base)
    for name in without:
        sections.pop(name)
    if snippet.startswith("  - "):
        head, *items = re.split(r"(?m)^(?=  - )", sections["seed_examples"])
        sections["seed_examples"] = "".join([head, snippet, *items[1:]])
    else:
        sections |= _sections(snippet)
    return "".join(sections.values())


def _sections(text: str) -> dict[str, str]:
    """A leaf's text by top-level key, in order; what stands before the first key is under ""."""
    starts = list(_KEY.finditer(text))
    edges = [0, *(match.start() for match in starts), len(text)]
    names = ["", *(match.group(1) for match in starts)]
    parts = {name: text[a:b] for name, a, b in zip(names, edges, edges[1:], strict=False)}
    return {name: part for name, part in parts.items() if part}
