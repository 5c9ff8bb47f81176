"""The address of a client: that of the connection, or what a proxy that is trusted says of it (API.md, section 10)."""

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from config import Network

Address = IPv4Address | IPv6Address

# A port may follow an IPv4 address, or an IPv6 address in brackets.
_WITH_PORT = re.compile(r"\[(?P<six>[^\]]*)\](?::\d+)?|(?P<four>[\d.]+)(?::\d+)?")


class BehindProxies:
    """A WSGI app whose REMOTE_ADDR is the client's, and whose scheme is what the client used, behind these proxies.

    Nothing of what another peer says about itself counts.
    """

    def __init__(self, app: WSGIApplication, proxies: Iterable[Network]) -> None:
        self._app = app
        self._proxies = tuple(proxies)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        peer = read_address(environ.get("REMOTE_ADDR", ""))
        if peer and self._is_proxy(peer):
            environ["REMOTE_ADDR"] = str(self._client(peer, environ.get("HTTP_X_FORWARDED_FOR", "")))
            scheme = environ.get("HTTP_X_FORWARDED_PROTO", "").rpartition(",")[2].strip().lower()
            if scheme in ("http", "https"):
                environ["wsgi.url_scheme"] = scheme
        return self._app(environ, start_response)

    def _client(self, address: Address, forwarded_for: str) -> Address:
        """Walk back from proxy to proxy: each wrote at the end whom it speaks for, and only a proxy is believed."""
        for text in reversed(forwarded_for.split(",")):
            said = read_address(text.strip()) if self._is_proxy(address) else None
            if said is None:
                break
            address = said
        return address

    def _is_proxy(self, address: Address) -> bool:
        return any(address in network for network in self._proxies)


def read_address(text: str) -> Address | None:
    """The address in a text such as `10.0.0.1`, `10.0.0.1:443`, `fd00::1` or `[fd00::1]:443`; None if it is none.

    An IPv4 address that is written as an IPv6 one (`::ffff:10.0.0.1`) is the IPv4 address.
    """
    if with_port := _WITH_PORT.fullmatch(text):
        text = with_port["six"] or with_port["four"] or ""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        return None if address.scope_id else address.ipv4_mapped or address
    return address
