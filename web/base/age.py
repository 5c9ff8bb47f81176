"""How old a reading is that was answered from memory, as the store stood still (API.md, section 3)."""

import math
from collections.abc import Callable

from flask import Flask, Response, request

WARNING = '110 gitops-status "The store stands still; this may not be the newest"'


def register(app: Flask, age_of_readings: Callable[[], float]) -> None:
    """Say it with each answer to a reading."""

    @app.after_request
    def say_age(response: Response) -> Response:
        age = age_of_readings()
        if age and request.method in ("GET", "HEAD") and response.status_code < 400:
            response.headers["Age"] = str(math.ceil(age))
            response.headers["Warning"] = WARNING
        return response
