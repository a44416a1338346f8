"""The dataset card: `README.md` with the metadata that the Hugging Face hub reads, and `LICENSE.md` with every licence.

Metadata after the hub's own description (huggingface/hub-docs, datasetcard.md and repositories-licenses.md).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from pipeline.card import cell, code
from pipeline.exporting import instructlab, parquet
from pipeline.exporting.inventory import Inventory, take_stock
from pipeline.leafdata import LeafDataset

TEMPLATES = {name: Path(__file__).with_name(f"{name}.jinja") for name in ("README.md", "LICENSE.md")}
_HUB_LICENCES = frozenset(
    (
        *("apache-2.0", "mit", "artistic-2.0", "bsl-1.0", "bsd-2-clause", "bsd-3-clause", "cc0-1.0", "cc-by-2.0"),
        *("cc-by-2.5", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0", "cc-by-nc-2.0", "cc-by-nc-3.0"),
        *("cc-by-nc-4.0", "cc-by-nd-4.0", "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0", "cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0"),
        *("cc-by-nc-sa-4.0", "cdla-sharing-1.0", "cdla-permissive-1.0", "cdla-permissive-2.0", "wtfpl", "epl-2.0"),
        *("etalab-2.0", "agpl-3.0", "gfdl", "gpl-2.0", "gpl-3.0", "isc", "lgpl-2.1", "lgpl-3.0", "mpl-2.0", "odc-by"),
        *("odbl", "ofl-1.1", "unlicense", "zlib", "pddl"),
    )
)
_FAMILIES = ("gfdl", "odbl", "odc-by", "pddl")  # the hub names these without their version
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_CONFIGS = {
    f"{parquet.FOLDER}/{parquet.SAMPLES}": ("default", "train"),
    f"{parquet.FOLDER}/{parquet.CHOICES}": ("choices", "test"),
    f"{parquet.FOLDER}/{parquet.REJECTED}": ("rejected", "train"),
    f"{instructlab.FOLDER}/{instructlab.SKILLS}": ("instructlab_skills", "train"),
    f"{instructlab.FOLDER}/{instructlab.PHASE_07}": ("instructlab_p07", "train"),
    f"{instructlab.FOLDER}/{instructlab.PHASE_10}": ("instructlab_p10", "train"),
}


def write(datasets: Collection[LeafDataset], folder: Path, files: Mapping[str, int]) -> dict[str, int]:
    """Write `README.md` and `LICENSE.md` for the `files` that `folder` holds (rows by path). Raises `OSError`."""
    inventory = take_stock(datasets)
    for name in TEMPLATES:
        (folder / name).write_text(render(name, inventory, files), encoding="utf-8", errors="backslashreplace")
    return dict.fromkeys(TEMPLATES, 1)


def render(name: str, inventory: Inventory, files: Mapping[str, int]) -> str:
    """One of `TEMPLATES` filled in. Contributors' texts stand in cells without markup, or in backticks."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - Markdown; the filters below keep texts in their places
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"cell": cell, "code": code, "place": _place}
    template = environment.from_string(TEMPLATES[name].read_text(encoding="utf-8"))
    return template.render(
        metadata=metadata(inventory, files),
        stock=inventory,
        files=dict(sorted(files.items())),
        percent="{:.0%}".format,
        number="{:.2f}".format,
    )


def _place(text: str) -> str:
    """A text in backticks that ends neither them nor its cell."""
    return f"`{code(' '.join(text.split())).replace('|', chr(92) + '|')}`"


def metadata(inventory: Inventory, files: Mapping[str, int]) -> str:
    """The front matter as YAML."""
    import yaml

    rows = inventory.kept
    found: dict[str, Any] = {
        **hub_licence(inventory),
        "pretty_name": "Samples grown from a taxonomy",
        "tags": ["seedbed", "synthetic"],
        "task_categories": ["question-answering", "text-generation"],
        "annotations_creators": ["crowdsourced", "machine-generated"],
        "language_creators": ["machine-generated"],
        "source_datasets": ["original"],
        "size_categories": [next((name for limit, name in _SIZES if rows < limit), "1M<n<10M")],
    }
    configs = [
        {"config_name": name, "data_files": [{"split": split, "path": path}]}
        for path, (name, split) in _CONFIGS.items()
        if path in files
    ]
    return str(yaml.safe_dump(found | ({"configs": configs} if configs else {}), sort_keys=False, allow_unicode=True))


def hub_licence(inventory: Inventory) -> dict[str, Any]:
    """What the hub wants to know: all licences where it knows each, else "other" and the page that names them."""
    named = sorted(inventory.licences)
    known = [hub_name(licence) for licence in named]
    if known and all(known):
        different = sorted({name for name in known if name})
        return {"license": different if len(different) > 1 else different[0]}
    return {"license": "other", "license_name": "several-see-license-md", "license_link": "LICENSE.md"}


def hub_name(spdx: str) -> str | None:
    """The hub's name for a licence of the SPDX list; None where it has none."""
    name = spdx.lower().removesuffix("-only").removesuffix("-or-later")
    family = next((short for short in _FAMILIES if name.startswith(f"{short}-")), name)
    return family if family in _HUB_LICENCES else None
