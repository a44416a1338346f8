"""Runs the reference, `instructlab-sdg`, on a taxonomy. Runs in an environment of its own.

usage: generate_peer.py BASE_URL MODEL TAXONOMY OUTPUT PIPELINE ROWS_PER_SEED PROCESSES
→ one line of JSON: seconds, the error if it ended with one, and the training rows of each leaf.

It is timed from reading the taxonomy to its last generated row; evaluation items and mixing are left out. With its
command line's defaults: batches of 8, 10 threads. Two things are made easier for it than they are:

- Prompts are wrapped in ChatML, registered the way that the library offers: the templates that it brings suit neither
  teacher of the bench.
- PROCESSES 0: its filters run in its own process. By default each filter starts a pool of 8 processes, twice for each
  8 rows, which takes longer than the teacher does on a machine with two cores. Give 8 to see that.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import json
import logging
import sys
import time
from pathlib import Path

import openai
from instructlab.sdg.datamixing import _get_question_hack, _get_response_hack
from instructlab.sdg.registry import PromptRegistry

sdg = importlib.import_module("instructlab.sdg.generate_data")  # the package has a function of that name, too


@PromptRegistry.register("chatml")
def chatml() -> str:
    """The chat template of SmolLM2 and many others."""
    return (
        "{% for message in messages %}<|im_start|>{{ message['role'] + '\n' + message['content'] }}<|im_end|>\n"
        "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )


def main() -> None:
    """Generate, and tell what came."""
    url, model, taxonomy, output, pipeline, rows_per_seed, processes = sys.argv[1:]
    logging.disable(logging.INFO)
    sdg.PipelineContext = functools.partial(sdg.PipelineContext, dataset_num_procs=int(processes) or None)
    client = openai.OpenAI(base_url=url, api_key="none", timeout=3600, max_retries=0)
    folder = Path(output)
    error = None
    began = time.perf_counter()
    try:
        with contextlib.redirect_stdout(sys.stderr):
            generate(client, model, taxonomy, folder, pipeline, int(rows_per_seed))
    except Exception as failure:
        error = f"{type(failure).__name__}: {failure}"[:500]
    seconds = time.perf_counter() - began
    print(json.dumps({"seconds": seconds, "error": error, "rows": rows_of(folder)}))


def generate(client: openai.OpenAI, model: str, taxonomy: str, folder: Path, pipeline: str, rows_per_seed: int) -> None:
    """The two stages of `generate_data` that make rows of leaves."""
    sdg.preprocess_taxonomy(taxonomy, str(folder / "preprocessed"), taxonomy_base="empty", teacher_model_path=model)
    sdg.generate_taxonomy(
        client,
        str(folder / "preprocessed"),
        str(folder / "generated"),
        model_family="chatml",
        model_id=model,
        num_cpus=10,
        batch_size=8,
        num_instructions_to_generate=rows_per_seed,
        console_output=False,
        pipeline=pipeline,
    )


def rows_of(folder: Path) -> dict[str, list[list[str]]]:
    """[question, answer] of each generated row by the leaf's path, as the library's own mixing reads them."""
    found: dict[str, list[list[str]]] = {}
    for file in sorted(folder.glob("generated/*.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            leaf = row["leaf_node_path"].replace("->", "/")
            found.setdefault(leaf, []).append([_get_question_hack(row) or "", _get_response_hack(row) or ""])
    return found


if __name__ == "__main__":
    main()
