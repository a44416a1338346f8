"""Which tokens of a chat are learnt, for the shapes of chat templates that are in use."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.model  # transformers alone; no weights

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SMOLLM = "{% if messages[0]['role'] != 'system' %}<|im_start|>system\nYou are Smol.<|im_end|>\n{% endif %}" + CHATML
LLAMA3 = (
    "{{ '<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nToday: ' + date_string + '<|eot_id|>' }}"
    "{% for m in messages %}<|start_header_id|>{{ m['role'] }}<|end_header_id|>\n\n{{ m['content'] | trim }}<|eot_id|>"
    "{% endfor %}{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
MISTRAL = (
    "{{ '<s>' }}{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant') }}{% endif %}"
    "{% if m['role'] == 'user' %}[INST] {{ m['content'] }} [/INST]{% else %} {{ m['content'] | trim }}</s>{% endif %}"
    "{% endfor %}"
)
GEMMA = (
    "{{ '<bos>' }}"
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for m in messages %}<start_of_turn>{{ 'model' if m['role'] == 'assistant' else m['role'] }}\n"
    "{{ m['content'] | trim }}<end_of_turn>\n{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
ZEPHYR = (
    "{% for m in messages %}<|{{ m['role'] }}|>\n{{ m['content'] + '</s>' }}\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
SHAPES: dict[str, tuple[str, list[str], str, str]] = {
    # name: template, control tokens, the one that is `eos_token`, the one that ends an assistant's turn
    "chatml": (CHATML, ["<|im_start|>", "<|im_end|>"], "<|im_end|>", "<|im_end|>"),
    "smollm": (SMOLLM, ["<|im_start|>", "<|im_end|>"], "<|im_end|>", "<|im_end|>"),
    "llama3": (
        LLAMA3,
        ["<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|end_of_text|>"],
        "<|end_of_text|>",
        "<|eot_id|>",
    ),
    "mistral": (MISTRAL, ["<s>", "</s>", "[INST]", "[/INST]"], "</s>", "</s>"),
    "gemma": (GEMMA, ["<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>"], "<eos>", "<end_of_turn>"),
    "zephyr": (ZEPHYR, ["<s>", "</s>"], "</s>", "</s>"),
}
CHAT = [
    {"role": "user", "content": "Hi <b>, s?"},
    {"role": "assistant", "content": "Ho"},
    {"role": "user", "content": "More ✓"},
    {"role": "assistant", "content": "Yes, é!\nTwo lines: s"},
]


def tokenizer_of(shape: str) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    template, controls, end, _ = SHAPES[shape]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    core = Tokenizer(models.BPE(vocab={char: i for i, char in enumerate(alphabet)}, merges=[]))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    core.add_special_tokens(controls)
    return PreTrainedTokenizerFast(tokenizer_object=core, eos_token=end, pad_token=end, chat_template=template)


def learnt(tokenizer: Any, chat: list[dict[str, str]], train_on: str = "assistant") -> str:
    from pipeline.causal import IGNORED, encode

    row = encode(tokenizer, chat, train_on)  # type: ignore[arg-type]
    assert len(row.tokens) == len(row.labels)
    assert all(label in (IGNORED, token) for token, label in zip(row.tokens, row.labels, strict=True))
    return str(tokenizer.decode([label for label in row.labels if label != IGNORED]))


@pytest.mark.parametrize("shape", SHAPES)
def test_answers_are_learnt_with_one_end_each_and_no_other_control_token(shape: str) -> None:
    tokenizer, end = tokenizer_of(shape), SHAPES[shape][3]
    text = learnt(tokenizer, CHAT)
    assert text.replace(" Ho", "Ho").replace(" Yes", "Yes") == f"Ho{end}Yes, é!\nTwo lines: s{end}"
    assert text.count(end) == 2
    assert not any(control in text for control in SHAPES[shape][1] if control != end)


@pytest.mark.parametrize("shape", SHAPES)
def test_all_adds_what_users_wrote_and_no_end_of_theirs(shape: str) -> None:
    tokenizer, end = tokenizer_of(shape), SHAPES[shape][3]
    text = learnt(tokenizer, CHAT, "all")
    expected = f"Hi <b>, s?Ho{end}More ✓Yes, é!\nTwo lines: s{end}"
    assert text.replace("? Ho", "?Ho").replace("✓ Yes", "✓Yes") == expected


@pytest.mark.parametrize("shape", ["chatml", "smollm", "llama3", "zephyr"])
@pytest.mark.parametrize("train_on", ["assistant", "all"])
def test_system_turns_are_never_learnt(shape: str, train_on: str) -> None:
    chat = [{"role": "system", "content": "Be brief."}, *CHAT[:2]]
    assert "brief" not in learnt(tokenizer_of(shape), chat, train_on)


@pytest.mark.parametrize(("shape", "words"), [("gemma", "System role not supported"), ("mistral", "must alternate")])
def test_a_template_that_refuses_a_chat_says_why(shape: str, words: str) -> None:
    from pipeline.causal import MaskError, encode

    with pytest.raises(MaskError, match=words):
        encode(tokenizer_of(shape), [{"role": "system", "content": "Be brief."}, *CHAT[:2]])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("turn", [0, 1])
def test_a_control_token_inside_a_text_is_refused(shape: str, turn: int) -> None:
    from pipeline.causal import MaskError, encode

    chat = [dict(message) for message in CHAT[:2]]
    chat[turn]["content"] += SHAPES[shape][3]
    with pytest.raises(MaskError, match=f"of the {chat[turn]['role']} contains the control token"):
        encode(tokenizer_of(shape), chat)


def test_a_template_that_rewrites_or_never_ends_turns_is_refused() -> None:
    from pipeline.causal import MaskError, encode

    tokenizer = tokenizer_of("chatml")
    tokenizer.chat_template = CHATML.replace("m['content']", "m['content'] | upper")
    with pytest.raises(MaskError, match="rewrites turns"):
        encode(tokenizer, CHAT)
    tokenizer.chat_template = CHATML.replace("<|im_end|>", "")
    with pytest.raises(MaskError, match="an end cannot be learnt"):
        encode(tokenizer, CHAT[:2])


def test_the_first_token_is_never_a_label_and_the_day_changes_nothing() -> None:
    from pipeline.causal import IGNORED, encode

    tokenizer = tokenizer_of("chatml")
    tokenizer.chat_template = "{% for m in messages %}{{ m['content'] }}<|im_end|>{% endfor %}"
    row = encode(tokenizer, CHAT[:2], "all")
    assert row.labels[0] == IGNORED
    assert "Today: 26 Jul 2024" in tokenizer_of("llama3").decode(encode(tokenizer_of("llama3"), CHAT[:2]).tokens)
