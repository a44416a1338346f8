"""Varied English that means little and is well formed: the same for the same name, drawn by hash from templates.

Lengths (tokens of `tokens`): a question has about 18, an answer about 60, a context about 110, a judge's explanation
about 60, which is what the judges' prompts of instructlab-sdg show as examples (45, 65, 95 and 35 there).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence

_NOUNS = (
    "harbour lantern meadow kettle orchard bridge violin compass blanket market garden ladder window basket candle "
    "mirror needle pencil pillow ribbon saddle teapot tunnel wallet hammer carpet engine bottle curtain drawer feather "
    "furnace glacier hedge island jacket kitchen library mountain notebook oven parcel quarry river shelf tower "
    "umbrella valley wagon anchor barrel cellar dairy easel fountain gallery hinge inkwell jigsaw keyboard lighthouse "
    "magnet nursery oyster paddock quilt railway sandwich telescope violet vineyard workshop almanac balcony canal "
    "dolphin elevator forest granary hospital iceberg jug kite lagoon mosaic nectar observatory pasture quiver "
    "reservoir staircase theatre urn village windmill attic bakery chimney desk envelope ferry glove heron ivy jetty "
    "knot loom mitten nest oar pebble quay rudder sail thimble vase well yard zipper acorn beehive cradle dune ember"
)
_ADJECTIVES = (
    "quiet narrow wooden golden gentle ancient careful distant empty faithful generous hollow icy jolly lively modest "
    "northern orange patient rapid silver tender upright velvet wandering yellow broad clever dusty elegant familiar "
    "graceful humble inviting lonely muddy nimble ordinary polished rustic sturdy tidy unusual vivid wooded brittle "
    "crowded deep early foggy green heavy idle joyful keen loose mellow neat open plain rough smooth thick warm young"
)
_VERBS = (
    "carry cover follow protect repair gather measure decorate borrow deliver examine improve join lift move notice "
    "observe paint reach shelter touch welcome admire balance collect describe explore finish guard inspect lower mend "
    "nourish order polish recover support trade visit weigh brighten clean divide empty fasten greet heat imitate"
)
_PLACES = (
    "behind the old station|near the southern gate|on a rainy morning|beside the stone wall|during the harvest|"
    "under the tall chestnut|along the coastal path|before the first frost|in a crowded square|at the edge of town|"
    "after a long journey|above the busy street|between two fields|on the upper floor|in the late afternoon|"
    "across the shallow bay|beneath the painted ceiling|in the coldest month|next to the village school|"
    "far from any road|inside the small chapel|during the spring fair|around the quiet pond|over the summer"
)

NOUNS, ADJECTIVES, VERBS = _NOUNS.split(), _ADJECTIVES.split(), _VERBS.split()
PLACES = _PLACES.split("|")

_QUESTIONS = (
    "How can a {a} {n} help to {v} the {m}",
    "Why would somebody {v} a {a} {n} rather than the {m}",
    "Explain how the {n} and the {a} {m} {v} each other",
    "Suggest two ways to {v} a {a} {n} without harming the {m}",
    "What makes the {a} {n} better than a {b} {m}",
    "Compare a {a} {n} with the {m} that people {v}",
    "Describe the {a} {n} as if it were a {b} {m}",
    "Is it wise to {v} the {m} beside a {a} {n}",
    "Which kind of {n} should {v} a {a} {m}",
    "Tell me how to {v} the {a} {n} and its {m}",
)
_ENDINGS = (
    " {p}",
    " {p}, in plain words",
    " when it is {b}",
    ", and what comes first {p}",
    " for a group of children",
    " if there is no time {p}",
)
_SENTENCES = (
    "A {a} {n} is mostly used to {v} the {m} {p}.",
    "Many people {v} the {b} {m} first, and only then turn to the {n} {p}.",
    "It helps to {v} each {n} with care, because the {a} {m} changes {p}.",
    "Where the {m} is {b}, the {n} can {v} it {p} without much effort.",
    "The {a} {n} and the {m} belong together, as one of them will {v} the other {p}.",
    "Nobody should {v} a {n} {p} before the {b} {m} has been prepared.",
    "In most cases a {b} {m} keeps the {n} {a} for weeks, even {p}.",
    "What matters most is that the {n} stays {a} while workers {v} the {m} {p}.",
    "Some visitors prefer the {b} {m}, since the {n} seems too {a} to them {p}.",
    "With a little practice anybody can {v} the {a} {n} and its {m} {p}.",
    "The {m} {p} shows clearly how a {n} may {v} something {b}.",
    "Once the {n} is {a}, the {b} {m} will {v} it again {p}.",
)
_EXPLANATIONS = (
    "The text is clear and keeps to what was asked about the {a} {n}.",
    "It is polite, complete and free of anything that could harm a reader.",
    "The wording fits the given example, and its point about the {m} {p} can be followed without further help.",
    "Nothing in it contradicts the requirements, so it can be rated well on the scale that is given.",
    "It is relevant to the task, and the mention of the {b} {m} adds something useful {p}.",
)
_WORD = re.compile(r"[^\W\d_]+|\d|[^\w\s]|_")
_PIECE = 7  # letters of a word that SmolLM2's tokenizer mostly takes at once


def tokens(text: str) -> list[str]:
    """A text as an engine might cut it: words in pieces of seven letters, digits and signs one by one.

    On the prompts of this bench it counts within a tenth of what SmolLM2's own tokenizer does, and needs no model.
    """
    found: list[str] = []
    for word in _WORD.findall(text):
        found += [word] if len(word) <= _PIECE else [word[at : at + _PIECE] for at in range(0, len(word), _PIECE)]
    return found


def pick(count: int, *name: object) -> int:
    """A number below `count`, by hash."""
    digest = hashlib.blake2b("\x1f".join(map(str, name)).encode(errors="backslashreplace"), digest_size=8).digest()
    return int.from_bytes(digest) % count


def question(*name: object) -> str:
    """One question, or an instruction."""
    opening = _QUESTIONS[pick(len(_QUESTIONS), "question", *name)]
    mark = "?" if opening.startswith(("How", "Why", "What", "Is", "Which")) else "."
    return _filled(f"{opening}{_ENDINGS[pick(len(_ENDINGS), 'ending', *name)]}{mark}", _words(*name))


def answer(asked: str) -> str:
    """Two to four sentences, the first about what `asked` is about. It depends on the question alone."""
    subjects = [word for word in re.findall(r"[a-z]+", asked.lower()) if word in NOUNS]
    first = {"n": subjects[0], "m": subjects[-1]} if len(set(subjects)) > 1 else {}
    return " ".join(_sentences(_SENTENCES, 2 + pick(3, "length", asked), first, "answer", asked))


def context(*name: object) -> str:
    """Six sentences."""
    return " ".join(_sentences(_SENTENCES, 6, {}, "context", *name))


def explanation(*name: object) -> str:
    """A judge's reasons: two to four sentences."""
    return " ".join(_sentences(_EXPLANATIONS, 2 + pick(3, "length", *name), {}, "explanation", *name))


def _sentences(templates: Sequence[str], count: int, first: dict[str, str], *name: object) -> Iterator[str]:
    order = sorted(range(len(templates)), key=lambda at: pick(1 << 32, "order", at, *name))
    for place, at in enumerate(order[:count]):
        yield _filled(templates[at], {**_words(place, *name), **(first if not place else {})})


def _words(*name: object) -> dict[str, str]:
    drawn = {key: pick(1 << 32, key, *name) for key in ("n", "m", "a", "b", "v", "p")}
    noun, adjective = drawn["n"] % len(NOUNS), drawn["a"] % len(ADJECTIVES)
    return {
        "n": NOUNS[noun],
        "m": NOUNS[(noun + 1 + drawn["m"] % (len(NOUNS) - 1)) % len(NOUNS)],
        "a": ADJECTIVES[adjective],
        "b": ADJECTIVES[(adjective + 1 + drawn["b"] % (len(ADJECTIVES) - 1)) % len(ADJECTIVES)],
        "v": VERBS[drawn["v"] % len(VERBS)],
        "p": PLACES[drawn["p"] % len(PLACES)],
    }


def _filled(template: str, words: dict[str, str]) -> str:
    return re.sub(r"\b([Aa]) (?=[aeiou])", r"\1n ", template.format(**words))
