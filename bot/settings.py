"""What the person who runs a bot decides: environment variables `SEEDBED_*`, or a TOML file, or both."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit, urlunsplit

from croniter import croniter
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from bot.release_settings import ReleaseSettings

_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+")
APP_FILE = "app.toml"
"""In the state folder: credentials of the App that `seedbed serve --setup` registered."""
DOCUMENT_HOSTS = ("github.com", "gitlab.com", "codeberg.org")


class SettingsError(Exception):
    """A setting is missing or wrong. The message names it and says what to set."""


class _Sourced(BaseSettings):
    """Settings from arguments first, then from the environment, then from the TOML files that `load` names."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Where values come from, the strongest first."""
        return init_settings, env_settings, _toml(settings_cls)


class Making(_Sourced):
    """What making samples takes, with a bot or without: where things lie, who teaches, which documents may be read."""

    model_config = SettingsConfigDict(env_prefix="SEEDBED_", frozen=True, extra="ignore")

    state_dir: Path = Field(Path("seedbed-state"), description="Folder for jobs, samples, caches and builds.")
    store_url: str = Field("", description="Where datasets lie, as fsspec names it; empty: files in state_dir.")
    store_max_gb: float = Field(0.0, ge=0, description="Where there is more, what is not needed goes; 0: no limit.")
    store_max_days: int = Field(0, ge=0, description="What nobody used for so many days goes; 0: no limit.")
    student_model: str = Field("smollm2-135m-instruct", description="The model that the community grows.")
    teacher_model: str = Field("smollm2-135m-instruct", description="Folder, hub id or packaged name.")
    teacher_engine: Literal["auto", "vllm", "transformers", "openai", "ray"] = Field(
        "auto", description="What runs the teacher; `openai`: any server that speaks its protocol."
    )
    teacher_url: str = Field(
        "",
        description="Address of the `openai` server, such as http://gpu:8000/v1, or of the Ray cluster; empty: here.",
    )
    teacher_key: SecretStr = Field(SecretStr(""), description="Key that the `openai` server wants.")
    teacher_revision: str = Field("", description="Any word; change it when another model stands behind the same name.")
    teacher_form: Literal["auto", "plain", "schema"] = Field(
        "auto", description="Prompts with examples (`plain`, small models) or bound to a JSON Schema (`schema`)."
    )
    teacher_in_flight: int = Field(256, ge=1, le=4096, description="At most so many requests at once to a server.")
    teacher_context: int = Field(
        0, ge=0, description="Tokens that prompt and answer may fill together; 0: what the server says, else 4096."
    )
    samples: int = Field(24, ge=1, le=10_000, description="Samples wanted for each merged leaf.")
    document_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        DOCUMENT_HOSTS, description="Hosts that source documents may be fetched from."
    )
    document_loopback: bool = Field(False, description="Also fetch documents over http from this machine; for trials.")

    @field_validator("document_hosts", mode="before")
    @classmethod
    def _split_hosts(cls, value: Any) -> Any:
        return _parts(value)

    @property
    def teacher(self) -> tuple[str, ...]:
        """What decides which teacher it is."""
        return (self.teacher_model, self.teacher_engine, self.teacher_revision, self.teacher_form)


def _parts(value: Any) -> Any:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


class Releasing(ReleaseSettings, Making):
    """What publishing takes, with a bot or without."""

    model_config = SettingsConfigDict(env_prefix="SEEDBED_", frozen=True, extra="ignore")


class Settings(Releasing):
    """One bot for one taxonomy repository.

    Every field is also an environment variable: `repository` is `SEEDBED_REPOSITORY`. Lists are separated by commas.
    The environment wins over the file.
    """

    model_config = SettingsConfigDict(env_prefix="SEEDBED_", frozen=True, extra="forbid")

    repository: str = Field(description="The taxonomy repository, owner/name.")
    forge_api_url: str = Field("https://api.github.com", description="Base URL of the GitHub REST API.")
    forge_token: SecretStr = Field(SecretStr(""), description="Token that the bot writes with.")
    forge_login: str = Field("seedbed[bot]", description="The account that the token belongs to; of an App: slug[bot].")
    app_id: str = Field("", description="Id or client id of the GitHub App; empty: the token alone is used.")
    app_private_key: SecretStr = Field(SecretStr(""), description="The App's private key (PEM), or a file with it.")
    app_installation: int = Field(0, ge=0, description="The App's installation; 0: asked of the forge.")
    main_branch: str = Field("main", description="The branch that the model grows from.")
    webhook_secrets: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        (), description="Webhook secrets; two of them while one replaces the other."
    )
    database_url: str = Field("", description="Job database; empty: an SQLite file in state_dir.")
    host: str = Field("127.0.0.1", description="Address that `seedbed serve` listens on.")
    port: int = Field(8080, ge=0, le=65535, description="Port that `seedbed serve` listens on.")
    public_url: str = Field("", description="Where people reach these pages; empty: http://host:port.")
    teacher_idle_seconds: float = Field(300.0, ge=0, description="An unused teacher is unloaded after so long.")
    preview_samples: int = Field(6, ge=1, le=100, description="Samples wanted for each leaf of a preview.")
    daily_previews: int = Field(
        5, ge=0, description="Previews a day for an author with a merged pull request; maintainers have no limit."
    )
    push_delay_seconds: float = Field(1.0, ge=0, description="Pushes within so long are checked once, the last one.")
    triagers: Annotated[tuple[str, ...], NoDecode] = Field((), description="Accounts that new pull requests go to.")
    remind_days: Annotated[tuple[int, ...], NoDecode] = Field(
        (14, 30), description="Whoever a pull request waits for is reminded after so many quiet days."
    )
    nightly_at: str = Field("30 2 * * *", description="When the nightly build starts (cron, UTC); empty: never.")
    keep_jobs_days: int = Field(30, ge=1, description="Ended jobs are forgotten after so many days.")
    recipe: str = Field("tiny-cpu", description="Recipe of the nightly build: a packaged name or a file.")
    night_minutes: float = Field(
        240.0, gt=0, description="A full build that takes longer gives way to an incremental one."
    )
    blame_runs: int = Field(
        8, ge=0, description="Trial builds that look for the leaf to blame where a build is held for harm."
    )

    @field_validator("webhook_secrets", "triagers", "remind_days", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return _parts(value)

    @field_validator("repository")
    @classmethod
    def _repository(cls, value: str) -> str:
        if not _REPOSITORY.fullmatch(value):
            raise ValueError("must read owner/name")
        return value

    @field_validator("nightly_at")
    @classmethod
    def _cron(cls, value: str) -> str:
        if value and not (len(value.split()) == 5 and croniter.is_valid(value)):
            raise ValueError("must have five fields as in cron, such as 30 2 * * *")
        return value

    @field_validator("forge_api_url", "public_url")
    @classmethod
    def _no_slash(cls, value: str) -> str:
        return value.rstrip("/")

    @property
    def url(self) -> str:
        """Where people reach the pages, without a slash at the end."""
        return self.public_url or f"http://{self.host}:{self.port}"

    @property
    def forge_url(self) -> str:
        """Where people see the forge: the pages that belong to the API."""
        parts = urlsplit(self.forge_api_url)
        if parts.path.endswith("/api/v3"):  # GitHub Enterprise Server, and localhub
            return urlunsplit(parts._replace(path=parts.path.removesuffix("/api/v3")))
        return urlunsplit(parts._replace(netloc=parts.netloc.removeprefix("api.")))

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

    def private_key(self) -> str:
        """The App's private key as PEM, from the setting or from the file that it names. Raises `SettingsError`."""
        given = self.app_private_key.get_secret_value().strip()
        if given.startswith("-----BEGIN"):
            return given.replace("\\n", "\n") + "\n"  # an environment file has one line for it
        try:
            return Path(given).read_text(encoding="ascii")
        except (OSError, ValueError) as error:
            raise SettingsError(
                "The App's private key cannot be read. Set SEEDBED_APP_PRIVATE_KEY to the text of the .pem file that "
                f"the forge gave you (App settings → Private keys), or to its path. {type(error).__name__}"
            ) from error


def _toml(settings_cls: type[BaseSettings]) -> PydanticBaseSettingsSource:
    return TomlConfigSettingsSource(settings_cls, settings_cls.model_config.get("toml_file"))


class _Place(_Sourced):
    """The one setting that must be known before the others: credentials that `/setup` wrote lie in that folder."""

    model_config = SettingsConfigDict(env_prefix="SEEDBED_", extra="ignore")

    state_dir: Path = Settings.model_fields["state_dir"].default


def load(file: Path | None = None, **given: Any) -> Settings:
    """Read settings; what is `given` wins, then the environment, `file`, and what `/setup` wrote into the state folder.

    Raises `SettingsError` naming every wrong setting.
    """
    settings: Settings = _load(Settings, file, given)
    return settings


def load_making(file: Path | None = None, **given: Any) -> Making:
    """As `load`, of those settings alone that a bot does not need. Raises `SettingsError`."""
    settings: Making = _load(Making, file, given)
    return settings


def load_releasing(file: Path | None = None, **given: Any) -> Releasing:
    """As `load`, of those settings alone that publishing needs. Raises `SettingsError`."""
    settings: Releasing = _load(Releasing, file, given)
    return settings


def _load(kind: type[Making], file: Path | None, given: dict[str, Any]) -> Any:
    if file is not None and not file.is_file():
        raise SettingsError(f"No settings file at {file}.")
    try:
        place = _bound(_Place, file)(**{key: value for key, value in given.items() if key == "state_dir"})
        return _bound(kind, place.state_dir / APP_FILE, file)(**given)
    except ValidationError as error:
        lines = [f"  {_where(e['loc'])}: {e['msg']}" for e in error.errors()]
        raise SettingsError("These settings are missing or wrong:\n" + "\n".join(lines)) from error
    except ValueError as error:  # a TOML file that is no TOML
        raise SettingsError(f"The settings file {file or APP_FILE} cannot be read: {error}") from error


def _bound(kind: type[BaseSettings], *files: Path | None) -> Any:
    """`kind`, reading those TOML files that are there; the last wins."""
    there = [file for file in files if file is not None and file.is_file()]
    return type(kind.__name__, (kind,), {"model_config": {**kind.model_config, "toml_file": there}})


def _where(location: tuple[int | str, ...]) -> str:
    name = str(location[0]) if location else "settings"
    return f"{name} (SEEDBED_{name.upper()})"
