"""The settings of an environment."""

import pytest

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


def test_what_fits_is_taken_and_empty_is_unset() -> None:
    settings = Settings.from_environment({"STATUS_STALE_AFTER": "60", "STATUS_HISTORY_DAYS": "3650"})
    assert (settings.stale_after, settings.history_days) == (60, 3_650)
    unset = Settings.from_environment({"STATUS_STALE_AFTER": "", "STATUS_HISTORY_DAYS": ""})
    assert (unset.stale_after, unset.history_days) == (7_200, 90)
