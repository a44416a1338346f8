"""Settings: the page about them is what the code says; keys and cron lines are read as people write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from pydantic_core import PydanticUndefined

from bot.settings import APP_FILE, Settings, SettingsError, load

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "settings.md"
KEY = "-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----\n"


def rows() -> list[str]:
    """The table of the page, as the code would write it."""
    return [
        f"| `SEEDBED_{name.upper()}` | {_default(field.default)} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]


def _default(value: Any) -> str:
    if value is PydanticUndefined:
        return "(needed)"
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, tuple):
        value = ",".join(str(part) for part in value)
    return f"`{value}`" if str(value) else ""


def test_the_page_is_what_the_code_says() -> None:
    found = [line for line in PAGE.read_text().splitlines() if line.startswith("| `SEEDBED_")]
    assert found == rows()


@pytest.mark.parametrize("given", [KEY, KEY.strip(), KEY.replace("\n", "\\n")])
def test_a_key_is_its_text(given: str) -> None:
    assert Settings(repository="a/b", app_private_key=given).private_key().strip() == KEY.strip()


def test_a_key_is_a_path(tmp_path: Path) -> None:
    file = tmp_path / "app.pem"
    settings = Settings(repository="a/b", app_private_key=str(file))
    with pytest.raises(SettingsError, match="SEEDBED_APP_PRIVATE_KEY") as caught:
        settings.private_key()
    assert str(file) not in str(caught.value)  # it might be a key with a slip in its first line
    file.write_text(KEY)
    assert settings.private_key() == KEY


@pytest.mark.parametrize("cron", ["30 2 * * *", "", "*/5 0-6 * * 1,3"])
def test_times_of_the_nightly_build(cron: str) -> None:
    assert Settings(repository="a/b", nightly_at=cron).nightly_at == cron


@pytest.mark.parametrize("cron", ["2:30", "30 2 * *", "61 2 * * *", "at night"])
def test_wrong_times_are_named(cron: str) -> None:
    with pytest.raises(SettingsError, match="SEEDBED_NIGHTLY_AT"):
        load(repository="a/b", nightly_at=cron)


def test_what_setup_wrote_is_read_and_gives_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / APP_FILE).write_text('app_id = "1"\nwebhook_secrets = "from-setup"\nforge_login = "x[bot]"\n')
    monkeypatch.setenv("SEEDBED_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("SEEDBED_WEBHOOK_SECRETS", "from-environment")
    file = tmp_path / "seedbed.toml"
    file.write_text('repository = "a/b"\nforge_login = "y[bot]"\n')
    found = load(file)
    assert (found.app_id, found.secrets(), found.forge_login) == ("1", (b"from-environment",), "y[bot]")
    (tmp_path / APP_FILE).write_text("app_id = ")
    with pytest.raises(SettingsError, match="cannot be read"):
        load(file)


def test_the_state_folder_may_stand_in_the_file(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / APP_FILE).write_text('app_id = "7"\n')
    file = tmp_path / "seedbed.toml"
    file.write_text(f'repository = "a/b"\nstate_dir = "{tmp_path / "state"}"\n')
    assert load(file).app_id == "7"
