"""The filters that the URL of a page has, and links that keep them."""

from collections.abc import Callable, Iterable
from urllib.parse import urlencode

from flask import request

from domain.query import FILTERS

Given = list[tuple[str, str]]
OWN = ("_q", "_sort")  # what the pages' script keeps; the service makes nothing of it


def given() -> Given:
    """The parameters of the URL that are the service's, without the filters that a form sends empty."""
    parameters = request.args.items(multi=True)
    return [(name, text) for name, text in parameters if not name.startswith("_") and (text or name not in FILTERS)]


def given_but(bad: Iterable[str]) -> Given:
    """The parameters of the URL that pages know, without the bad ones."""
    wanted = {*FILTERS, *OWN}.difference(bad)
    return [(name, text) for name, text in request.args.items(multi=True) if text and name in wanted]


def linker(kept: Given) -> Callable[..., str]:
    """Links to a path with what is kept but for those named, which take another value, or None for none."""

    def link(path: str, **other: str | None) -> str:
        same = [(name, text) for name, text in kept if name not in other]
        query = urlencode(same + [(name, text) for name, text in other.items() if text is not None], safe=",{}:")
        return f"{path}?{query}" if query else path

    return link
