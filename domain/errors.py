"""What can go wrong, in the words of the product. How each is answered over HTTP is written in web/base/errors.py."""

from collections.abc import Mapping


class StatusError(Exception):
    """Root of the family. `str()` of one is a sentence for a person; `code` is a stable word for programs."""

    code = "internal"


class Invalid(StatusError):
    """The caller sent something that does not fit the contract.

    `fields` names every bad field with what is wrong about it; in an array of reports as `"3.host"`.
    """

    code = "invalid"

    def __init__(self, sentence: str, fields: Mapping[str, str] | None = None) -> None:
        super().__init__(sentence)
        self.fields = dict(fields or {})


class NotFound(StatusError):
    """Nothing by that name is known."""

    code = "not_found"


class Unavailable(StatusError):
    """The store cannot be read or written now. The sentence names the cause and never a folder or a secret."""

    code = "unavailable"


class Misdirected(StatusError):
    """The request asks for a host that this service is not known as."""

    code = "misdirected"


class Unauthorized(StatusError):
    """A token is missing or not valid. Why it is not valid is said to nobody."""

    code = "unauthorized"


class Forbidden(StatusError):
    """The caller may not do this; the sentence names the scope or the group that is missing."""

    code = "forbidden"


class TooMany(StatusError):
    """The caller did this too often; it may try again after some seconds."""

    code = "too_many_requests"

    def __init__(self, sentence: str, seconds: int) -> None:
        super().__init__(sentence)
        self.seconds = seconds
