"""GGUF files: which numbers a tensor gets, how rows are ordered, which file is kept, and how people run them."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import numpy as np
import pytest
from gguf import GGMLQuantizationType

from pipeline.evaluate.port import Item
from pipeline.publishing.gguf import external
from pipeline.publishing.gguf.kinds import KINDS, Kind, tensor_format
from pipeline.publishing.gguf.make import GgufJob, Made, Tools, make
from pipeline.publishing.gguf.tensors import GgufError, interleave, read_config
from pipeline.publishing.gguf.texts import best, default_system, modelfile, page
from pipeline.publishing.gguf.vocabulary import pre_tokenizer
from tests.releases import BUILD, CHATML, promoted, tools

ITEMS = [Item("q", "general", "facts", "Why?", "So.")]


def job(folder: Path, **changes: object) -> GgufJob:
    model = promoted(folder) / "model"
    fields = {"probes": ITEMS, **changes}
    return GgufJob(model, folder / "gguf", "m", f"build-{BUILD}", "apache-2.0", **fields)  # type: ignore[arg-type]


def quiet(doing: str, fraction: float) -> None:
    assert doing.startswith("GGUF")
    assert 0 <= fraction <= 1


@pytest.mark.parametrize(
    ("kind", "name", "shape", "wanted"),
    [
        ("f16", "blk.0.attn_q.weight", (64, 64), "F16"),
        ("q8_0", "token_embd.weight", (99, 64), "Q8_0"),
        ("q4_0", "blk.0.ffn_up.weight", (64, 64), "Q4_0"),
        ("q4_1", "token_embd.weight", (99, 64), "Q8_0"),
        ("q4_0", "output.weight", (99, 64), "Q8_0"),
        ("q4_0", "blk.0.attn_norm.weight", (64,), "F32"),
        ("q8_0", "blk.0.ffn_up.weight", (64, 50), "F16"),
    ],
)
def test_numbers_are_as_llama_cpp_chooses_them(kind: Kind, name: str, shape: tuple[int, ...], wanted: str) -> None:
    assert tensor_format(kind, name, shape) == GGMLQuantizationType[wanted]


def test_rows_of_a_head_go_in_pairs() -> None:
    rows = np.arange(8).reshape(8, 1)  # two heads of four rows
    assert interleave(rows, 2).ravel().tolist() == [0, 2, 1, 3, 4, 6, 5, 7]


@pytest.mark.parametrize(
    ("described", "name"),
    [
        ({"type": "ByteLevel", "use_regex": True}, "gpt-2"),
        (
            {
                "type": "Sequence",
                "pretokenizers": [
                    {"type": "Digits", "individual_digits": True},
                    {"type": "ByteLevel", "use_regex": True},
                ],
            },
            "smollm",
        ),
    ],
)
def test_a_way_of_cutting_texts_has_its_name(described: dict[str, object], name: str) -> None:
    assert pre_tokenizer(described) == name


@pytest.mark.parametrize(
    "described",
    [
        None,
        {"type": "Whitespace"},
        {"type": "ByteLevel", "use_regex": False},
        {"type": "Sequence", "pretokenizers": [{"type": "Split", "pattern": {"Regex": "x"}}, {"type": "ByteLevel"}]},
    ],
)
def test_a_way_without_a_name_is_refused(described: dict[str, object] | None) -> None:
    with pytest.raises(GgufError, match="gguf_converter"):
        pre_tokenizer(described)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"architectures": ["GPT2LMHeadModel"]}, "GPT2LMHeadModel is no model of the Llama family"),
        ({}, "none is no model"),
        ({"architectures": ["LlamaForCausalLM"], "rope_scaling": {"rope_type": "llama3"}}, r"scaled \(llama3\)"),
    ],
)
def test_other_models_are_refused(tmp_path: Path, config: dict[str, object], said: str) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(GgufError, match=f"{said}.*gguf_converter"):
        read_config(tmp_path)


def test_a_file_that_scores_apart_is_not_kept(tmp_path: Path) -> None:
    asked = job(tmp_path, kinds=KINDS)
    made = {one.kind: one for one in make(asked, quiet, tools({"q8_0": 0.03, "q4_0": 0.09, "q4_1": 0.11}))}
    assert made["f16"] == Made("f16", "m-F16.gguf", 0.0, 0.02)
    assert made["q8_0"].reason == "it scores 0.030 nats a token worse, and 0.02 are allowed"
    assert made["q8_0"].rise == pytest.approx(0.03)
    assert made["q4_0"].file == "m-Q4_0.gguf"
    assert made["q4_1"].file == ""
    assert sorted(path.name for path in asked.out.iterdir()) == ["m-F16.gguf", "m-Q4_0.gguf"]


def test_a_file_that_cannot_be_made_has_its_reason(tmp_path: Path) -> None:
    (f16, _, _, q4_0) = make(job(tmp_path), quiet, tools({"broken q4_0": 1.0}))
    assert f16.file
    assert q4_0 == Made("q4_0", "", None, 0.10, "no place for the tensor x")


def test_a_file_that_does_not_load_is_not_kept(tmp_path: Path) -> None:
    def score(asked: GgufJob, model: Path) -> list[float]:
        if model.is_file():
            raise GgufError("it does not load and score: torn")
        return [1.0]

    made = make(job(tmp_path, kinds=("f16",)), quiet, Tools(tools().write, score))
    assert made[0].reason == "it does not load and score: torn"
    assert list((tmp_path / "gguf").iterdir()) == []


def test_a_score_that_is_no_number_is_not_believed(tmp_path: Path) -> None:
    made = make(job(tmp_path, kinds=("f16",)), quiet, tools({"f16": float("nan")}))
    assert made[0].file == ""
    assert made[0].rise is None


def test_without_questions_nothing_is_trusted(tmp_path: Path) -> None:
    with pytest.raises(GgufError, match="no questions"):
        make(job(tmp_path, probes=[]), quiet, tools())


def script(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_llama_cpp_writes_where_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    converter = script(
        tmp_path / "convert_hf_to_gguf.py",
        "import sys; a = sys.argv; open(a[a.index('--outfile') + 1], 'w').write(a[a.index('--outtype') + 1])",
    )
    external.convert(converter, tmp_path, tmp_path / "x.gguf", "q8_0")
    assert (tmp_path / "x.gguf").read_text() == "q8_0"
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GgufError, match="llama-quantize on the PATH"):
        external.convert(converter, tmp_path, tmp_path / "y.gguf", "q4_0")
    script(tmp_path / "llama-quantize", '#!/bin/sh\nread -r kind < "$1"\necho "$kind to $3" > "$2"\n')
    external.convert(converter, tmp_path, tmp_path / "y.gguf", "q4_0")
    assert (tmp_path / "y.gguf").read_text().strip().endswith("to Q4_0")
    assert not list(tmp_path.glob(".*.part"))


def test_a_converter_that_fails_is_told_in_its_last_line(tmp_path: Path) -> None:
    converter = script(tmp_path / "convert.py", "import sys; sys.exit('Model FooForCausalLM is not supported')")
    with pytest.raises(GgufError, match=r"convert\.py failed \(1\): Model FooForCausalLM is not supported"):
        external.convert(converter, tmp_path, tmp_path / "x.gguf", "f16")


def test_ollama_gets_the_template_and_what_the_model_is_told(tmp_path: Path) -> None:
    lines = modelfile(promoted(tmp_path) / "model", "m-Q8_0.gguf")
    assert lines == (
        "FROM ./m-Q8_0.gguf\n"
        'TEMPLATE """{{- range .Messages }}<|im_start|>{{ .Role }}\n'
        "{{ .Content }}<|im_end|>\n"
        "{{ end }}<|im_start|>assistant\n"
        '"""\n'
        'SYSTEM """You are kind."""\n'
        'PARAMETER stop "<|im_end|>"\n'
        'PARAMETER stop "<|im_start|>"\n'
    )


@pytest.mark.parametrize(
    "template",
    ["{{ raise_exception('no') }}", "{{ messages[0]['content'] }}", "{{ ''.__class__.__mro__ }}", "{% if %}"],
)
def test_a_template_without_a_default_has_none(template: str) -> None:
    assert default_system(template) == ""
    assert default_system(CHATML) == "You are kind."


def test_a_model_that_does_not_speak_chatml_keeps_its_own_template(tmp_path: Path) -> None:
    model = promoted(tmp_path) / "model"
    (model / "chat_template.jinja").write_text("{{ messages }}")
    assert modelfile(model, "m.gguf") == "FROM ./m.gguf\n"


def test_the_page_says_what_there_is_and_what_is_not() -> None:
    made = [Made("f16", "m-F16.gguf", 0.0, 0.02), Made("q4_0", "", 0.31, 0.1, "it scores | <b>apart</b>")]
    text = page(made)
    assert "| F16 | `m-F16.gguf` | +0.0000 | 0.02 |" in text
    assert r"not released: it scores \| \<b>apart\</b> | +0.3100 | 0.10 |" in text
    assert "llama-cli -m m-F16.gguf" in text
    assert "llama" not in page([Made("f16", "", None, 0.02, "why")])


def test_the_best_file_is_small_and_nearly_exact() -> None:
    f16, q8, q4 = (Made(kind, f"{kind}.gguf", 0.0, 0.1) for kind in ("f16", "q8_0", "q4_0"))
    assert best([f16, q8, q4]) == q8
    assert best([q4, f16]) == f16
    assert best([]) is None
