"""The picture of the board in README.md can be taken anew, and is small."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.picture import PICTURE, report_fleet, take
from tests.process.service import running

LARGEST = 150_000


@pytest.mark.parametrize("taken", ["before", "now"])
def test_the_picture_is_one_and_small(taken: str, browser: Browser, tmp_path: Path) -> None:
    file = PICTURE
    if taken == "now":
        report_fleet(tmp_path)
        file = tmp_path / "board.png"
        with running(tmp_path, workers=1) as service:
            take(browser, service, file)
    content = file.read_bytes()
    assert content.startswith(b"\x89PNG")
    assert len(content) < LARGEST
