"""How to reach a Redis server or cluster. Secrets never show in a repr or a message."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

DEFAULT_URL = "redis://127.0.0.1:6379/0"


@dataclass(frozen=True, slots=True)
class Durability:
    """What must hold before a commit counts as done. The default waits for nothing more.

    replicas: how many replicas must have received the commit (WAIT). fsync: the server, and each
    of those replicas, must have it in its append-only file (WAITAOF, Redis 7.2 or newer).
    """

    replicas: int = 0
    fsync: bool = False
    timeout_ms: int = 1000

    @property
    def waits(self) -> bool:
        """Whether there is anything to wait for."""
        return self.replicas > 0 or self.fsync


@dataclass(frozen=True, slots=True)
class RedisOptions:
    """Where the server is and how to log in.

    url: redis:// or rediss:// (TLS), may hold user, password and database. username and password
    win over those of the URL. ssl_ca: trusted beside the system's certificates. cluster: the URL
    names one node of a Redis Cluster, better several, comma-separated, so that one may be away when
    a process starts. timeout_s: a call that takes longer, connecting included, finds Redis out of
    reach.
    """

    url: str = field(default=DEFAULT_URL, repr=False)
    username: str = ""
    password: str = field(default="", repr=False)
    ssl_ca: str = ""
    ssl_certificate: str = ""
    ssl_key: str = ""
    ssl_check_hostname: bool = True
    cluster: bool = False
    timeout_s: float = 5.0
    durability: Durability = field(default_factory=Durability)

    def address(self) -> Address:
        """The parts of the URL, completed by the other options. Raises ValueError."""
        parts = urlsplit(self.url)
        if parts.scheme not in ("redis", "rediss"):
            raise ValueError(
                f"a Redis URL starts with redis:// or rediss://, not {parts.scheme}://"
            )
        login, _, hosts = parts.netloc.rpartition("@")
        username, _, password = login.partition(":")
        try:
            (host, port), *others = [_host_and_port(place) for place in hosts.split(",")]
            database = int(parts.path.strip("/") or parse_qs(parts.query).get("db", ["0"])[0])
        except ValueError:
            raise ValueError("the port or the database in the Redis URL is not a number") from None
        if self.cluster and database:
            raise ValueError("a Redis Cluster has database 0 only")
        if others and not self.cluster:
            raise ValueError("several hosts in the Redis URL: only a Redis Cluster has them")
        return Address(
            host,
            port,
            database,
            self.username or unquote(username),
            self.password or unquote(password),
            parts.scheme == "rediss",
            tuple(others),
        )

    def ssl_context(self) -> ssl.SSLContext:
        """The TLS context. Raises OSError or ssl.SSLError when a file cannot be used."""
        context = ssl.create_default_context(cafile=self.ssl_ca or None)
        context.check_hostname = self.ssl_check_hostname
        if self.ssl_certificate:
            context.load_cert_chain(self.ssl_certificate, self.ssl_key or None)
        return context


def as_options(where: RedisOptions | str) -> RedisOptions:
    """Options from themselves or from a URL."""
    return RedisOptions(where) if isinstance(where, str) else where


def _host_and_port(place: str) -> tuple[str, int]:
    parts = urlsplit(f"//{place}")
    return parts.hostname or "127.0.0.1", parts.port or 6379


@dataclass(frozen=True, slots=True)
class Address:
    """One server, as a connection needs it. others: (host, port) of more nodes of its cluster."""

    host: str
    port: int
    database: int
    username: str
    password: str = field(repr=False)
    tls: bool = False
    others: tuple[tuple[str, int], ...] = ()

    @property
    def places(self) -> tuple[tuple[str, int], ...]:
        """(host, port) of every node that is named."""
        return ((self.host, self.port), *self.others)

    def __str__(self) -> str:
        """`host:port`, for messages; of a cluster with a comma between them."""
        return ",".join(f"{host}:{port}" for host, port in self.places)
