"""Where the tokenizer of the configured teacher lies, if it is on this disk already. Nothing is fetched."""

from __future__ import annotations

from pathlib import Path

from pipeline.models import DEFAULT_MODEL, cache_root

_FILE = "tokenizer.json"


def tokenizer_file(model: str, cache: Path | None = None) -> Path | None:
    """The teacher's `tokenizer.json`, None where it is not here. `model` and `cache` as `pipeline.models.resolve`."""
    if model.lower() == DEFAULT_MODEL:
        made = sorted(((cache or cache_root()) / "models").glob(f"{DEFAULT_MODEL}-*/{_FILE}"))
        return made[-1] if made else None
    folder = Path(model).expanduser()
    if (folder / _FILE).is_file():
        return (folder / _FILE).resolve()
    return _from_hub_cache(model)


def _from_hub_cache(model: str) -> Path | None:
    try:
        from huggingface_hub import try_to_load_from_cache
    except ImportError:
        return None
    name, _, revision = model.partition("@")
    try:
        found = try_to_load_from_cache(name, _FILE, revision=revision or None)
    except ValueError:  # no name that the hub knows
        return None
    return Path(found) if isinstance(found, str) else None
