"""The settings of an environment."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from config import ConfigError, Settings


@pytest.mark.parametrize("name", ["STATUS_STALE_AFTER", "STATUS_HISTORY_DAYS"])
@pytest.mark.parametrize("nonsense", ["banana", "0", "-1", "1.5", "2h", "1e3", "nan", " ", "99999999999"])
def test_a_length_that_is_nonsense_stops_the_start_and_is_named(name: str, nonsense: str) -> None:
    with pytest.raises(ConfigError) as refused:
        Settings.from_environment({name: nonsense})
    assert f"{name}={nonsense!r}" in str(refused.value)


def test_all_nonsense_is_listed_at_once() -> None:
    with pytest.raises(ConfigError, match=r"STATUS_STALE_AFTER='59'(?s:.*)STATUS_HISTORY_DAYS='3651'"):
        Settings.from_environment({"STATUS_STALE_AFTER": "59", "STATUS_HISTORY_DAYS": "3651"})


def test_the_admin_token_is_in_no_repr_and_comes_from_one_place(tmp_path: Path) -> None:
    secret, file = "a-secret-of-twenty-letters", tmp_path / "admin"
    file.write_text(f" {secret}\n")
    for settings in (
        Settings.from_environment({"STATUS_ADMIN_TOKEN": secret}),
        Settings.from_environment({"STATUS_ADMIN_TOKEN_FILE": str(file)}),
    ):
        assert settings.admin_secret == secret
        assert secret not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"
    with pytest.raises(ConfigError, match="one is enough") as refused:
        Settings.from_environment({"STATUS_ADMIN_TOKEN": secret, "STATUS_ADMIN_TOKEN_FILE": str(file)})
    assert secret not in str(refused.value)
    with pytest.raises(ConfigError, match="none cannot be read: No such file"):
        Settings.from_environment({"STATUS_ADMIN_TOKEN_FILE": str(tmp_path / "none")})
    assert Settings().admin_secret is None


@pytest.mark.parametrize("nonsense", ["10.0.0.0/33", "10.0.0.1/8", "here", "10.0.0.0/8;fd00::/8"])
def test_a_network_that_is_none_stops_the_start(nonsense: str) -> None:
    with pytest.raises(ConfigError, match="STATUS_LEGACY_NETWORKS"):
        Settings.from_environment({"STATUS_LEGACY_NETWORKS": nonsense})


def test_what_fits_is_taken_and_empty_is_unset() -> None:
    settings = Settings.from_environment({"STATUS_STALE_AFTER": "60", "STATUS_HISTORY_DAYS": "3650"})
    assert (settings.stale_after, settings.history_days) == (60, 3_650)
    unset = Settings.from_environment({"STATUS_STALE_AFTER": "", "STATUS_HISTORY_DAYS": ""})
    assert (unset.stale_after, unset.history_days) == (7_200, 90)


def test_a_store_is_a_path_or_the_url_of_a_database_whose_password_is_never_shown() -> None:
    assert Settings.from_environment({"STATUS_STORE": "data/status.json"}).store == Path("data/status.json")
    url = "postgresql://status:secret@db/status"
    settings = Settings.from_environment({"STATUS_STORE": url})
    assert isinstance(settings.store, SecretStr)
    assert settings.store.get_secret_value() == url
    assert "secret" not in f"{settings} {settings!r} {settings.model_dump_json()}"


@pytest.mark.parametrize("scheme", ["mysql", "postgre", "file"])
def test_a_url_of_something_else_stops_the_start_without_its_login(scheme: str) -> None:
    with pytest.raises(ConfigError, match="begins with postgresql://") as refused:
        Settings.from_environment({"STATUS_STORE": f"{scheme}://status:secret@db/status"})
    assert f"STATUS_STORE='{scheme}://***@db/status'" in str(refused.value)
    assert "secret" not in str(refused.value)
