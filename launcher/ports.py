"""Loopback ports, and whether something answers there in the protocol that we expect."""

from __future__ import annotations

import contextlib
import socket
import struct

from launcher.errors import StartFailed

LOOPBACK = "127.0.0.1"


def free_ports(count: int) -> list[int]:
    """`count` different loopback ports that nothing listens on now."""
    with contextlib.ExitStack() as stack:
        ports = []
        for _ in range(count):
            sock = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
            sock.bind((LOOPBACK, 0))
            ports.append(int(sock.getsockname()[1]))
        return ports


def choose_port(wanted: int | None, what: str) -> int:
    """`wanted`, or a free one where it is None. Raises StartFailed when `wanted` is taken."""
    if wanted is None:
        return free_ports(1)[0]
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((LOOPBACK, wanted))
        except OSError:
            raise StartFailed(
                f"{what} cannot start: port {wanted} is in use",
                hint="choose another port, or stop what listens there",
            ) from None
    return wanted


def kafka_answers(port: int, host: str = LOOPBACK, timeout: float = 1.0) -> bool:
    """Whether a Kafka broker replies to ApiVersions."""
    request = struct.pack(">hhih", 18, 0, 1, -1)
    reply = _ask(host, port, struct.pack(">i", len(request)) + request, 8, timeout)
    return len(reply) == 8 and struct.unpack(">i", reply[4:])[0] == 1


def redis_answers(port: int, host: str = LOOPBACK, timeout: float = 1.0) -> bool:
    """Whether a Redis server has loaded its data and replies to PING."""
    return _ask(host, port, b"PING\r\n", 5, timeout) == b"+PONG"


def _ask(host: str, port: int, request: bytes, size: int, timeout: float) -> bytes:
    try:
        with socket.create_connection((host, port), timeout) as sock:
            sock.sendall(request)
            reply = b""
            while len(reply) < size and (part := sock.recv(size - len(reply))):
                reply += part
            return reply
    except OSError:
        return b""
