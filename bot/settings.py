"""What the person who runs a bot decides: environment variables `SEEDBED_*`, or a TOML file, or both."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+")
DOCUMENT_HOSTS = ("github.com", "gitlab.com", "codeberg.org")


class SettingsError(Exception):
    """A setting is missing or wrong. The message names it and says what to set."""


class Settings(BaseSettings):
    """One bot for one taxonomy repository.

    Every field is also an environment variable: `repository` is `SEEDBED_REPOSITORY`. Lists are separated by commas.
    The environment wins over the file.
    """

    model_config = SettingsConfigDict(env_prefix="SEEDBED_", frozen=True, extra="forbid")

    repository: str = Field(description="The taxonomy repository, owner/name.")
    forge_api_url: str = Field("https://api.github.com", description="Base URL of the GitHub REST API.")
    forge_token: SecretStr = Field(SecretStr(""), description="Token that the bot writes with.")
    forge_login: str = Field("seedbed[bot]", description="The account that the token belongs to.")
    main_branch: str = Field("main", description="The branch that the model grows from.")
    webhook_secrets: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        (), description="Webhook secrets; two of them while one replaces the other."
    )
    state_dir: Path = Field(Path("seedbed-state"), description="Folder for jobs, samples, caches and builds.")
    database_url: str = Field("", description="Job database; empty: an SQLite file in state_dir.")
    host: str = Field("127.0.0.1", description="Address that `seedbed serve` listens on.")
    port: int = Field(8080, ge=0, le=65535, description="Port that `seedbed serve` listens on.")
    public_url: str = Field("", description="Where people reach these pages; empty: http://host:port.")
    teacher_model: str = Field("smollm2-135m-instruct", description="Folder, hub id or packaged name.")
    teacher_engine: Literal["auto", "vllm", "transformers"] = Field("auto", description="What runs the teacher.")
    teacher_idle_seconds: float = Field(300.0, ge=0, description="An unused teacher is unloaded after so long.")
    student_model: str = Field("smollm2-135m-instruct", description="The model that the community grows.")
    samples: int = Field(24, ge=1, le=10_000, description="Samples wanted for each merged leaf.")
    preview_samples: int = Field(6, ge=1, le=100, description="Samples wanted for each leaf of a preview.")
    recipe: str = Field("tiny-cpu", description="Recipe of the nightly build: a packaged name or a file.")
    document_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        DOCUMENT_HOSTS, description="Hosts that source documents may be fetched from."
    )
    document_loopback: bool = Field(False, description="Also fetch documents over http from this machine; for trials.")

    @field_validator("webhook_secrets", "document_hosts", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("repository")
    @classmethod
    def _repository(cls, value: str) -> str:
        if not _REPOSITORY.fullmatch(value):
            raise ValueError("must read owner/name")
        return value

    @field_validator("forge_api_url", "public_url")
    @classmethod
    def _no_slash(cls, value: str) -> str:
        return value.rstrip("/")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments first, then the environment, then the TOML file that `load` names."""
        return init_settings, env_settings, _toml(settings_cls)

    @property
    def url(self) -> str:
        """Where people reach the pages, without a slash at the end."""
        return self.public_url or f"http://{self.host}:{self.port}"

    @property
    def jobs_database(self) -> str:
        """SQLAlchemy URL of the job database."""
        return self.database_url or f"sqlite:///{self.state_dir.resolve() / 'jobs.sqlite'}"

    def secrets(self) -> tuple[bytes, ...]:
        """The webhook secrets. Raises `SettingsError` when there is none: an open webhook is never served."""
        found = tuple(s.get_secret_value().encode() for s in self.webhook_secrets if s.get_secret_value())
        if not found:
            raise SettingsError(
                "No webhook secret is set, so anybody could command the bot. Set SEEDBED_WEBHOOK_SECRETS to the secret "
                "that you gave to the forge (Settings → Webhooks); make one with: openssl rand -hex 32"
            )
        return found


def _toml(settings_cls: type[BaseSettings]) -> PydanticBaseSettingsSource:
    return TomlConfigSettingsSource(settings_cls, settings_cls.model_config.get("toml_file"))


def load(file: Path | None = None, **given: Any) -> Settings:
    """Read settings; what is `given` wins. Raises `SettingsError` naming every wrong setting."""
    if file is not None and not file.is_file():
        raise SettingsError(f"No settings file at {file}.")
    bound = type("Settings", (Settings,), {"model_config": {**Settings.model_config, "toml_file": file}})
    try:
        settings: Settings = bound(**given)
    except ValidationError as error:
        lines = [f"  {_where(e['loc'])}: {e['msg']}" for e in error.errors()]
        raise SettingsError("These settings are missing or wrong:\n" + "\n".join(lines)) from error
    except ValueError as error:  # a TOML file that is no TOML
        raise SettingsError(f"{file} cannot be read: {error}") from error
    return settings


def _where(location: tuple[int | str, ...]) -> str:
    name = str(location[0]) if location else "settings"
    return f"{name} (SEEDBED_{name.upper()})"
