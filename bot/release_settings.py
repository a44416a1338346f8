"""What is published, and where: a part of `Settings`, and all that `seedbed publish` needs beside `Making`."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from pipeline.publishing.gguf.kinds import DEFAULT_KINDS, Kind
from validators.model import LICENSES


class ReleaseSettings(BaseSettings):
    """Lists are separated by commas."""

    model_config = SettingsConfigDict(env_prefix="SEEDBED_", frozen=True)

    publish_to: Annotated[tuple[str, ...], NoDecode] = Field(
        ("folder",),
        description="Where promoted builds go: folder, folder=PATH, hub=OWNER/NAME, ollama=NAME, or a plug-in; "
        "empty: nowhere.",
    )
    hub_url: str = Field("", description="Address of the hub; empty: https://huggingface.co.")
    hub_token: SecretStr = Field(
        SecretStr(""), description="Token that may write there; empty: that of `hf auth login`."
    )
    hub_private: bool = Field(False, description="Whether a repository that Seedbed makes there is private.")
    gguf_kinds: Annotated[tuple[Kind, ...], NoDecode] = Field(
        DEFAULT_KINDS, description="GGUF files of a release: f16, q8_0, q4_1, q4_0; empty: none."
    )
    gguf_converter: str = Field(
        "", description="llama.cpp's convert_hf_to_gguf.py, used instead of Seedbed's own writer."
    )
    signing_key: str = Field("", description="Ed25519 key (PEM) that signs the provenance; empty: unsigned.")
    licences_allowed: Annotated[tuple[str, ...], NoDecode] = Field(
        LICENSES, description="Licences (SPDX) of leaves that may be in a published model."
    )
    publish_taxonomy_url: str = Field("", description="Address of the taxonomy that the provenance tells.")

    @field_validator("publish_to", "gguf_kinds", "licences_allowed", mode="before")
    @classmethod
    def _split_release(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value
