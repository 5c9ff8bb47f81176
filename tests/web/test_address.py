"""Whose address a request has: the connection's, or what trusted proxies say (API.md, section 10)."""

from pathlib import Path
from typing import Any

import pytest
from flask import request

from config import ConfigError, Settings
from tests.web.api import Api
from web.base.address import read_address

PROXIES = "10.0.0.0/8, fd00::/8"


def seen(folder: Path, proxies: str, peer: str, headers: list[tuple[str, str]]) -> tuple[str | None, str]:
    """The address and the scheme that a view sees."""
    api = Api(folder, **({"trusted_proxies": proxies} if proxies else {}))
    api.app.add_url_rule("/seen", view_func=lambda: {"seen": [request.remote_addr, request.scheme]})
    address, scheme = api.request("GET", "/seen", headers=headers, environ_base={"REMOTE_ADDR": peer}).json["seen"]
    return address, scheme


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        # behind one proxy
        ("10.0.0.1", ["192.0.2.7"], "192.0.2.7"),
        ("10.0.0.1", ["  192.0.2.7  "], "192.0.2.7"),
        ("10.0.0.1", ["192.0.2.7:4711"], "192.0.2.7"),
        ("10.0.0.1", ["2001:db8::7"], "2001:db8::7"),
        ("10.0.0.1", ["[2001:db8::7]"], "2001:db8::7"),
        ("10.0.0.1", ["[2001:db8::7]:4711"], "2001:db8::7"),
        ("10.0.0.1", ["2001:0DB8:0:0::7"], "2001:db8::7"),
        ("10.0.0.1", ["::ffff:192.0.2.7"], "192.0.2.7"),
        ("fd00::1", ["192.0.2.7"], "192.0.2.7"),
        ("::ffff:10.0.0.1", ["192.0.2.7"], "192.0.2.7"),
        ("10.0.0.1", [], "10.0.0.1"),
        # behind several
        ("10.0.0.1", ["192.0.2.7, 10.0.0.2"], "192.0.2.7"),
        ("10.0.0.1", ["192.0.2.7, 10.0.0.3,10.0.0.2"], "192.0.2.7"),
        ("10.0.0.1", ["192.0.2.7", "10.0.0.2"], "192.0.2.7"),
        ("10.0.0.1", ["192.0.2.7, ::ffff:10.0.0.2, [fd00::2]:80"], "192.0.2.7"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        # a client that lies to the proxy
        ("10.0.0.1", ["198.51.100.1, 192.0.2.7"], "192.0.2.7"),
        ("10.0.0.1", ["198.51.100.1", "192.0.2.7"], "192.0.2.7"),
        ("10.0.0.1", ["10.0.0.9, 192.0.2.7, 10.0.0.2"], "192.0.2.7"),
        # garbage: the last that was good
        ("10.0.0.1", ["unknown"], "10.0.0.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.1", ["192.0.2.7, unknown, 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", ["192.0.2.7,"], "10.0.0.1"),
        ("10.0.0.1", ["192.0.2.7, 10.0.0"], "10.0.0.1"),
        ("10.0.0.1", ["192.0.2.7, 010.0.0.2"], "10.0.0.1"),
        ("10.0.0.1", ["192.0.2.7, fe80::1%eth0"], "10.0.0.1"),
        ("10.0.0.1", ["192.0.2.7, <script>"], "10.0.0.1"),
        ("10.0.0.1", [",".join(["x"] * 1_000)], "10.0.0.1"),
        # a peer that is no proxy says nothing that counts
        ("192.0.2.66", ["198.51.100.1"], "192.0.2.66"),
        ("192.0.2.66", ["198.51.100.1, 10.0.0.2"], "192.0.2.66"),
        ("11.0.0.1", ["198.51.100.1"], "11.0.0.1"),
        ("2001:db8::66", ["198.51.100.1"], "2001:db8::66"),
        ("", ["198.51.100.1"], ""),  # a Unix socket
    ],
)  # fmt: skip
def test_the_client_is_the_last_address_that_is_no_proxy(
    tmp_path: Path, peer: str, forwarded: list[str], client: str
) -> None:
    headers = [("X-Forwarded-For", line) for line in forwarded]
    assert seen(tmp_path, PROXIES, peer, headers) == (client, "http")


@pytest.mark.parametrize("peer", ["127.0.0.1", "10.0.0.1", "::1"])
def test_without_a_setting_nobody_is_believed(tmp_path: Path, peer: str) -> None:
    headers = [("X-Forwarded-For", "192.0.2.7"), ("X-Forwarded-Proto", "https")]
    assert seen(tmp_path, "", peer, headers) == (peer, "http")


@pytest.mark.parametrize(
    ("peer", "said", "scheme"),
    [
        ("10.0.0.1", "https", "https"),
        ("10.0.0.1", "HTTPS", "https"),
        ("10.0.0.1", "https, http", "http"),
        ("10.0.0.1", "http, https", "https"),
        ("10.0.0.1", "", "http"),
        ("10.0.0.1", "javascript", "http"),
        ("192.0.2.66", "https", "http"),
    ],
)
def test_the_scheme_is_what_a_trusted_proxy_says_last(tmp_path: Path, peer: str, said: str, scheme: str) -> None:
    assert seen(tmp_path, PROXIES, peer, [("X-Forwarded-Proto", said)]) == (peer, scheme)


@pytest.mark.parametrize(
    "header", ["Forwarded", "X-Real-IP", "X-Client-IP", "True-Client-IP", "X-Forwarded", "X-Forwarded-Host"]
)
def test_no_other_header_moves_the_address(tmp_path: Path, header: str) -> None:
    assert seen(tmp_path, PROXIES, "10.0.0.1", [(header, "192.0.2.7")]) == ("10.0.0.1", "http")


def test_an_address_with_anything_around_it_is_none() -> None:
    for text in ("", " 10.0.0.1", "10.0.0.1 ", "10.0.0.1:", "10.0.0.1:x", "[10.0.0.1", "fd00::1]", "[]", "1", "0x7f.1",
                 "10.0.0.1\n", "[10.0.0.1]:80:80", "fd00::1%1", "1.2.3.4.5"):  # fmt: skip
        assert read_address(text) is None, text


@pytest.mark.parametrize("nonsense", ["proxy", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/8,", "*", "10.0.0.0/8;fd00::/8"])
def test_networks_that_are_none_stop_the_start_and_are_named(nonsense: str) -> None:
    with pytest.raises(ConfigError) as refused:
        Settings.from_environment({"STATUS_TRUSTED_PROXIES": nonsense})
    assert f"STATUS_TRUSTED_PROXIES={nonsense!r}" in str(refused.value)


def test_one_address_is_a_network_too() -> None:
    settings: Any = Settings.from_environment({"STATUS_TRUSTED_PROXIES": "10.0.0.1, ::1"})
    assert list(map(str, settings.trusted_proxies)) == ["10.0.0.1/32", "::1/128"]
