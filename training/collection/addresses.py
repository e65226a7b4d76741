"""Connections that never lead to a private address: the address that is connected to is the one
that was checked.
"""

from __future__ import annotations

import ipaddress
import socket

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import NameResolutionError, NewConnectionError
from urllib3.util.connection import create_connection

from training.collection.item import PRIVATE, Refused

_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def is_public(address: str) -> bool:
    """Whether an IP address is on the public internet; one that wraps an IPv4 address is as public
    as that one.
    """
    ip = ipaddress.ip_address(address.split("%")[0])
    if ip.version == 6:
        if ip.ipv4_mapped:
            return is_public(str(ip.ipv4_mapped))
        inner = ip.sixtofour or (ip.teredo or (None, None))[1]
        if ip in _NAT64:
            inner = ipaddress.ip_address(int(ip) & 0xFFFFFFFF)
        if inner is not None and not is_public(str(inner)):
            return False
    return ip.is_global and not ip.is_multicast


class PublicAdapter(HTTPAdapter):
    """For a session of requests: looks each name up itself, refuses it if any address is private,
    connects to those that it has seen. A name server that answers otherwise the second time (DNS
    rebinding) is never asked twice.
    """

    def init_poolmanager(self, *args, **kwargs):
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {
            "http": _PublicHTTPPool,
            "https": _PublicHTTPSPool,
        }


class _PublicAddresses:
    """Makes a connection of urllib3 choose among public addresses only."""

    def _new_conn(self) -> socket.socket:
        try:
            found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError) as error:
            raise NameResolutionError(self.host, self, error) from error
        addresses = list(dict.fromkeys(entry[4][0] for entry in found))
        for address in addresses:
            if not is_public(address):
                raise Refused(
                    PRIVATE,
                    f"{self.host} is {address}; --allow-private lets such addresses through",
                )
        trouble: OSError | None = None
        for address in addresses:
            try:
                return create_connection(
                    (address, self.port),
                    self.timeout,
                    source_address=self.source_address,
                    socket_options=self.socket_options,
                )
            except OSError as error:
                trouble = error
        raise NewConnectionError(self, f"no address of {self.host} answers: {trouble}") from trouble


class _PublicHTTP(_PublicAddresses, HTTPConnection):
    pass


class _PublicHTTPS(_PublicAddresses, HTTPSConnection):
    pass


class _PublicHTTPPool(HTTPConnectionPool):
    ConnectionCls = _PublicHTTP


class _PublicHTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _PublicHTTPS
