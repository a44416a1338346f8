"""A byte-level BPE tokenizer as the metadata that llama.cpp reads: tokens, merges, markers, chat template."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.publishing.gguf.tensors import GgufError

# How a text is cut before merges apply, by llama.cpp's names (its convert_hf_to_gguf.py, get_vocab_base_pre).
_LLAMA3 = (
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*"
    "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
)
_MARKERS = {"bos_token": "bos", "eos_token": "eos", "unk_token": "unk", "pad_token": "pad"}


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """`types`: of each token, as `gguf.TokenType`. `markers`: token id by "bos", "eos", "unk", "pad". `adds_bos`: the
    tokenizer puts one before every text by itself."""

    pre: str
    tokens: tuple[str, ...]
    types: tuple[int, ...]
    merges: tuple[str, ...]
    markers: Mapping[str, int]
    adds_bos: bool
    chat_template: str


def read_vocabulary(model: Path, size: int) -> Vocabulary:
    """The tokenizer of a model folder, filled up to `size` tokens with unused ones. Raises `GgufError`."""
    data = json.loads((model / "tokenizer.json").read_text(encoding="utf-8"))
    if data["model"].get("type") != "BPE" or data["model"].get("byte_fallback"):
        raise GgufError("its tokenizer is no byte-level BPE; name llama.cpp's converter in the setting gguf_converter")
    tokens, types = _tokens(data, size)
    settings = json.loads((model / "tokenizer_config.json").read_text(encoding="utf-8"))
    ids = {token: number for number, token in enumerate(tokens)}
    markers = {
        short: ids[text]
        for name, short in _MARKERS.items()
        if (text := _text(settings.get(name))) is not None and text in ids
    }
    return Vocabulary(
        pre=pre_tokenizer(data.get("pre_tokenizer")),
        tokens=tokens,
        types=types,
        merges=tuple(merge if isinstance(merge, str) else " ".join(merge) for merge in data["model"]["merges"]),
        markers=markers,
        adds_bos=_adds_bos(model, markers.get("bos")),
        chat_template=chat_template(model, settings),
    )


def pre_tokenizer(described: Mapping[str, Any] | None) -> str:
    """llama.cpp's name for a `pre_tokenizer` of tokenizer.json. Raises `GgufError` for one that it has no name for.

    SmolLM2's own tells each digit apart (`smollm`); as `transformers` reads it from a GGUF file, it does not (`gpt-2`).
    The name follows what the model was trained and judged with.
    """
    steps = (described or {}).get("pretokenizers", [described] if described else [])
    kinds = [step["type"] for step in steps]
    if kinds == ["ByteLevel"] and steps[0].get("use_regex", True):
        return "gpt-2"
    if kinds == ["Digits", "ByteLevel"] and steps[0].get("individual_digits") and steps[1].get("use_regex", True):
        return "smollm"
    if kinds == ["Split", "ByteLevel"] and steps[0]["pattern"].get("Regex") == _LLAMA3:
        return "llama-bpe"
    raise GgufError(
        f"its tokenizer cuts texts in a way that this writer has no name for ({' then '.join(kinds) or 'none'}); name "
        "llama.cpp's convert_hf_to_gguf.py in the setting gguf_converter"
    )


def chat_template(model: Path, settings: Mapping[str, Any]) -> str:
    """The template of `chat_template.jinja`, else of tokenizer_config.json. Raises `GgufError` where there is none."""
    beside = model / "chat_template.jinja"
    text = beside.read_text(encoding="utf-8") if beside.is_file() else settings.get("chat_template")
    if not isinstance(text, str) or not text:
        raise GgufError(f"{model} has no chat template, so nothing could talk with the model")
    return text


def _tokens(data: Mapping[str, Any], size: int) -> tuple[tuple[str, ...], tuple[int, ...]]:
    from gguf import TokenType

    table: dict[int, str] = {number: token for token, number in data["model"]["vocab"].items()}
    added = {entry["id"]: entry for entry in data["added_tokens"]}
    table |= {number: entry["content"] for number, entry in added.items()}
    if max(table) >= size:
        raise GgufError(f"its tokenizer has {max(table) + 1} tokens, and its embeddings have {size} rows")
    tokens = tuple(table.get(number, f"[PAD{number}]") for number in range(size))
    types = [TokenType.NORMAL if number in table else TokenType.UNUSED for number in range(size)]
    for number, entry in added.items():
        types[number] = TokenType.CONTROL if entry["special"] else TokenType.USER_DEFINED
    return tokens, tuple(int(kind) for kind in types)


def _text(token: object) -> str | None:
    """A marker in tokenizer_config.json: a text, or an object that holds it."""
    found = token.get("content") if isinstance(token, dict) else token
    return found if isinstance(found, str) else None


def _adds_bos(model: Path, bos: int | None) -> bool:
    from tokenizers import Tokenizer

    ids = Tokenizer.from_file(str(model / "tokenizer.json")).encode("a").ids
    return bos is not None and ids[:1] == [bos]
