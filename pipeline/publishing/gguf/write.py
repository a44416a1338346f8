"""A model folder as one GGUF file. Runs in a child process; one tensor is in memory at a time."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from pipeline.child import JSON, Emit
from pipeline.publishing.gguf.kinds import FORMATS, Kind, tensor_format
from pipeline.publishing.gguf.tensors import Weight, encoded, read_config, weights
from pipeline.publishing.gguf.vocabulary import Vocabulary, read_vocabulary

QUANTIZATION_VERSION = 2  # GGML_QNT_VERSION of ggml.h


def write_gguf(payload: JSON, emit: Emit) -> JSON:
    """Write folder `model` to the new file `out` in the format `kind`; `name`, `version`, `licence`: for its header.

    The same folder gives the same bytes. Raises `GgufError`. About 10 s for 135M parameters.
    """
    from gguf import GGUFWriter

    model, kind = Path(payload["model"]), payload["kind"]
    config = read_config(model)
    listed = weights(model, config)
    vocabulary = read_vocabulary(model, int(config["vocab_size"]))
    formats = [tensor_format(kind, weight.name, weight.shape) for weight in listed]
    writer = GGUFWriter(None, "llama")
    _describe(writer, payload, kind)
    _shape(writer, config)
    _speak(writer, vocabulary)
    for weight, wanted in zip(listed, formats, strict=True):
        _announce(writer, weight, wanted)
    writer.write_header_to_file(Path(payload["out"]))
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for number, array in enumerate(encoded(listed, formats), start=1):
        writer.write_tensor_data(array)
        emit({"done": number, "total": len(listed)})
    writer.close()
    return {"tensors": len(listed), "pre": vocabulary.pre}


def _describe(writer: Any, payload: JSON, kind: Kind) -> None:
    from gguf import LlamaFileType

    writer.add_type("model")
    writer.add_name(payload["name"])
    writer.add_version(payload["version"])
    writer.add_license(payload["licence"])
    writer.add_file_type(int(LlamaFileType[FORMATS[kind].file]))
    writer.add_quantization_version(QUANTIZATION_VERSION)


def _shape(writer: Any, config: JSON) -> None:
    heads, width = int(config["num_attention_heads"]), int(config["hidden_size"])
    head = int(config.get("head_dim") or width // heads)
    rope = config.get("rope_parameters") or {}
    writer.add_block_count(int(config["num_hidden_layers"]))
    writer.add_context_length(int(config["max_position_embeddings"]))
    writer.add_embedding_length(width)
    writer.add_feed_forward_length(int(config["intermediate_size"]))
    writer.add_head_count(heads)
    writer.add_head_count_kv(int(config.get("num_key_value_heads") or heads))
    writer.add_rope_freq_base(float(rope.get("rope_theta") or config.get("rope_theta") or 10000.0))
    writer.add_layer_norm_rms_eps(float(config["rms_norm_eps"]))
    writer.add_vocab_size(int(config["vocab_size"]))
    writer.add_rope_dimension_count(head)
    if head * heads != width:
        writer.add_key_length(head)
        writer.add_value_length(head)


def _speak(writer: Any, vocabulary: Vocabulary) -> None:
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(vocabulary.pre)
    writer.add_token_list(vocabulary.tokens)
    writer.add_token_types(vocabulary.types)
    writer.add_token_merges(vocabulary.merges)
    for marker, number in vocabulary.markers.items():
        getattr(writer, f"add_{marker}_token_id")(number)
    writer.add_add_bos_token(vocabulary.adds_bos)
    writer.add_add_space_prefix(False)
    writer.add_chat_template(vocabulary.chat_template)


def _announce(writer: Any, weight: Weight, wanted: Any) -> None:
    import numpy as np
    from gguf import GGML_QUANT_SIZES

    block, size = GGML_QUANT_SIZES[wanted]
    bytes_ = math.prod(weight.shape) // block * size
    writer.add_tensor_info(weight.name, weight.shape, np.dtype(np.float32), bytes_, raw_dtype=wanted)
