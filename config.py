"""The settings: declared once, read once from the environment, checked all at once."""

import re
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
    ValidationInfo,
)

from domain.checked import stored_problems
from domain.texts import MAX_TEXT, NAME_PATTERN

PREFIX = "STATUS_"
SECRET = {"admin_token"}  # settings whose values no message repeats
VERSION = re.findall(r"^## (\S+)", Path(__file__).with_name("CHANGELOG.md").read_text("utf-8"), re.MULTILINE)[0]

Network = IPv4Network | IPv6Network


class ConfigError(Exception):
    """The environment holds nonsense; the message lists all of it."""


def store_location(text: Any) -> Any:
    """A path, or a URL that holds a password and is never shown."""
    if not isinstance(text, str) or "://" not in text:
        return Path(text) if isinstance(text, str) else text
    if not text.startswith(("postgresql://", "postgres://")):
        raise ValueError("a store is a path, or a URL that begins with postgresql://")
    return SecretStr(text)


def _content(path: Any, info: ValidationInfo) -> str:
    """What stands in a file, instead of its name."""
    if info.data.get("admin_token"):
        raise ValueError("is set beside STATUS_ADMIN_TOKEN; one is enough")
    try:
        return Path(path).read_text("utf-8").strip()
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read: {getattr(error, 'strerror', None) or 'it is no text'}") from None


def _sendable(secret: SecretStr) -> SecretStr:
    """A token that a header can carry; a comma would stand between two."""
    if not re.fullmatch(r"[!-+\--~]{20,1024}", secret.get_secret_value()):
        raise ValueError("must be 20 to 1,024 letters, digits and marks, without spaces and commas")
    return secret


def _listed(text: Any) -> Any:
    return [part.strip() for part in text.split(",")] if isinstance(text, str) else text


_Networks = Annotated[tuple[Network, ...], BeforeValidator(_listed)]
_Host = Annotated[str, StringConstraints(to_lower=True, pattern=r"^[A-Za-z0-9_.-]{1,253}$")]
_Hosts = Annotated[tuple[_Host, ...], BeforeValidator(_listed)]
_Secret = Annotated[SecretStr, AfterValidator(_sendable)]


class Settings(BaseModel):
    """What an operator can set: each field is the environment variable `STATUS_<FIELD>`; empty means unset."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    store: Annotated[Path | SecretStr, BeforeValidator(store_location)] = Field(
        Path("/data/status.json"), description="The file that everything is kept in, or a `postgresql://` URL."
    )
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
    workers: Literal["on", "off"] = Field(
        "on", description="Whether the service itself runs what goes by the clock, `on`, or `python -m workers`, `off`."
    )
    trusted_proxies: _Networks = Field(
        (), description="Networks of proxies that say which client they speak for, such as `10.0.0.0/8,fd00::/8`."
    )
    access_log: Literal["on", "off"] = Field("on", description="One log line for each request, `on` or `off`.")
    log_format: Literal["text", "json"] = Field("text", description="Form of the log lines, `text` or `json`.")

    auth: Literal["open", "writes", "all"] = Field(
        "open",
        description="Who needs a token: nobody (`open`), who reports or deletes (`writes`), who reads too (`all`).",
    )
    metrics_auth: Literal["open", "token"] = Field(
        "token", description="Whether `/metrics` needs a token where readings do, `open` or `token`."
    )
    badge_auth: Literal["open", "token"] = Field(
        "token", description="Whether badges need a token where readings do, `open` or `token`."
    )
    admin_token: _Secret | None = Field(
        None, description="A token that may do everything, of at least 20 characters; for the start."
    )
    admin_token_file: Annotated[_Secret | None, BeforeValidator(_content)] = Field(
        None, description="A file that holds that token, instead."
    )
    hosts: _Hosts = Field(
        (), description="Names that the service has where nobody needs a token, such as `status.example.com`."
    )
    legacy_auth: Literal["open", "token", "off"] = Field(
        "open", description="`/api/status`: `open` to all, with a `token` as elsewhere, or `off`."
    )
    legacy_networks: _Networks = Field(
        (), description="The only networks that `/api/status` lets in, such as `10.0.0.0/8,fd00::/8`."
    )
    reports_per_minute: int = Field(
        0, ge=0, le=1_000_000, description="Most reports a minute by one token, in each worker; 0 for no limit."
    )

    @property
    def admin_secret(self) -> str | None:
        """The token from the settings, from wherever it came."""
        secret = self.admin_token or self.admin_token_file
        return secret.get_secret_value() if secret else None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """The settings of an environment. Raises ConfigError listing every variable that cannot be used."""
        texts = {name: environment.get(PREFIX + name.upper(), "") for name in cls.model_fields}
        try:
            return cls.model_validate({name: text for name, text in texts.items() if text})
        except ValidationError as error:
            problems = [
                f"{PREFIX}{name.upper()}{'' if name in SECRET else '=' + repr(_masked(texts[name]))}: {message}"
                for place, message in stored_problems(error)
                for name in [place.split(".")[0]]
            ]
            raise ConfigError("The settings cannot be used:\n  " + "\n  ".join(problems)) from None


def _masked(text: str) -> str:
    """The value of a setting without the login of a URL."""
    return re.sub(r"://.*@", "://***@", text)
