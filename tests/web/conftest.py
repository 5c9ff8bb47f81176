from pathlib import Path

import pytest

from tests.web.api import Api


@pytest.fixture
def api(tmp_path: Path) -> Api:
    """A service that knows no server yet."""
    return Api(tmp_path)
