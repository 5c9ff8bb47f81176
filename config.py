"""The settings: declared once, read once from the environment, checked all at once."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from domain.report import MAX_TEXT
from domain.server import NAME_PATTERN

PREFIX = "STATUS_"
VERSION = re.findall(r"^## (\S+)", Path(__file__).with_name("CHANGELOG.md").read_text("utf-8"), re.MULTILINE)[0]


class ConfigError(Exception):
    """The environment holds nonsense; the message lists all of it."""


class Settings(BaseModel):
    """What an operator can set: each field is the environment variable `STATUS_<FIELD>`; empty means unset."""

    model_config = ConfigDict(frozen=True)

    store: Path = Field(Path("/data/status.json"), description="The file that everything is kept in.")
    max_body: int = Field(
        1_048_576,
        ge=1_024,
        le=134_217_728,
        description="Largest body of one report, in bytes; arrays may be eight times that.",
    )
    legacy_repo: str = Field("rsyslog", max_length=MAX_TEXT, description="The `repo` of a v1 report that names none.")
    legacy_server: str = Field(
        "rsyslog-lab", pattern=NAME_PATTERN, description="The `server` of a v1 report that names none."
    )
    stale_after: int = Field(
        7_200,
        ge=60,
        le=31_536_000,
        description="Seconds without a drift check after which a server without a `check_interval` is stale.",
    )
    history_days: int = Field(90, ge=1, le=3_650, description="Days after which a history entry goes by itself.")
    access_log: Literal["on", "off"] = Field("on", description="One log line for each request, `on` or `off`.")
    log_format: Literal["text", "json"] = Field("text", description="Form of the log lines, `text` or `json`.")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """The settings of an environment. Raises ConfigError listing every variable that cannot be used."""
        given = {name: environment.get(PREFIX + name.upper(), "") for name in cls.model_fields}
        try:
            return cls.model_validate({name: text for name, text in given.items() if text})
        except ValidationError as error:
            problems = [
                f"{PREFIX}{str(problem['loc'][0]).upper()}={problem['input']!r}: {problem['msg']}"
                for problem in error.errors(include_url=False)
            ]
            raise ConfigError("The settings cannot be used:\n  " + "\n  ".join(problems)) from None
