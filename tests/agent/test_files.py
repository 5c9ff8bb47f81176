"""Small files of the agent's own: what cannot be read is a sentence, and never taken for nothing."""

from pathlib import Path

import pytest

from agent.errors import AgentError
from agent.files import read_json


def test_what_is_not_there_is_the_default(tmp_path: Path) -> None:
    assert read_json(str(tmp_path / "none"), 1) == 1


def test_what_cannot_be_read_or_understood_is_said(tmp_path: Path) -> None:
    with pytest.raises(AgentError, match=r" cannot be read: Is a directory\. Run the agent as its owner\."):
        read_json(str(tmp_path), {})
    (tmp_path / "torn").write_text('{"a":')
    with pytest.raises(AgentError, match=r"torn cannot be understood: .+\. Mend it or remove it\."):
        read_json(str(tmp_path / "torn"), {})
