"""Lexical checks on what a teacher wrote. None of them understands a text; their names say what they count.

Each gate returns None, or the reason for the rejection in words that a contributor can read.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from statistics import median

VERSION = 2  # raise when a filter, gate or list changes: datasets are then made anew from the stored responses
NEAR_DUPLICATE = 0.7  # ROUGE-L F1, as Self-Instruct (arXiv 2212.10560) uses it
SAME_WORDS = 0.5  # the same, for two texts whose content words are the same
MAX_REPETITION = 0.3  # share of 4-grams that occur before in the same text
MIN_DISTINCT = 0.7  # share of its content words that a text uses once; less where a seed does, too
MIN_FORM = 0.6  # share of the words that nearly all seeds use
LENGTH_FACTORS = (0.2, 5.0)  # of the median length of the seeds
_COMPARED_WORDS = 200  # ROUGE-L is quadratic; the head of a text decides

_WORD = re.compile(r"[^\W_]+(?:['’.,-][^\W_]+)*")
_CONTROL = re.compile(r"<\|[^|>\n]{0,40}\|>|\[/?INST\]|<</?SYS>>|</?s>|\x00|[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]")
_REFUSAL = re.compile(
    r"\b(as an ai\b|as a language model|i am an ai\b|i['’]m an ai\b|i['’]m sorry|i am sorry|i apologi[sz]e|"
    r"i['’]m not sure|i am not sure|i don['’]t know|my name is|i am happy to|i['’]d be happy to|"
    r"i (can['’]?t|cannot|am unable to|am not able to) (help|assist|answer|provide|fulfil)|"
    r"(does not|doesn['’]t) (mention|provide|specify|contain|state)\b|not (mentioned|stated|specified) in\b)",
    re.IGNORECASE,
)
_META = re.compile(
    r"\b(the|this|that|given|following|above) "
    r"(passage|text|paragraph|context|excerpt|sentence|fact|article|document|question|task)\b|"
    r"\b(new|example|next) question\b|\b(here['’]s|here is|here are)\b.{0,40}:|"
    r"^(question|answer|q|a|user|assistant)\s*[:.]",
    re.IGNORECASE,
)
_FOR_NUMBER = re.compile(
    r"\b(how (many|much|tall|high|long|wide|deep|far|old|heavy)|"
    r"(number|price|cost|height|length|width|depth|distance|age|weight|population) of)\b",
    re.IGNORECASE,
)
_NUMBER = re.compile(
    r"\d|\b(no|none|half|once|twice|both|zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|"
    r"(thir|four|fif|six|seven|eigh|nine)teen|(twen|thir|for|fif|six|seven|eigh|nine)ty|hundreds?|thousands?|millions?|"
    r"dozens?|few|several|many|free|nothing|all|every)\b",
    re.IGNORECASE,
)
_FOR_TIME = re.compile(
    r"^(by |since |until )?when (is|was|are|were|will|must|do|does|did|has|had)\b|\bwhat time\b", re.IGNORECASE
)
_TIME = re.compile(
    r"\b((mon|tues|wednes|thurs|fri|satur|sun)days?|january|february|march|april|may|june|july|august|september|october|"
    r"november|december|spring|summer|autumn|winter|noon|midnight|morning|afternoon|evening|night|today|tonight|tomorrow|"
    r"yesterday|day|week|month|year|century|hour|before|after|during|when|while|now|soon|never|always)\b",
    re.IGNORECASE,
)
_FOR_NAME = re.compile(r"\bname(s)? of\b|'s name\b|\bwhat is .{1,60} (named|called)\b", re.IGNORECASE)
_STOPWORDS = frozenset(
    re.findall(
        r"\w+",
        """a about after all also am an and another any are as at be because been before being between both but by can
        could did do does doing down during each few for from further get give had has have having he her here hers him
        his how i if in into is it its itself just like made make many may me might more most much must my no nor not
        now of off on once one only or other our out over own please same say she should so some such tell than that the
        their them then there these they this those through to too under until up upon us used using very was we were
        what when where which while who whom whose why will with would you your""",
    )
)


@lru_cache(maxsize=8192)
def words(text: str) -> tuple[str, ...]:
    """Lower-case words and numbers of a text."""
    return tuple(match.group().lower().replace("’", "'") for match in _WORD.finditer(text))


@lru_cache(maxsize=8192)
def content_words(text: str) -> frozenset[str]:
    """Words that carry meaning, with plural and verb endings cut roughly; function words are left out."""
    bare = (word.removesuffix("'s") for word in words(text))
    return frozenset(_stem(word) for word in bare if word not in _STOPWORDS)


def rouge_l(a: str, b: str) -> float:
    """ROUGE-L F1 over the first 200 words: 2 × longest common subsequence / (len a + len b)."""
    left, right = words(a)[:_COMPARED_WORDS], words(b)[:_COMPARED_WORDS]
    total = len(left) + len(right)
    return 2 * _common_subsequence(left, right) / total if total else 0.0


def near(a: str, b: str, threshold: float = NEAR_DUPLICATE) -> bool:
    """Whether ROUGE-L of two texts is above `threshold`; cheap where the word counts already rule it out."""
    left, right = words(a)[:_COMPARED_WORDS], words(b)[:_COMPARED_WORDS]
    total = len(left) + len(right)
    if not total or 2 * (Counter(left) & Counter(right)).total() / total <= threshold:
        return False
    return 2 * _common_subsequence(left, right) / total > threshold


def common_words(texts: Sequence[str]) -> frozenset[str]:
    """Content words in at least half of `texts`, of two or more: what a leaf's questions share and none is known by."""
    counts = Counter(word for text in texts for word in content_words(text))
    return frozenset(word for word, count in counts.items() if 2 * count >= max(len(texts), 3))


def duplicate(a: str, b: str, common: frozenset[str] = frozenset()) -> bool:
    """Whether two texts say the same: near in wording, and half of their words beyond `common` are shared.

    "How long is the bridge?" and "How wide is the bridge?" share their wording and are not duplicates; nor is a text
    with a word of its own the duplicate of one that has none beyond `common`.
    """
    same = content_words(a) - common == content_words(b) - common
    return same_subject(a, b, common) and near(a, b, SAME_WORDS if same else NEAR_DUPLICATE)


def same_subject(a: str, b: str, common: frozenset[str] = frozenset()) -> bool:
    """Whether two texts share half of their content words beyond `common`: what both are about, form aside."""
    left, right = content_words(a) - common, content_words(b) - common
    return 2 * len(left & right) >= len(left | right)


def leaks(text: str, heldout: Iterable[str], common: frozenset[str] = frozenset()) -> bool:
    """Whether `text` gives a held-out text away: it holds one of five words or more whole, or shares words beyond
    `common` with it and either is near to it in wording or has nearly all of them.
    """
    own, mine = " ".join(words(text)), content_words(text) - common
    for other in heldout:
        said, theirs = words(other), content_words(other) - common
        shared, either = len(mine & theirs), len(mine | theirs)
        if len(said) >= 5 and " ".join(said) in own:
            return True
        if near(text, other) and (shared or not mine or not theirs):
            return True
        if theirs and shared >= 0.8 * either:
            return True
    return False


def names_and_numbers(text: str) -> frozenset[str]:
    """Numbers, and words with a capital that do not start a sentence: what a small model likes to make up."""
    found = re.findall(r"\d+(?:[.,:]\d+)*|(?<![.!?:] )(?<!^)\b[A-Z][^\W\d_]+", text)
    return frozenset(_stem(word.lower()) for word in found if word.lower() not in _STOPWORDS)


def invented(text: str, source: str) -> frozenset[str]:
    """Names and numbers of `text` that do not stand in `source`."""
    return names_and_numbers(text) - {_stem(word) for word in words(source)}


def form_words(texts: Sequence[str]) -> frozenset[str]:
    """Words, function words too, that at least four in five of `texts` use: the form that their author gave them."""
    counts = Counter(word for text in texts for word in set(words(text)))
    return frozenset(word for word, count in counts.items() if len(texts) > 1 and 5 * count >= 4 * len(texts))


def form_kept(text: str, seeds: Sequence[str]) -> float:
    """Share of the `form_words` of `seeds` that `text` uses; 1.0 where they have none."""
    form = form_words(seeds)
    return len(form & set(words(text))) / len(form) if form else 1.0


def support(text: str, source: str) -> float:
    """Share of the content words of `text` that occur in `source`; 1.0 for a text without any."""
    own = content_words(text)
    return len(own & content_words(source)) / len(own) if own else 1.0


def repetition(text: str) -> float:
    """Share of 4-grams of words that occur earlier in the same text."""
    said = words(text)
    grams = [said[at : at + 4] for at in range(len(said) - 3)]
    return 1 - len(set(grams)) / len(grams) if grams else 0.0


def distinct(text: str) -> float:
    """Different content words of a text over all its content words; 1.0 for a text without any."""
    said = [_stem(word.removesuffix("'s")) for word in words(text) if word.removesuffix("'s") not in _STOPWORDS]
    return len(set(said)) / len(said) if said else 1.0


def unanswered(question: str, answer: str) -> str | None:
    """A question for a number, a time or a name needs one in its answer; the reason where there is none."""
    if _FOR_NUMBER.search(question) and not _NUMBER.search(answer):
        return "the question asks for a number, and the answer has none"
    if _FOR_TIME.search(question) and not (_TIME.search(answer) or _NUMBER.search(answer)):
        return "the question asks for a time, and the answer has none"
    if _FOR_NAME.search(question) and not names_and_numbers(answer):
        return "the question asks for a name, and the answer has none"
    return None


def has_control(text: str) -> bool:
    """Whether `text` holds chat-template markers or control characters."""
    return bool(_CONTROL.search(text))


def refuses(text: str) -> bool:
    """Whether a phrase of `text` refuses, apologises, or says that the writer does not know."""
    return bool(_REFUSAL.search(text))


def speaks_of_prompt(text: str) -> bool:
    """Whether `text` speaks of "the passage", "the question above" and the like."""
    return bool(_META.search(text))


def strip_control(text: str) -> str:
    """`text` without chat-template markers and control characters: seed text is data, never structure."""
    return _CONTROL.sub("", text)


def length_bounds(seeds: Sequence[str]) -> tuple[int, int]:
    """Fewest and most words that a text may have next to `seeds`."""
    middle = median(len(words(text)) for text in seeds) if seeds else 20
    return max(1, int(LENGTH_FACTORS[0] * middle)), max(12, int(LENGTH_FACTORS[1] * middle))


def gate_text(text: str, seeds: Sequence[str]) -> str | None:
    """What holds for every generated text: there is one, of a length like the seeds', and it is plain prose."""
    if not words(text):
        return "the teacher wrote nothing"
    if has_control(text):
        return "it contains chat control marks"
    if refuses(text) and not any(refuses(seed) for seed in seeds):
        return "the teacher refused, apologised or said that it does not know"
    if speaks_of_prompt(text) and not any(speaks_of_prompt(seed) for seed in seeds):
        return "it speaks about the prompt, not about the subject"
    low, high = length_bounds(seeds)
    size = len(words(text))
    if not low <= size <= high:
        return f"its length of {size} words is outside {low} to {high}, the range that the seeds suggest"
    if repetition(text) > MAX_REPETITION:
        return "it repeats itself"
    if distinct(text) < min([MIN_DISTINCT, *(distinct(seed) for seed in seeds)]):
        return "it goes round in circles"
    ends = {seed.rstrip()[-1:] for seed in seeds}
    if len(ends) == 1 and ends <= set(".?!") and text.rstrip()[-1:] not in ends:
        return f"it does not end in {ends.pop()!r}, as the seeds do"
    return None


def gate_question(text: str, seeds: Sequence[str]) -> str | None:
    """`gate_text`, and one question where the seeds are single questions."""
    reason = gate_text(text, seeds)
    if reason:
        return reason
    if text.count("?") > max([1, *(seed.count("?") for seed in seeds)]):
        return "it asks more than one question"
    return None


def gate_new(text: str, seen: Sequence[str], seeds: Sequence[str], heldout: Sequence[str]) -> str | None:
    """Whether `text` is new: not a seed, not an earlier sample, and far from everything that is held out."""
    common = common_words([*seeds, *heldout])
    if leaks(text, heldout, common):
        return "it is too close to a held-out seed example"
    if any(duplicate(text, seed, common) for seed in seeds):
        return "it repeats a seed example"
    if any(duplicate(text, other, common) for other in seen):
        return "it repeats an earlier sample"
    return None


def _stem(word: str) -> str:
    for ending, least in (("ies", 5), ("ing", 6), ("ed", 5), ("es", 5), ("s", 4), ("e", 4)):
        if len(word) >= least and word.endswith(ending) and not word.endswith("ss"):
            return word[: -len(ending)] + ("y" if ending == "ies" else "")
    return word


def _common_subsequence(left: Sequence[str], right: Sequence[str]) -> int:
    from rapidfuzz.distance import LCSseq

    return LCSseq.similarity(left, right)
