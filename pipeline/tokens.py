"""How many tokens of a teacher a text has, counted without loading the teacher."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

CHARACTERS_PER_TOKEN = 4


def token_counter(tokenizer: Path | None) -> Callable[[str], int]:
    """A function that counts the tokens of a text, without the special ones around it.

    `tokenizer`: the model's `tokenizer.json`; None: a quarter of the characters, rounded up. Raises `ValueError` where
    the file is missing or is no tokenizer.
    """
    return estimate if tokenizer is None else _loaded(tokenizer.resolve())


def estimate(text: str) -> int:
    """A quarter of the characters, rounded up: about what English text has in tokens of a common vocabulary."""
    return -(-len(text) // CHARACTERS_PER_TOKEN)


@lru_cache(maxsize=8)
def _loaded(path: Path) -> Callable[[str], int]:
    try:
        from tokenizers import Tokenizer
    except ModuleNotFoundError as error:
        raise ValueError("tokens of this teacher are counted by `tokenizers`: pip install 'seedbed[train]'") from error
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises plain `Exception` for whatever is wrong with a file
        raise ValueError(f"{path} is no tokenizer that can be read: {error}") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()

    def count(text: str) -> int:
        return len(tokenizer.encode(text, add_special_tokens=False))

    return count
