"""The Confluent registry client against a registry on the loopback interface."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

pytest.importorskip("confluent_kafka.schema_registry", reason="needs the extra: registry")

from streams.registry import MAX_UNKNOWN, UNKNOWN_FOR_S, ConfluentRegistry, RegistryUnavailable


class FakeRegistry(ThreadingHTTPServer):
    """The part of the REST interface that a reader needs: GET /schemas/ids/{id}."""

    daemon_threads = True

    def __init__(self) -> None:
        self.schemas: dict[int, dict[str, str]] = {}
        self.failing = False
        self.requests: list[int] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: FakeRegistry

    def do_GET(self) -> None:
        schema_id = int(self.path.split("?")[0].rsplit("/", 1)[1])
        self.server.requests.append(schema_id)
        if self.server.failing:
            self._answer(500, {"error_code": 50001, "message": "out of order"})
        elif schema_id in self.server.schemas:
            self._answer(200, self.server.schemas[schema_id])
        else:
            self._answer(404, {"error_code": 40403, "message": "Schema not found"})

    def _answer(self, status: int, content: object) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/vnd.schemaregistry.v1+json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[FakeRegistry]:
    """A registry that answers until the test is over."""
    with FakeRegistry() as fake:
        thread = threading.Thread(target=fake.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield fake
        fake.shutdown()
        thread.join()


def registry(server: FakeRegistry, now: list[float]) -> ConfluentRegistry:
    """A client that does not wait between its tries."""
    options = {"max.retries": 0, "retries.wait.ms": 1}
    return ConfluentRegistry(server.url, options, clock=lambda: now[0])


def test_a_known_schema_is_asked_for_once(server: FakeRegistry) -> None:
    """A schema is immutable: the second record with its id makes no request."""
    server.schemas[7] = {"schema": '"string"'}
    client = registry(server, [0.0])
    assert [client.schema(7), client.schema(7)] == ['"string"', '"string"']
    assert server.requests == [7]


def test_an_unknown_id_is_asked_for_again_after_a_while(server: FakeRegistry) -> None:
    """Damaged records do not become requests, and a schema registered later is found."""
    now = [0.0]
    client = registry(server, now)
    assert [client.schema(8), client.schema(8)] == [None, None]
    assert server.requests == [8]
    server.schemas[8] = {"schema": '"long"'}
    now[0] = UNKNOWN_FOR_S + 1
    assert client.schema(8) == '"long"'


def test_memory_of_unknown_ids_is_bounded(server: FakeRegistry) -> None:
    """Random ids in garbage do not fill the memory."""
    client = registry(server, [0.0])
    client._unknown = dict.fromkeys(range(100, 100 + MAX_UNKNOWN), 1.0)
    assert client.schema(9) is None
    assert len(client._unknown) == 1


def test_a_schema_that_is_not_avro(server: FakeRegistry) -> None:
    """JSON Schema and Protobuf in the same registry are no writer schemas of ours."""
    server.schemas[7] = {"schema": "{}", "schemaType": "JSON"}
    assert registry(server, [0.0]).schema(7) is None


def test_a_failing_registry_is_no_fault_of_the_record(server: FakeRegistry) -> None:
    """An error of the server is an error to retry, and afterwards the schema is found."""
    server.schemas[7] = {"schema": '"string"'}
    server.failing = True
    client = registry(server, [0.0])
    with pytest.raises(RegistryUnavailable, match=server.url):
        client.schema(7)
    server.failing = False
    assert client.schema(7) == '"string"'


def test_no_registry_there() -> None:
    """A refused connection is an error to retry as well."""
    with FakeRegistry() as gone:
        url = gone.url
    client = ConfluentRegistry(url, {"max.retries": 0, "timeout": 1})
    with pytest.raises(RegistryUnavailable):
        client.schema(7)
