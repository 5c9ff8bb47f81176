"""Gives one report to the service, once, and says in words what came of it."""

import http.client
import json
import os
import re
import socket
import ssl
import stat
import urllib.error
import urllib.request
from typing import Any, Dict, NamedTuple

from agent import __version__
from agent.errors import AgentError
from agent.service.form import clean
from agent.text import cut

SECONDS = 10
MOST_ERROR = 65536  # bytes that are looked at of an error, and of a token file
SHOWN = 1000  # characters of what the service says, start and end of it
MOST_RECORD = 8388608  # and of the stored record

DELIVERED = "delivered"
REFUSED = "refused"  # it never will be taken
WAITS = "waits"  # this one; others may be taken
ALL_WAIT = "all wait"  # somebody has to mend something
TRY_AGAIN = "try again"

_SOON = (408, 425, 429)
_FOR_GOOD = (400, 413, 415, 422)
_HINTS = {
    401: "The token is missing or not valid: see STATUS_TOKEN or tokenFile.",
    404: "There is no GitOps Status at that address.",
    407: "The proxy asks for a password.",
}
_CAUSES = (
    (socket.timeout, f"no answer within {SECONDS} seconds"),
    (ssl.SSLError, "it does not speak TLS; is http:// meant?"),
    (ConnectionRefusedError, "nobody listens there"),
    (socket.gaierror, "its name is not known here"),
    ((ConnectionError, http.client.IncompleteRead), "it broke off the connection"),
    (http.client.HTTPException, "what answers there does not speak HTTP"),
)


class Outcome(NamedTuple):
    """What came of a try. `pause` is for how long the service asks to be left alone."""

    verdict: str
    sentence: str = ""
    pause: float = 0


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """Takes a redirect for an answer. A POST would become a GET, and might take the token to another host."""

    def redirect_request(self, *_: Any) -> None:
        """Follow none."""


class Service:
    """The service at an address, asked as the proxies and certificates of the environment say."""

    def __init__(self, url: str, token_file: str) -> None:
        self.url = url
        self._token_file = token_file
        self._opener = urllib.request.build_opener(NoRedirect)

    def post(self, kind: str, report: Dict[str, Any]) -> Outcome:
        """Send it a report, once."""
        try:
            headers = {"Content-Type": "application/json", "User-Agent": f"gitops-agent/{__version__}"}
            token = self._token()
            if token:
                headers["Authorization"] = "Bearer " + token
            body = json.dumps(report, ensure_ascii=False).encode("utf-8")
            request = urllib.request.Request(f"{self.url}/status/{kind}", body, headers, method="POST")
            with self._opener.open(request, timeout=SECONDS) as response:
                if "server_group" in _members(response.read()):
                    return Outcome(DELIVERED)
                return Outcome(
                    ALL_WAIT, f"{self.url} is another service: it takes a report and does not answer as one."
                )
        except AgentError as error:
            return Outcome(ALL_WAIT, str(error))
        except urllib.error.HTTPError as error:
            with error:
                return self._answered(error)
        except (OSError, http.client.HTTPException, ValueError) as error:
            return Outcome(TRY_AGAIN, f"{self.url} cannot be reached: {_why(error)}.")

    def has_open_token_file(self) -> bool:
        """Whether others can read the token, or put another in its place."""
        try:
            return bool(self._token_file and os.stat(self._token_file).st_mode & (stat.S_IRWXO | stat.S_IWGRP))
        except OSError:  # which is said when it is needed
            return False

    def _token(self) -> str:
        """The token, if there is one. Raises AgentError, which never says what it is."""
        token, where = os.environ.get("STATUS_TOKEN", "").strip(), "STATUS_TOKEN"
        if self._token_file and not token:
            where = f"The token file {self._token_file}"
            try:
                with open(self._token_file, encoding="ascii", errors="replace") as file:
                    token = file.read(MOST_ERROR).strip()
            except OSError as error:
                raise AgentError(f"{where} cannot be read: {error.strerror or error}.") from None
            if not token:
                raise AgentError(f"{where} is empty.")
        if not re.match(r"[!-~]*\Z", token):
            raise AgentError(f"{where} holds more than a token: one word of printable ASCII characters.")
        return token

    def _answered(self, error: urllib.error.HTTPError) -> Outcome:
        try:
            members = _members(error.read(MOST_ERROR))
        except (OSError, http.client.HTTPException):
            members = {}
        is_ours = isinstance(members.get("error"), str) and "code" in members
        words = cut(clean(members["error"]), SHOWN) if is_ours else cut(clean(f"{error.code} {error.reason}."), SHOWN)
        if isinstance(members.get("fields"), dict):
            words += "".join(
                cut(clean(f" {field} {sentence}."), SHOWN) for field, sentence in members["fields"].items()
            )
        pause = error.headers.get("Retry-After", "")
        if error.code >= 500 or error.code in _SOON:
            return Outcome(
                TRY_AGAIN, f"{self.url} answers: {words}", float(pause) if re.match(r"\d{1,9}\Z", pause) else 0
            )
        if 300 <= error.code < 400:
            new = cut(clean(error.headers.get("Location", "another address")), SHOWN)
            return Outcome(ALL_WAIT, f"{self.url} sends on to {new}: write the new address into statusUrl.")
        if error.code == 403 or (error.code in _FOR_GOOD and not is_ours):  # a proxy that finds it too large
            return Outcome(WAITS, words)
        if error.code in _FOR_GOOD:
            return Outcome(REFUSED, words)
        return Outcome(ALL_WAIT, " ".join(filter(None, [words, _HINTS.get(error.code)])))


def _members(body: bytes) -> Dict[str, Any]:
    try:
        value = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _why(error: Exception) -> str:
    """The cause in words; what Python says of it is for programmers."""
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if "CERTIFICATE_VERIFY_FAILED" in str(reason):
        return f"its certificate is not trusted; SSL_CERT_FILE names that of your own CA ({reason})"
    for kinds, words in _CAUSES:
        if isinstance(reason, kinds):
            return words
    return str(getattr(reason, "strerror", None) or reason)
