"""Sends reports to the service."""

import json
import os
import urllib.error
import urllib.request
from typing import Any, Dict, Optional

from agent.log import Log

SECONDS = 20


class Reporter:
    """Sends reports of both kinds, `pipeline` and `cron`."""

    def __init__(self, status_url: str, token_file: str, state_dir: str, log: Log) -> None:
        self._status_url = status_url
        self._token_file = token_file
        self._state_dir = state_dir
        self._log = log

    def send(self, kind: str, report: Dict[str, Any]) -> bool:
        """Give a report to the service. False if the service refuses it; what cannot be delivered now is not lost."""
        headers = {"Content-Type": "application/json"}
        token = self._token()
        if token:
            headers["Authorization"] = "Bearer " + token
        address = f"{self._status_url}/status/{kind}"
        request = urllib.request.Request(address, json.dumps(report).encode("utf-8"), headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=SECONDS):  # nosec B310
                return True
        except (OSError, ValueError) as error:
            self._log.error(f"The report did not get through: {error}.")
            return False

    def _token(self) -> Optional[str]:
        if not self._token_file:
            return os.environ.get("STATUS_TOKEN")
        with open(self._token_file, encoding="utf-8") as file:
            return file.read().strip()
