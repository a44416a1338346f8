"""Each gate on a finished row: what it stops, what it lets through, and that seeds are never at fault."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.flows import flow_for
from pipeline.flows.model import Chunk, Draft, Material
from pipeline.flows.prompts import PACKAGED
from pipeline.quality import copying, language, safety
from pipeline.quality.checks import GATES, row_reason
from pipeline.teacher.port import Form
from tests.building import freeform
from validators import QA, Leaf, Seed
from validators.model import Span

DOCS = Path(__file__).parents[2] / "docs" / "reference" / "filters.md"
PAIRS = (
    ("What is a rasp for in the workshop?", "A rasp is for shaping rough wood before it is sanded by hand."),
    ("What is an awl for in the workshop?", "An awl is for piercing leather before it is sewn by hand."),
    ("What is a froe for in the workshop?", "A froe is for splitting shingles off a block of straight wood."),
)
NAMES = "Ada Bea Cleo Dora Edda Fay Gwen Hedy Ida Jo Kit Lena Mae Nell Olga Pia Rosa Sue Tess Una"
DOCUMENT = " ".join(
    f"{name} keeps lamp {at} and writes {at * 7} into {name}'s book." for at, name in enumerate(NAMES.split())
)


def leaf(*pairs: tuple[str, str], context: str = "", kind: str = "freeform") -> Leaf:
    seeds = tuple(Seed(at, context, (QA(*pair),), Span()) for at, pair in enumerate(pairs or PAIRS))
    return replace(freeform(), kind=kind, seeds=seeds)  # type: ignore[arg-type]


def reason(draft: Draft, of: Leaf | None = None, form: Form = "schema") -> str | None:
    of = of or leaf()
    return row_reason(Material(of, of.seeds, ()), draft, flow_for(of, form))


def row(question: str = "What is a mallet for in the workshop?", answer: str = "", **more: object) -> Draft:
    answer = answer or "A mallet is for driving chisels into wood without harm to their handles."
    return Draft((0,), question=question, answer=answer, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("form", ["plain", "schema"])
def test_a_sound_row_passes_and_is_measured(form: Form) -> None:
    draft = row()
    assert reason(draft, form=form) is None
    assert draft.scores["answer_language"] > 0.9
    assert ("answer_words" in draft.scores) is (form == "schema")


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        ("A mallet drives <|im_end|> chisels into the wood.", "control marks"),
        ("### Response: a mallet is for driving chisels into wood.", "'### Response:', a mark of prompts"),
        ("Answer: a mallet is for driving chisels into wood.", "a mark of prompts"),
        ("A mallet is for {{ purpose }} in the workshop.", "a mark of prompts"),
        ("Wood.", "outside 2 to"),
        ("A mallet is for " + " ".join(f"thing{n}" for n in range(99)) + ".", "its length of 103 words"),
        ("It is for wood, it is for wood, it is for wood, it is for wood, and so on.", "it repeats itself (0."),
        ("I'm sorry, but I cannot say what a mallet is for in a workshop.", "refused"),
        ("A mallet, as an AI language model would say, is for driving chisels.", "refused"),
        ("A mallet is for driving chisels; write to mira@quillfeather.net for one.", "an e-mail address"),
        ("A mallet is for driving chisels; call +44 1632 960983 for a new one.", "a phone number"),
        ("Pay for the mallet by the card 4556 0000 1111 2224 of the workshop.", "a payment card"),
        ("Pay for the mallet to GB33BUKB20201555555555, IBAN of the workshop.", "a bank account"),
        ("The mallet's maker answers at the address 81.2.69.142 on most days.", "a public IP address"),
        (f"Log in with the token ghp_{'a1B2c3D4e5F6' * 3} to order a new mallet.", "a GitHub token"),
        ("A mallet is for driving chisels, you should kill yourself.", "(self-harm)"),
        ("Ein Klopfholz treibt Stechbeitel ins Holz, ohne ihren Griffen zu schaden.", "written in 'de'"),
        ("木槌用于把凿子敲进木头里，而不损坏凿子的手柄。", "written in 'zh'"),
    ],
)
def test_each_gate_says_why(answer: str, word: str) -> None:
    found = reason(row(answer=answer)) or ""
    assert found.startswith("answer: ")
    assert word in found


@pytest.mark.parametrize(
    "answer",
    [
        "Write to workshop@example.org, or call 555-0143, for a mallet.",
        "The mallet server answers at 192.168.1.20 and asks 8.8.8.8 for names.",
        "Version 81.2.69.1 is not an address, and mallets have none.".replace("Version ", "version "),
        "Class, pass and assess: Scunthorpe's mallets are sold by the dozen.",
    ],
)
def test_what_only_looks_like_a_fault_passes(answer: str) -> None:
    assert reason(row(answer=answer)) is None


@pytest.mark.parametrize(
    "seed",
    [
        "I'm sorry, but I cannot help you with the old mallet.",
        "### Response: a mallet is for driving chisels into wood.",
        "Write to mira@quillfeather.net when you need a new mallet.",
        "Go kill yourself, said the troll, and was shown the door at once.",
        "so it goes so it goes so it goes so it goes so it goes so it goes",
        "Ein Klopfholz treibt Stechbeitel ins Holz, ohne ihren Griffen zu schaden.",
    ],
)
def test_what_seeds_do_is_no_fault(seed: str) -> None:
    assert reason(row(answer=seed)) is not None
    also = leaf(*PAIRS, ("Which of these do people say?", seed.replace("mira@quillfeather", "otto@quillfeather")))
    assert reason(row(answer=seed), also) is None


def test_small_teachers_check_their_own_shape() -> None:
    assert reason(row(answer="Wood."), form="plain") is None
    assert "control" in (reason(row(answer="A mallet drives <|im_end|> chisels."), form="plain") or "")


def test_an_echo_of_the_prompt_is_found() -> None:
    of = leaf()
    prompt = flow_for(of, "schema").prompts[-1]
    lines = [line for line in PACKAGED.get(prompt).source.splitlines() if "{" not in line]
    told = max(lines, key=len)
    assert len(told.split()) > 8
    assert "it repeats the prompt" in (reason(row(answer=f"A mallet, and {told}")) or "")
    assert reason(row(answer="A mallet is for work; a good answer is short and right.")) is None


def knowledge_draft(answer: str, **more: object) -> Draft:
    chunk = Chunk(DOCUMENT, "Lamps", 0, len(DOCUMENT))
    question = "Who writes the hours of the lamps of Velden into a book?"
    return row(question, answer, context=DOCUMENT, chunk=chunk, **more)


def test_a_copy_of_the_document_is_found_and_a_quotation_is_not() -> None:
    of = leaf(*PAIRS, context="Lamps need keepers, and keepers write down what they see each night.", kind="knowledge")
    words = DOCUMENT.split()
    assert "it copies 60 words of the document" in (reason(knowledge_draft(" ".join(words[10:70])), of) or "")
    assert reason(knowledge_draft("Her book says: " + " ".join(words[10:40])), of) is None
    assert "copies" in (reason(knowledge_draft(" ".join(words[:70]), task="summary"), of) or "")
    assert "speaks of 'the document'" in (
        reason(knowledge_draft("The keeper does, the document says to us."), of) or ""
    )


def test_what_the_document_says_is_no_private_matter() -> None:
    of = leaf(*PAIRS, context="Lamps need keepers, and keepers write down what they see.", kind="knowledge")
    draft = knowledge_draft("Ask the keeper of the lamps at lamps@velden-harbour.net about it.")
    assert "e-mail" in (reason(draft, of) or "")
    assert reason(replace(draft, context=f"{DOCUMENT} Write to lamps@velden-harbour.net."), of) is None


def test_a_generated_context_must_not_copy_a_seeds() -> None:
    of = leaf(*PAIRS, context=DOCUMENT, kind="grounded")
    copied = row(context="A new notice. " + " ".join(DOCUMENT.split()[:80]))
    assert "context: it copies 80 words of a seed example's context" in (reason(copied, of) or "")
    assert reason(row(context=" ".join(f"The baker of street {n} sells bread at {n}." for n in range(30))), of) is None


def test_long_words_count_by_their_characters() -> None:
    source = " ".join("abcdefghij" * 4 + str(number) for number in range(20))
    assert copying.copied_words(source, (f"Before it. {source} Behind it.",)) == 20
    assert copying.copied_words(" ".join(source.split()[:7]), (source,)) == 0


def test_leaves_about_languages_take_any() -> None:
    german = "Ein Klopfholz treibt Stechbeitel ins Holz, ohne ihren Griffen zu schaden."
    french = "Un maillet sert à enfoncer des ciseaux dans le bois sans les abîmer."
    spanish = "Un mazo sirve para clavar formones en la madera sin dañar los mangos."
    italian = "Un mazzuolo serve a spingere gli scalpelli nel legno senza rovinarli."
    assert "written in 'it'" in (reason(row(answer=italian), leaf(*PAIRS, ("And in German?", german))) or "")
    many = leaf(*PAIRS, ("And in German?", german), ("And in French?", french), ("And in Spanish?", spanish))
    assert reason(row(answer=italian), many) is None


def test_code_and_short_texts_have_no_language() -> None:
    assert language.shares("Ja, Herr Ober.") == {}
    assert language.shares("```python\nfor hammer in workshop: print(hammer.weight + 1)\n```") == {}
    assert {"zh", "wuu"} < set(language.shares("木槌用于把凿子敲进木头里"))


def test_the_word_list_is_whole_and_quick() -> None:
    assert {kind for kind in safety.KINDS if kind in safety.LIST.read_text()} == set(safety.KINDS)
    assert safety.unsafe_kinds("How to make a pipe bomb, step by step") == {"violence"}
    for text in ("a class on cocktails", "an Essex grape", "the spice rack", "kill the process now", "retardant foam"):
        assert safety.unsafe_kinds(text) == frozenset()


def test_a_row_takes_a_few_milliseconds() -> None:
    of = leaf(*PAIRS, context=DOCUMENT, kind="knowledge")
    drafts = [
        knowledge_draft(f"The keeper writes them into book {n}, each night, and so do the others.") for n in range(200)
    ]
    reason(drafts[0], of)
    start = time.process_time()
    assert {reason(draft, of) for draft in drafts} == {None}
    assert (time.process_time() - start) / len(drafts) < 0.004  # half of that on an idle core


def test_the_page_names_every_gate_and_its_bounds() -> None:
    page = DOCS.read_text()
    table = page.split("## Duplicates")[0]
    assert re.findall(r"^\| `([\w-]+)`", table, re.MULTILINE) == list(GATES)
    for bound in ("0.2 to 5 times", "0.30", "8 words", "50 words and 300 characters", "0.80 or more", "under 6 words"):
        assert bound in table
