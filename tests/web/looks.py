"""Pages as tests look at them: asked for as a browser does, and taken apart."""

import re
from html.parser import HTMLParser

from tests.web.api import Answer, Api


class Page(HTMLParser):
    """The tags of a page with their attributes, its text, and its title."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(content)
        self.words = " ".join(self.words.split())
        self.title = re.findall("<title>(.*?)</title>", content)[0]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Note a text."""
        self.words += data

    def keys(self, tag: str) -> list[str | None]:
        """The keys of the rows, or of other items."""
        return [attributes["data-key"] for name, attributes in self.tags if name == tag and "data-key" in attributes]

    def links(self) -> list[str]:
        """Where its links go."""
        return [attributes.get("href") or "" for name, attributes in self.tags if name == "a"]


def ask(api: Api, path: str, **headers: str) -> Answer:
    return api.get(path, accept="text/html,application/xhtml+xml,*/*;q=0.8", **headers)


def show(api: Api, path: str = "/") -> Page:
    answer = ask(api, path)
    assert answer.status == 200, answer.response.text
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    return Page(answer.response.text)


def four_servers(api: Api) -> Api:
    """Four servers: a good one, one that drifts, one that failed, and one whose checks stopped."""
    api.cron(host="web-04", check_interval=60)
    api.clock.advance(200)
    api.pipeline(environment="prod", commit_sha="0123456789abcdef", pipeline_url="https://ci.example/1")
    api.cron(host="web-02", changed_files=["/etc/a", "/etc/b"])
    api.pipeline(
        server_group="db", host="db-01", status="failed", validation_status="failed", validation_message="line 3"
    )
    return api
