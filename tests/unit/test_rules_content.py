"""The rules about what a leaf says, beyond each rule's own example. Secrets are put together here, so that no scanner
takes this file for a leak."""

from __future__ import annotations

import time
from collections.abc import Iterable

import pytest

from validators import Finding, LintConfig, fix, lint
from validators.content.secretscan import masked
from validators.examples import KNOWLEDGE, KNOWLEDGE_PATH, SKILL, SKILL_PATH, compose
from validators.limits import TokenLimits
from validators.source import Source

ATTRIBUTION = b"Title of work: Boat names\nLicense of the work: CC0-1.0\nCreator names: Ada Lovelace\n"
B64 = "Zq3vT9LmB7xKc2RnW8yJd5FhG4sPaU6eQ1tYiOoVbNwXzEfHrDkMjCuSlAgIpZ0Y"
SECRETS = {
    "AWS": "AKIA" + "Q3VT7LMB2XKC5RNW",
    "GitHub": "ghp_" + B64[:36],
    "GitHub, fine-grained": "github_pat_" + "11ABCDEFG0" + B64[:12] + "_" + B64[:59],
    "GitLab": "glpat-" + B64[:20],
    "Slack": "xoxb-" + "274619350817-418273650914-" + B64[:24],
    "provider": "sk-" + "proj-" + B64[:44],
    "Google": "AIza" + B64[:35],
    "Hugging Face": "hf_" + "ZqvTLmBxKcRnWyJdFhGsPaUeQtYiOoVbNw",
    "npm": "npm_" + B64[:36],
    "Stripe": "sk_live_" + B64[:24],
    "JWT": "eyJ" + B64[:20] + ".eyJ" + B64[10:40] + "." + B64[:40],
    "private key": "-----BEGIN RSA " + "PRIVATE KEY-----\n      " + B64 + "\n      " + B64[:20] + "==",
}


def files(text: str, path: str = SKILL_PATH, attribution: bytes = ATTRIBUTION) -> dict[str, bytes]:
    return {path: text.encode(), path.rpartition("/")[0] + "/attribution.txt": attribution}


def find(rule: str, tree: dict[str, bytes], config: LintConfig | None = None) -> list[Finding]:
    config = config or LintConfig(select=(rule,))
    return [finding for finding in lint(tree, config=config).findings if finding.rule == rule]


def skill(rule: str, snippet: str, config: LintConfig | None = None) -> list[Finding]:
    return find(rule, files(compose(SKILL, snippet)), config)


def knowledge(rule: str, context: str, question: str, answer: str, config: LintConfig | None = None) -> list[Finding]:
    seed = (
        f"  - context: {context}\n    questions_and_answers:\n      - question: {question}\n        answer: {answer}\n"
    )
    seed += "".join(f"      - question: Is it {n}?\n        answer: It is {n}.\n" for n in ("so", "true"))
    return find(rule, files(compose(KNOWLEDGE, seed), KNOWLEDGE_PATH), config)


def says(rule: str, said: str) -> bool:
    """Whether an answer with these words breaks the rule."""
    return bool(skill(rule, f"  - question: Name a boat.\n    answer: |\n      {said}\n"))


def shown(finding: Finding, text: str) -> str:
    """What the finding's place selects."""
    source = Source(text)
    start = source.start_of(finding.line) + finding.column - 1
    return text[start : source.start_of(finding.end_line) + finding.end_column - 1]


# secrets


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_found_selected_and_never_shown(name: str) -> None:
    secret = SECRETS[name]
    text = compose(SKILL, f"  - question: How do I sign in?\n    answer: |\n      Use {secret} now.\n")
    (finding,) = lint(files(text), config=LintConfig(select=("leaked-secret",))).findings
    assert shown(finding, text) == secret
    tail = secret.replace("\n", "").replace(" ", "")[-12:]
    assert tail not in finding.message + finding.help
    assert finding.level == "error"
    assert finding.fix is None
    assert tail not in masked(text)
    assert masked(text).startswith(text[:40])


@pytest.mark.parametrize(
    "said",
    [
        "AKIA" + "IOSFODNN7EXAMPLE",
        "ghp_" + "x" * 36,
        "postgresql://user:password@db.harbour.net/boats",
        "postgresql://scott:tiger5@localhost/boats",
        "Set api_key = your-own-key-goes-here-please.",
        "task-list-of-the-harbour-with-many-hyphens-in-a-row",
        "password: the one that you chose when you signed up",
        "-----BEGIN PRIVATE " + "KEY----- and so on",
    ],
)
def test_samples_and_prose_are_no_secrets(said: str) -> None:
    assert not says("leaked-secret", said)


def test_a_password_in_an_address_is_masked_as_a_whole() -> None:
    secret = "Tr0ub4dor&" + "3x"
    text = compose(SKILL, f"  - question: Where?\n    answer: At ftp://mira:{secret}@files.harbour.net/boats.\n")
    (finding,) = find("leaked-secret", files(text))
    assert shown(finding, text) == secret
    assert "Tr0u" not in finding.message
    assert masked(text) == text.replace(secret, "…")


def test_a_secret_in_the_attribution_and_behind_escapes() -> None:
    token = SECRETS["GitHub"]
    (finding,) = find("leaked-secret", files(SKILL, attribution=f"Link to work: {token}\n".encode()))
    assert (finding.path.rpartition("/")[2], finding.line, finding.column) == ("attribution.txt", 1, 15)
    hidden = token.replace("_", "\\x5f")
    assert len(skill("leaked-secret", f'  - question: "Is it {hidden}?"\n    answer: Yes.\n')) == 1


@pytest.mark.parametrize(
    "snippet",
    [
        "created_by: {}\n",
        "  - question: 'Use it'\n    answer: Use it #{}\n",
        "  - context: A boat.\n    question: Which?\n    answer: It is {}.\n",
    ],
)
def test_no_other_rule_of_these_shows_a_secret(snippet: str) -> None:
    secret = SECRETS["AWS"]
    groups = ("content", "seeds", "yaml-values", "safety")
    report = lint(files(compose(SKILL, snippet.format(secret))), config=LintConfig(select=groups))
    assert "leaked-secret" in {finding.rule for finding in report.findings}
    assert not [finding for finding in report.findings if secret[4:] in finding.message + finding.help]


# persons


@pytest.mark.parametrize(
    ("rule", "said", "selected"),
    [
        ("email-address", "Ask mira.q@tarnmail.net, please.", "mira.q@tarnmail.net"),
        ("phone-number", "Call +44 (0)1632 960983 today.", "+44 (0)1632 960983"),
        ("phone-number", "Call (212) 736-5000 today.", "(212) 736-5000"),
        ("personal-number", "Her number is 219-08-7345.", "219-08-7345"),
        ("personal-number", "Pay into DE12 5001 0517 0648 4898 90.", "DE12 5001 0517 0648 4898 90"),
    ],
)
def test_what_belongs_to_a_person(rule: str, said: str, selected: str) -> None:
    text = compose(SKILL, f"  - question: Whom do I ask?\n    answer: |\n      {said}\n")
    (finding,) = find(rule, files(text))
    assert shown(finding, text) == selected
    assert finding.level == "warning"


@pytest.mark.parametrize(
    "said",
    [
        "Ask name@example.com or jane.doe@harbour.net or root@localhost.",
        "Clone git@github.com:boats/names.git and use requests@2.31.0.",
        "Call 555-0143, 1-800-777-0133 or 123-456-7890.",
        "Pay with 4111 1111 1111 1111 or 378282246310005; my number is 123-45-6789.",
        "Pi is 3.141592653589793 and e is 2.71828182845905.",
        "From 1997 - 2004 the build 1.19.13-4.1697647145 ran at 172.30.214.182 since 2022-10-12 09:30.",
        "The account DE89 3704 0044 0532 0130 00 is a sample; GB00 0000 1111 2222 3333 44 is wrong.",
        "The range (82.35-100.00) holds 40,000,000 to 90,000,000.",
    ],
)
def test_samples_dates_and_measures_belong_to_nobody(said: str) -> None:
    assert not any(says(rule, said) for rule in ("email-address", "phone-number", "personal-number"))


def test_an_address_as_author_has_a_rule_of_its_own() -> None:
    text = compose(SKILL, "created_by: ada@harbour.net\n")
    assert not find("email-address", files(text))
    (finding,) = find("created-by-login", files(text))
    assert finding.message == "'ada@harbour.net' is an e-mail address, not a GitHub login"
    assert shown(finding, text) == "ada@harbour.net"


# characters


@pytest.mark.parametrize(
    ("rule", "said", "mended"),
    [
        ("bidi-character", "a\u2066b\u2069c", "abc"),
        ("invisible-character", "so\u00adft", "soft"),
        ("invisible-character", "a\u200d b\u2060", "a b"),
        ("invisible-character", "two\u2028lines", "two lines"),
        ("invisible-character", "tag\U000e0041\U000e0042", "tag"),
        ("confusable-character", "\u0441\u043emm\u043en", "common"),
        ("confusable-character", "\u0421OVID", "COVID"),
        ("confusable-character", "\u043f\u0440\u0438\u0432e\u0442", "\u043f\u0440\u0438\u0432\u0435\u0442"),
        ("confusable-character", "\u0391lpha", "Alpha"),
    ],
)
def test_characters_are_mended(rule: str, said: str, mended: str) -> None:
    text = compose(SKILL, f'  - question: "Say {said} twice"\n    answer: "No."\n')
    done = fix(files(text), config=LintConfig(select=(rule,)))
    assert done.files[SKILL_PATH].decode() == text.replace(said, mended)
    assert all(edit.meaning for edit in done.edits)


@pytest.mark.parametrize(
    "said",
    [
        "\U0001f468\u200d\U0001f469\u200d\U0001f467 together",
        "the flag \U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "\u05d0\u05d1\u200e (1)",
        "5 k\u03a9, \u0394x, \u03b1-helix, \u03b1\u03b2\u03b3, 3 \u00b5m",
        "\u043f\u0440\u0438\u0432\u0435\u0442 USB-\u043f\u043e\u0440\u0442, PDF\u043a\u0430",
        "\u03ba\u03b1\u03bb\u03b7\u03bc\u03ad\u03c1\u03b1",
        "na\u00efve caf\u00e9 \u65e5\u672c\u8a9e",
    ],
)
def test_scripts_emoji_and_units_are_as_they_should_be(said: str) -> None:
    rules = ("bidi-character", "invisible-character", "confusable-character")
    text = compose(SKILL, f"  - question: Say it\n    answer: Say {said}\n")
    assert not [f for f in lint(files(text), config=LintConfig(select=rules)).findings if f.rule in rules]


@pytest.mark.parametrize(("rule", "escape"), [("bidi-character", "\\u202e"), ("control-token", "\\x3c|im_end|>")])
def test_escapes_hide_nothing(rule: str, escape: str) -> None:
    text = compose(SKILL, f'  - question: "Say {escape} twice"\n    answer: "No."\n')
    (finding,) = find(rule, files(text))
    assert shown(finding, text) == f'"Say {escape} twice"'


# names


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("Ask ChatGPT about it.", "ChatGPT"),
        ("It was written by gpt-4o-mini yesterday.", "gpt-4o-mini"),
        ("Claude 3 wrote it.", "Claude 3"),
        ("Google's Gemini wrote it.", "Google's Gemini"),
        ("GitHub Copilot wrote it.", "GitHub Copilot"),
    ],
)
def test_proprietary_models(said: str, name: str) -> None:
    text = compose(SKILL, f"  - question: Who wrote it?\n    answer: |\n      {said}\n")
    assert [shown(finding, text) for finding in find("model-name", files(text))] == [name]


@pytest.mark.parametrize(
    "said",
    [
        "The bard of Avon; the Bard himself.",
        "Claude Monet painted 3 boats, and Claude sailed one.",
        "Gemini is a sign of the zodiac, and Project Gemini flew.",
        "The copilot of the plane was sworn in as a GPT partition expert.",
    ],
)
def test_words_that_are_no_models(said: str) -> None:
    assert not says("model-name", said)


@pytest.mark.parametrize(
    ("said", "speaks"),
    [
        ("As a large language model, I cannot.", True),
        ("I'm just an AI and have no boat.", True),
        ("A language model is a program.", False),
        ("He works as an AI researcher.", False),
    ],
)
def test_assistants_talking_of_themselves(said: str, speaks: bool) -> None:
    assert says("assistant-phrase", said) == speaks


# seed examples


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Where did the regatta of 1911 take place?", "Where did regatta of 1911 take place", True),
        ("Please name the tallest lighthouse for me", "Can you name the tallest lighthouses?", True),
        ("Who sailed from Oxmouth to Heatherby?", "Who sailed from Heatherby to Oxmouth?", False),
        ("Show me the chord of G minor", "Show me the chord of G# minor", False),
        ("What is the code for letter a?", "What is the code for letter i?", False),
        ("What are common English homonyms here?", "What are common English homophones here?", False),
        ("How many boats sailed in 1911 from Oxmouth?", "How many boats sailed in 1912 from Oxmouth?", False),
    ],
)
def test_near_duplicates(one: str, other: str, same: bool) -> None:
    seeds = "".join(f"  - question: '{asked}'\n    answer: It is {n}.\n" for n, asked in enumerate((one, other)))
    text = SKILL[: SKILL.index("seed_examples")] + "seed_examples:\n" + seeds
    findings = find("seed-near-duplicate", files(text))
    assert [finding.line for finding in findings] == ([7] if same else [])
    if same:
        assert findings[0].message == "this asks the same as the question on line 5"


def test_the_same_question_about_other_contexts_is_no_duplicate_but_a_template() -> None:
    seeds = "".join(
        f"  - context: Boat {name} is for sale.\n    question: Which boat is meant?\n    answer: {name}\n"
        for name in ("Letterbird", "Patience", "Quillrest", "Woolgather", "Lantern Line")
    )
    text = SKILL[: SKILL.index("seed_examples")] + "seed_examples:\n" + seeds
    assert not find("seed-near-duplicate", files(text))
    (finding,) = find("seed-one-template", files(text))
    assert (finding.level, shown(finding, text)) == ("hint", "seed_examples")


@pytest.mark.parametrize(
    ("asked", "follows"),
    [
        ("Why is that?", True),
        ("Continue", True),
        ("Thanks! Now translate it into French.", True),
        ("Can you explain that in simpler words?", True),
        ("What did you mean by the second option?", True),
        ("Why is the sky blue?", False),
        ("Translate this to French: hello", False),
        ("What is love?", False),
        ("Tell me a joke about the last ferry", False),
    ],
)
def test_follow_ups(asked: str, follows: bool) -> None:
    assert bool(skill("seed-chat", f"  - question: '{asked}'\n    answer: It is.\n")) == follows


@pytest.mark.parametrize(("answer", "empty"), [("...", True), ("?", True), ("+", False), ("\U0001f600", False)])
def test_answers_without_content(answer: str, empty: bool) -> None:
    assert bool(skill("answer-is-question", f"  - question: Well?\n    answer: '{answer}'\n")) == empty


# lengths


def test_the_tokenizer_counts_and_is_not_asked_about_short_texts() -> None:
    asked: list[str] = []

    def tokens(text: str) -> int:
        asked.append(text)
        return len(text.split())

    limits = TokenLimits(context=100, question=100, answer=10, seed=1000)
    config = LintConfig(select=("lengths",), tokens=tokens, token_limits=limits)
    (finding,) = knowledge("answer-length", "A boat.", "Which?", "boat " * 11, config)
    assert finding.message == "this answer has 11 tokens, at most 10 fit"
    assert "A boat." not in asked


def test_without_a_tokenizer_the_count_is_an_estimate() -> None:
    (finding,) = knowledge("context-length", "boat " * 500, "Which?", "A boat.")
    assert finding.message == "this context has about 625 tokens, at most 500 fit"


# support


@pytest.mark.parametrize(
    ("context", "answer", "missing"),
    [
        ("It was lit in 1837.", "It was lit in 1838.", "1838"),
        ("It holds 1,200 litres.", "It holds 1200 litres.", None),
        ("It holds 1.5 million litres.", "It holds 1,500,000 litres.", None),
        ("It holds twenty-one barrels.", "It holds 21 barrels.", None),
        ("Forty boats sailed.", "40 boats sailed.", None),
        ("It was built in 1837 and burned in 1850.", "It stood for 13 years.", None),
        ("It lies 5 miles off the shore.", "It lies 5 km off the shore.", "5"),
        ("It lies 5 miles off the shore.", "It lies 5 miles off the shore.", None),
        ("There are boats, rafts and rowers.", "There are 3 kinds.", None),
        ("Mira keeps the light.", "It is kept by Mira's sister Oswina.", "Oswina"),
        ("The Metropolitan Transit Authority runs it.", "It is run by the MTA.", None),
        ("The MTA runs it.", "It is run by the Metropolitan Transit Authority.", None),
        ("The Americans came.", "They came from America.", None),
        ("They come in April.", "They come in May or in September.", "September"),
        ("They came on 2021-09-14.", "They came in September 2021.", None),
    ],
)
def test_support(context: str, answer: str, missing: str | None) -> None:
    seed = f"  - context: {context}\n    questions_and_answers:\n      - question: Which?\n        answer: {answer}\n"
    text = compose(KNOWLEDGE, seed)
    findings = find("answer-unsupported", files(text, KNOWLEDGE_PATH))
    assert [shown(finding, text) for finding in findings] == ([missing] if missing else [])


def test_the_place_in_a_folded_text_is_exact() -> None:
    answer = "\n".join(" " * 10 + line for line in ("2) It was lit in 1837, and 12", "boats of Oswina", "Quill came."))
    seed = (
        "  - context: It was lit in 1837.\n    questions_and_answers:\n      - question: Which?\n        answer: >2\n"
    )
    text = compose(KNOWLEDGE, seed + answer + "\n")
    (finding,) = find("answer-unsupported", files(text, KNOWLEDGE_PATH))
    assert shown(finding, text) == "Oswina"
    assert finding.message == "'Oswina' and 'Quill' stand in neither the context nor the question"


def test_a_skill_may_reckon_and_invent_but_not_move_a_year() -> None:
    start = "  - context: The rent is 30 a month since June 2016.\n    question: And now?\n    answer: "
    assert not skill("answer-unsupported", start + "Mr Quill pays 7777 in Oxmouth.\n")
    assert len(skill("answer-unsupported", start + "It is 30 since June 2026.\n")) == 1


# YAML 1.1


@pytest.mark.parametrize(
    ("rule", "snippet", "before", "after"),
    [
        ("yaml-surprise", "version: 0x3\n", "version: 0x3\n", "version: 3\n"),
        (
            "text-cut-by-comment",
            "  - question: Name berth #7\n    answer: Quillrest\n",
            "question: Name berth #7\n",
            'question: "Name berth #7"\n',
        ),
        (
            "literal-escape",
            "  - question: Name two\n    answer: 'It''s A\\nB \"C\"'\n",
            "answer: 'It''s A\\nB \"C\"'\n",
            'answer: "It\'s A\\nB \\"C\\""\n',
        ),
        (
            "literal-escape",
            '  - question: Name two\n    answer: "A\\\\nB"\n',
            'answer: "A\\\\nB"\n',
            'answer: "A\\nB"\n',
        ),
    ],
)
def test_values_that_yaml_reads_otherwise(rule: str, snippet: str, before: str, after: str) -> None:
    text = compose(SKILL, snippet)
    done = fix(files(text), config=LintConfig(select=(rule,)))
    assert done.files[SKILL_PATH].decode() == text.replace(before, after)
    assert [edit.rule for edit in done.edits] == [rule]
    assert done.edits[0].meaning


@pytest.mark.parametrize(
    ("rule", "answer"),
    [
        ("text-cut-by-comment", "Quillrest # my favourite"),
        ("text-cut-by-comment", "'Berth #7'"),
        ("literal-escape", "Write $\\nabla f \\neq 0$"),
        ("literal-escape", 'Write `printf("hello\\n")` in C'),
        ("literal-escape", "Open C:\\new\\notes"),
        ("lost-line-breaks", "|\n      - a boat\n      - a raft\n      - a tug"),
        ("lost-line-breaks", ">\n      It is 5\n      - 3 boats."),
        ("lost-line-breaks", ">\n      List:\n\n        - a boat\n        - a raft"),
    ],
)
def test_comments_code_and_lists_that_are_meant(rule: str, answer: str) -> None:
    assert not skill(rule, f"  - question: What now?\n    answer: {answer}\n")


def test_the_schema_speaks_where_a_type_is_wrong() -> None:
    assert not skill("yaml-surprise", "  - question: Is it?\n    answer: no\n")


# who made it


@pytest.mark.parametrize(
    ("written", "author", "mended"),
    [
        ('"@ada"', "", "ada"),
        ("https://github.com/ada/", "", "ada"),
        ('" ada "', "", "ada"),
        ("github.com/1837", "", '"1837"'),
        ("Ada Lovelace", "ada-l", "ada-l"),
        ("ada@harbour.net", "ada-l", "ada-l"),
        ("Ada Lovelace", "", None),
    ],
)
def test_logins_are_set_right(written: str, author: str, mended: str | None) -> None:
    text = compose(SKILL, f"created_by: {written}\n")
    done = fix(files(text), config=LintConfig(select=("created-by-login",), author=author))
    assert f"created_by: {mended or written}\n" in done.files[SKILL_PATH].decode()
    assert bool(done.remaining.findings) == (mended is None)


def test_another_login_than_the_authors_is_a_hint() -> None:
    author = LintConfig(select=("created-by-author",), author="Ada-Lovelace")
    assert not find("created-by-author", files(SKILL), author)
    (finding,) = find("created-by-author", files(compose(SKILL, "created_by: babbage\n")), author)
    assert finding.level == "hint"


# hostile input


def hostile() -> Iterable[tuple[str, str]]:
    units = (
        "a@a.aa ", "eyJ", "eyJaaaaaaaaa.", "://a:bcd@x ", "1-", "12 34 56 78 9x ", "as an AI large ", "I am an ", "<|",
        "\u202e", "a\u0441d ", "sk-", "_key=", "one hundred and ", "Word of the ", "5 miles ", "1,000,", "\\nA ", "AI ",
    )  # fmt: skip
    for unit in units:
        yield unit, SKILL + f"  - question: What now?\n    answer: '{unit * (200_000 // len(unit.encode()))}'\n"
    yield "seeds", SKILL + "".join(f"  - question: is a{n} b c d e f g\n    answer: b{n}\n" for n in range(4000))
    yield "comments", SKILL + "  - question: a #b\n    answer: c #d\n" * 6000


@pytest.mark.parametrize(("name", "text"), list(hostile()), ids=[name for name, _ in hostile()])
def test_hostile_texts_cost_little(name: str, text: str) -> None:
    groups = ("content", "seeds", "lengths", "safety", "personal", "characters", "yaml-values")
    start = time.process_time()
    lint(files(text), config=LintConfig(select=groups))
    assert time.process_time() - start < 3  # a second on a slow machine; what grows with the square takes minutes
