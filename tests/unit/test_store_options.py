"""URLs of Redis, and that no secret shows."""

from __future__ import annotations

import pytest

from profile_store.options import RedisOptions


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://", ("127.0.0.1", 6379, 0, "", "", False)),
        ("redis://example.org", ("example.org", 6379, 0, "", "", False)),
        ("rediss://u:p%40ss@example.org:7000/3", ("example.org", 7000, 3, "u", "p@ss", True)),
        ("redis://:secret@[::1]:7000?db=2", ("::1", 7000, 2, "", "secret", False)),
    ],
)
def test_urls(url: str, expected: tuple[object, ...]) -> None:
    """Host, port, database, user, password and TLS come out of the URL."""
    a = RedisOptions(url).address()
    assert (a.host, a.port, a.database, a.username, a.password, a.tls) == expected


def test_nodes_of_a_cluster() -> None:
    """A cluster is reached through any of the nodes that its URL names; one user for all."""
    address = RedisOptions("redis://u:p@a:7000,[::1]:7001,c", cluster=True).address()
    assert address.places == (("a", 7000), ("::1", 7001), ("c", 6379))
    assert (address.username, address.password, str(address)) == (
        "u",
        "p",
        "a:7000,::1:7001,c:6379",
    )


def test_options_win_over_the_url() -> None:
    """User and password from settings replace those of the URL."""
    address = RedisOptions("redis://a:b@h", username="c", password="d").address()
    assert (address.username, address.password) == ("c", "d")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (RedisOptions("http://h"), "redis:// or rediss://"),
        (RedisOptions("h:6379"), "redis:// or rediss://"),
        (RedisOptions("redis://h:x"), "not a number"),
        (RedisOptions("redis://h/x"), "not a number"),
        (RedisOptions("redis://h/1", cluster=True), "database 0 only"),
        (RedisOptions("redis://h:1,i:2"), "only a Redis Cluster"),
        (RedisOptions("redis://h:1,i:x", cluster=True), "not a number"),
    ],
)
def test_bad_urls(options: RedisOptions, message: str) -> None:
    """What cannot be used is said, without the URL (it may hold a password)."""
    with pytest.raises(ValueError, match=message):
        options.address()


def test_secrets_do_not_show() -> None:
    """Neither the options nor the address print a password."""
    options = RedisOptions("redis://user:hidden1@h", password="hidden2")
    shown = f"{options!r} {options.address()!r} {options.address()}"
    assert "hidden" not in shown
