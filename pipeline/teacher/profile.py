"""What a model's files say of it: how large it is, and so which form of prompts suits it."""

from __future__ import annotations

import json
import math
import struct

from pipeline.models import ModelFolder
from pipeline.teacher.port import Form, TeacherError

SCHEMA_PARAMETERS = 3_000_000_000
"""From this size on a model keeps to a schema and still writes sense; one of 135 million does not (design §7)."""

_MOST_HEADER_BYTES = 100_000_000  # what the safetensors library reads at most
_PACKED = {"I32": 8, "U8": 2}
"""Weights in one number of a model that was quantised to 4 bits (GPTQ and AWQ; bitsandbytes)."""


def parameters_of(model: ModelFolder) -> int:
    """How many weights the model has, from the headers of its safetensors. Raises `TeacherError`.

    A header is its length (8 bytes, little-endian) and then JSON with each tensor's dtype and shape:
    https://huggingface.co/docs/safetensors/index#format
    """
    count = 0
    for path in sorted(model.path.glob("*.safetensors")):
        try:
            with path.open("rb") as file:
                (length,) = struct.unpack("<Q", file.read(8))
                header = json.loads(file.read(min(length, _MOST_HEADER_BYTES)))
            count += sum(
                math.prod(tensor["shape"]) * _PACKED.get(tensor["dtype"], 1)
                for name, tensor in header.items()
                if name != "__metadata__"
            )
        except (OSError, struct.error, ValueError, KeyError, TypeError, AttributeError) as error:
            raise TeacherError(
                f"{path} does not read as safetensors: {error}. Download or convert it again."
            ) from error
    return count


def form_for(model: ModelFolder, wish: str, *, binds: bool, engine: str) -> Form:
    """The form that `wish` names, or for "auto" the one that suits the model. `binds`: the engine can bind schemas.

    Raises `TeacherError` where "schema" is wished of an engine that cannot.
    """
    if wish == "schema" and not binds:
        raise TeacherError(f'{engine} cannot bind answers to a schema: take form "plain", or another engine.')
    if wish == "schema" or (wish == "auto" and binds and parameters_of(model) >= SCHEMA_PARAMETERS):
        return "schema"
    return "plain"
